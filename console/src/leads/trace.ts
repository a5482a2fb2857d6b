import type { Assignment } from '../api/types'
import { words } from '../common/format'

type Row = [id: string, whyNot: string | null, open: number, capacity: number | null, lastAssigned: number, ...rest: number[]]

interface Step {
  step: string
  result?: string
  person?: string
  queue?: string
  name?: string
  people?: string[]
}

export interface ConsideredPerson {
  id: string
  name: string
  isChosen: boolean
  text: string
}

export interface Explanation {
  headline: string
  steps: string[]
  people: ConsideredPerson[]
}

export interface Names {
  person: (id: string) => string
  queue: (id: string) => string
}

const WHY_NOT: Record<string, string> = {
  not_in_team: 'does not take leads here',
  inactive: 'account switched off',
  takes_no_leads: 'takes no leads at present',
  absent: 'absent',
  outside_hours: 'outside working hours',
  just_taken_from: 'the lead was just taken from them',
  full: 'at capacity',
}

const STRATEGIES: Record<string, string> = {
  least_loaded: 'fewest open leads',
  round_robin: 'longest since the last assignment',
  weighted: 'share by weight',
}

const DECIDED: Record<string, string> = {
  form_default: 'the form names this person',
  former_owner: 'this person looked after them before',
  rule: 'a routing rule decided',
  queue: 'nobody could take it, so it waits with a clock',
  person: 'chosen by hand',
}

function because(decidedBy: string): string {
  return DECIDED[decidedBy] ?? STRATEGIES[decidedBy] ?? words(decidedBy).toLowerCase()
}

function stepText(step: Step, strategy: string | null, names: Names): string {
  const outcome = step.result === 'chosen' ? 'chosen' : (WHY_NOT[step.result ?? ''] ?? words(step.result ?? '').toLowerCase())
  switch (step.step) {
    case 'form_default':
      return `Default of the form, ${names.person(step.person ?? '')}: ${outcome}`
    case 'former_owner':
      return `Looked after them before, ${names.person(step.person ?? '')}: ${outcome}`
    case 'rule':
      if (step.result === 'queue') return `Rule "${step.name}": to the queue ${names.queue(step.queue ?? '')}`
      if (step.result === 'no_match') return `Rule "${step.name}": does not apply`
      if (step.result === 'passed_over') return `Rule "${step.name}": applies, but its queue was passed over`
      return `Rule "${step.name}": ${step.result === 'chosen' ? 'applies and decided' : 'applies, but nobody it names could take the lead'}`
    case 'strategy':
      return `By ${STRATEGIES[strategy ?? ''] ?? 'strategy'}: ${step.result === 'chosen' ? 'decided' : 'nobody could take the lead'}`
    case 'queue':
      return `Queue ${names.queue(step.queue ?? '')}: the lead waits there with a clock`
    default:
      return 'Decided by a person'
  }
}

function personOf(row: Row, chosen: string | null, names: Names): ConsideredPerson {
  const [id, whyNot, open, capacity] = row
  const load = capacity === null ? `${open} open leads` : `${open} of ${capacity} open leads`
  return {
    id,
    name: names.person(id),
    isChosen: id === chosen,
    text: whyNot === null ? load : `${load}, ${WHY_NOT[whyNot] ?? words(whyNot).toLowerCase()}`,
  }
}

/** The stored trace of an assignment, in words. */
export function explain(assignment: Assignment, names: Names): Explanation {
  const trace = assignment.trace as { steps?: Step[]; people?: Row[]; strategy?: string | null; assignee?: string | null }
  const receiver = assignment.assignee_id ? names.person(assignment.assignee_id) : `the queue ${names.queue(assignment.queue_id ?? '')}`
  return {
    headline: `Given to ${receiver}: ${because(assignment.decided_by)}`,
    steps: (trace.steps ?? []).map((step) => stepText(step, trace.strategy ?? null, names)),
    people: (trace.people ?? []).map((row) => personOf(row, trace.assignee ?? null, names)),
  }
}
