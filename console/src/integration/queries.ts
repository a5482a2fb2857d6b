import { useMutation, useQuery, useQueryClient } from '@tanstack/vue-query'
import { computed, type Ref } from 'vue'
import { answerOf, api } from '../api/client'
import type { Connection } from '../api/types'

/** States and forms change without an event too, and before this page hears of events. */
const LOOK_AGAIN_MS = 5_000
export const LOOK_OFTEN_MS = 1_500

export function useConnectors() {
  return useQuery({
    queryKey: ['connectors'],
    queryFn: async () => (await answerOf(api.GET('/api/v1/connectors'))).items,
    staleTime: 300_000,
  })
}

/** Connectors that fail at present; what is meant for them waits. */
export function useFailingConnectors() {
  return useQuery({
    queryKey: ['connector-health'],
    queryFn: async () => (await answerOf(api.GET('/api/v1/connector-health'))).items.filter((each) => each.is_failing),
    refetchInterval: LOOK_AGAIN_MS,
  })
}

export function useApps() {
  return useQuery({ queryKey: ['apps'], queryFn: async () => (await answerOf(api.GET('/api/v1/apps'))).items })
}

export function useConnections(isWaiting?: Ref<boolean>) {
  return useQuery({
    queryKey: ['connections'],
    queryFn: async () => (await answerOf(api.GET('/api/v1/connections'))).items,
    refetchInterval: computed(() => (isWaiting?.value ? LOOK_OFTEN_MS : LOOK_AGAIN_MS)),
    refetchIntervalInBackground: true,
  })
}

export function useSourceForms() {
  return useQuery({
    queryKey: ['source-forms'],
    queryFn: () => answerOf(api.GET('/api/v1/source-forms')),
    refetchInterval: LOOK_AGAIN_MS,
  })
}

/** What an admin does with one connection; each answer is shown at once. */
export function useConnectionChanges(connection: Ref<Connection>) {
  const cache = useQueryClient()
  const path = () => ({ path: { connection_id: connection.value.id } })
  const onSuccess = () => cache.invalidateQueries({ queryKey: ['connections'] })
  const turn = useMutation({
    mutationFn: (is_active: boolean) =>
      answerOf(api.PUT('/api/v1/connections/{connection_id}/active', { params: path(), body: { is_active } })),
    onSuccess,
  })
  const pull = useMutation({
    mutationFn: () => answerOf(api.POST('/api/v1/connections/{connection_id}/pull', { params: path() })),
    onSuccess,
  })
  const disconnect = useMutation({
    mutationFn: (reason: string) =>
      answerOf(api.POST('/api/v1/connections/{connection_id}/disconnection', { params: path(), body: { reason } })),
    onSuccess,
  })
  const remove = useMutation({
    mutationFn: (reason: string) =>
      answerOf(api.POST('/api/v1/connections/{connection_id}/deletion', { params: path(), body: { reason } })),
    onSuccess,
  })
  const setCentre = useMutation({
    mutationFn: ({ part_id, centre_id }: { part_id: string; centre_id: string | null }) =>
      answerOf(
        api.PUT('/api/v1/connections/{connection_id}/parts/{part_id}/centre', {
          params: { path: { connection_id: connection.value.id, part_id } },
          body: { centre_id },
        }),
      ),
    onSuccess,
  })
  return { turn, pull, disconnect, remove, setCentre }
}
