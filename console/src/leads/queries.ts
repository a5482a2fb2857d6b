import { useInfiniteQuery, useMutation, useQuery, useQueryClient } from '@tanstack/vue-query'
import type { Ref } from 'vue'
import { answerOf, api } from '../api/client'
import type { LeadDetail } from '../api/types'

export interface LeadFilters {
  stage_id?: string
  stage_kind?: 'open' | 'won' | 'lost'
  assignee_id?: string
  unassigned?: boolean
  source_id?: string
  priority?: 'critical' | 'high' | 'medium' | 'low'
  search?: string
  submitted_from?: string
  with_tests?: boolean
}

export function useLeads(filters: Ref<LeadFilters>) {
  return useInfiniteQuery({
    queryKey: ['leads', filters],
    queryFn: ({ pageParam }) =>
      answerOf(api.GET('/api/v1/leads', { params: { query: { ...filters.value, cursor: pageParam } } })),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (page) => page.next_cursor ?? undefined,
    placeholderData: (before) => before,
  })
}

export function useLead(id: Ref<string>) {
  return useQuery({
    queryKey: ['lead', id],
    queryFn: () => answerOf(api.GET('/api/v1/leads/{lead_id}', { params: { path: { lead_id: id.value } } })),
  })
}

/** Changes of one lead; each answers with the whole lead, which is shown at once. */
export function useLeadChanges(id: Ref<string>) {
  const cache = useQueryClient()
  const path = () => ({ path: { lead_id: id.value } })
  const onSuccess = (lead: LeadDetail) => {
    cache.setQueryData(['lead', id.value], lead)
    void cache.invalidateQueries({ queryKey: ['leads'] })
  }
  const move = useMutation({
    mutationFn: (body: { stage_id: string; lost_reason?: string }) =>
      answerOf(api.PUT('/api/v1/leads/{lead_id}/stage', { params: path(), body })),
    onSuccess,
  })
  const assign = useMutation({
    mutationFn: (assignee_id: string | null) =>
      answerOf(api.PUT('/api/v1/leads/{lead_id}/assignee', { params: path(), body: { assignee_id } })),
    onSuccess,
  })
  const note = useMutation({
    mutationFn: (text: string) =>
      answerOf(api.POST('/api/v1/leads/{lead_id}/journey', { params: path(), body: { kind: 'note', text } })),
    onSuccess,
  })
  return { move, assign, note }
}
