import { useInfiniteQuery, useMutation, useQuery, useQueryClient } from '@tanstack/vue-query'
import { computed, type Ref } from 'vue'
import { answerOf, api } from '../api/client'
import type { Redrivable } from './dispositions'

/** Receipts that ended without a lead make no event; these pages look again by themselves. */
const LOOK_AGAIN_MS = 5_000

export interface Period {
  since?: string
  until?: string
}

export interface ReceiptFilters {
  disposition?: string
  reason?: string
  source_id?: string
  connection_id?: string
  lead_id?: string
}

export interface RedriveOrder {
  receipt_ids?: string[]
  disposition?: Redrivable
  reason?: string
  connection_id?: string
}

export function useBalance(period: Ref<Period>) {
  return useQuery({
    queryKey: ['ledger', period],
    queryFn: () => answerOf(api.GET('/api/v1/ledger', { params: { query: period.value } })),
    refetchInterval: LOOK_AGAIN_MS,
    placeholderData: (before) => before,
  })
}

export function useReceipts(filters: Ref<ReceiptFilters>) {
  return useInfiniteQuery({
    queryKey: ['receipts', filters],
    queryFn: ({ pageParam }) =>
      answerOf(
        api.GET('/api/v1/receipts', {
          params: { query: { ...filters.value, disposition: filters.value.disposition as 'pending', after: pageParam } },
        }),
      ),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (page) => page.next_after ?? undefined,
    refetchInterval: (query) => ((query.state.data?.pages.length ?? 1) > 1 ? false : LOOK_AGAIN_MS),
  })
}

export function useReceipt(id: Ref<string | undefined>) {
  return useQuery({
    queryKey: ['receipts', 'one', id],
    queryFn: () => answerOf(api.GET('/api/v1/receipts/{receipt_id}', { params: { path: { receipt_id: id.value ?? '' } } })),
    enabled: computed(() => id.value !== undefined),
  })
}

/** Send held or failed receipts to work again; at most 500 in one call. */
export function useRedrive() {
  const cache = useQueryClient()
  return useMutation({
    mutationFn: (order: RedriveOrder) => answerOf(api.POST('/api/v1/receipts/redrive', { body: order })),
    onSuccess: () =>
      Promise.all(['ledger', 'receipts', 'leads'].map((subject) => cache.invalidateQueries({ queryKey: [subject] }))),
  })
}
