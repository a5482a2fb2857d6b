import { useQueryClient } from '@tanstack/vue-query'
import { onBeforeUnmount, readonly, ref } from 'vue'

export type LiveState = 'connecting' | 'live' | 'interrupted'

const KINDS = [
  'lead_created',
  'lead_attached',
  'lead_assigned',
  'stage_changed',
  'message_changed',
  'drift_found',
  'connection_authorised',
  'connection_grant_lost',
  'connection_activated',
  'connection_deactivated',
  'connection_disconnected',
  'connection_deleted',
  'authorisation_ends_soon',
  'receipts_overdue',
  'receipts_caught_up',
]
const ABOUT_LEADS = ['lead_created', 'lead_attached', 'lead_assigned', 'stage_changed', 'message_changed']
const ABOUT_RECEIPTS = ['receipts_overdue', 'receipts_caught_up']
const ALL_SUBJECTS = ['leads', 'lead', 'ledger', 'receipts', 'connections', 'source-forms']
const TOGETHER_MS = 600

const state = ref<LiveState>('connecting')
export const liveState = readonly(state)

function subjectsOf(kind: string): string[] {
  if (ABOUT_LEADS.includes(kind)) return ['leads', 'lead', 'ledger', 'receipts']
  return ABOUT_RECEIPTS.includes(kind) ? ['ledger', 'receipts'] : ['connections', 'source-forms']
}

/** Keep what is shown fresh: events of the server's stream make the answers they touch stale, a few at a time. */
export function useLiveUpdates(): void {
  const cache = useQueryClient()
  const stale = new Set<string>()
  let waiting: number | undefined

  /** An answer that is still on its way may be older than the event: it is waited for, and asked for once more. */
  async function askAgain(subject: string): Promise<void> {
    const underWay = cache.getQueryCache().findAll({ queryKey: [subject], fetchStatus: 'fetching' })
    await Promise.allSettled(underWay.map((query) => query.promise))
    await cache.invalidateQueries({ queryKey: [subject] }, { cancelRefetch: false })
  }

  function refresh(): void {
    waiting = undefined
    for (const subject of stale) void askAgain(subject)
    stale.clear()
  }

  function note(subjects: string[]): void {
    subjects.forEach((subject) => stale.add(subject))
    waiting ??= window.setTimeout(refresh, TOGETHER_MS)
  }

  const source = new EventSource('/api/v1/events')
  // What was read before the stream listened may be older than its first event.
  source.addEventListener('listening', () => note(ALL_SUBJECTS))
  source.onopen = () => (state.value = 'live')
  source.onerror = () => (state.value = source.readyState === EventSource.CLOSED ? 'interrupted' : 'connecting')
  for (const kind of KINDS) source.addEventListener(kind, () => note(subjectsOf(kind)))
  onBeforeUnmount(() => {
    source.close()
    window.clearTimeout(waiting)
    state.value = 'connecting'
  })
}
