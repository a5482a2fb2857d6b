import type { JourneyStep } from '../api/types'
import type { Directory } from '../common/directory'
import { words } from '../common/format'

export interface ShownStep {
  icon: string
  title: string
  text: string
}

const ICONS: Record<string, string> = {
  created: 'i-lucide-sparkles',
  assigned: 'i-lucide-user-check',
  stage_changed: 'i-lucide-milestone',
  enquired_again: 'i-lucide-repeat',
  note: 'i-lucide-notebook-pen',
  call: 'i-lucide-phone',
  meeting: 'i-lucide-calendar',
  message: 'i-lucide-message-square',
  message_received: 'i-lucide-message-circle',
  call_received: 'i-lucide-phone-incoming',
  recording_added: 'i-lucide-voicemail',
  transcript_added: 'i-lucide-file-text',
  message_edited: 'i-lucide-pencil',
  message_revoked: 'i-lucide-undo-2',
  identity_changed: 'i-lucide-contact',
  opted_out: 'i-lucide-ban',
  opted_in: 'i-lucide-circle-check',
}

const TITLES: Record<string, string> = { created: 'Lead created', stage_changed: 'Stage changed', enquired_again: 'Asked again' }

function textOf(step: JourneyStep, directory: Directory): string {
  const detail = step.detail as Record<string, string | boolean | undefined>
  const id = (name: string): string | undefined => (typeof detail[name] === 'string' ? detail[name] : undefined)
  if (id('text')) return id('text') ?? ''
  if (step.kind === 'stage_changed') {
    const reason = id('lost_reason') ?? id('reason')
    const moved = `${directory.nameOf('stages', id('from'))} to ${directory.nameOf('stages', id('to'))}`
    return reason ? `${moved}. Reason: ${reason}` : moved
  }
  if (step.kind === 'assigned') {
    return id('assignee') ? `To ${directory.nameOf('people', id('assignee'))}` : `Waits in ${directory.nameOf('queues', id('queue'))}`
  }
  const from = [id('form'), id('connector') && `${words(id('connector') ?? '')} (${id('path')})`].filter(Boolean).join(', ')
  return detail.late ? `${from}. Arrived late` : from
}

/** One step of the journey as people read it. */
export function shownStep(step: JourneyStep, directory: Directory): ShownStep {
  return { icon: ICONS[step.kind] ?? 'i-lucide-circle-dot', title: TITLES[step.kind] ?? words(step.kind), text: textOf(step, directory) }
}
