import { computed } from 'vue'
import type { Directory } from '../common/directory'
import { useUrlFilter } from '../common/urlFilters'
import type { LeadFilters } from './queries'

export type Since = 'today' | 'week' | 'month'
export const UNASSIGNED = 'none'

/** The first moment of today, this week (from Monday) or this month, in the reader's time zone. */
export function startOf(since: Since, now: Date = new Date()): Date {
  const day = new Date(now.getFullYear(), now.getMonth(), now.getDate())
  if (since === 'week') day.setDate(day.getDate() - ((day.getDay() + 6) % 7))
  if (since === 'month') day.setDate(1)
  return day
}

function isSince(text: string | undefined): text is Since {
  return text === 'today' || text === 'week' || text === 'month'
}

/** The filters of the lead list; each stands in the address (N-013), a stage by its code. */
export function useLeadFilters(directory: Directory) {
  const status = useUrlFilter('status')
  const assignee = useUrlFilter('assignee')
  const source = useUrlFilter('source')
  const priority = useUrlFilter('priority')
  const search = useUrlFilter('search')
  const since = useUrlFilter('since')
  const tests = useUrlFilter('tests')

  const stage = computed(() =>
    directory.stages.value.find((each) => each.code.toLowerCase() === status.value?.toLowerCase()),
  )
  const wanted = computed<LeadFilters>(() => ({
    stage_id: stage.value?.id,
    assignee_id: assignee.value === UNASSIGNED ? undefined : assignee.value,
    unassigned: assignee.value === UNASSIGNED || undefined,
    source_id: source.value,
    priority: priority.value as LeadFilters['priority'],
    search: search.value,
    submitted_from: isSince(since.value) ? startOf(since.value).toISOString() : undefined,
    with_tests: tests.value === 'yes' || undefined,
  }))
  const isNarrowed = computed(() => Object.values(wanted.value).some((each) => each !== undefined))
  return { status, assignee, source, priority, search, since, tests, wanted, isNarrowed }
}

export type UsedFilters = ReturnType<typeof useLeadFilters>
