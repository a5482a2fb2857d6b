import { useMutation, useQuery, useQueryClient } from '@tanstack/vue-query'
import { computed, type Ref } from 'vue'
import { answerOf, api } from '../api/client'

export interface RuleDraft {
  target_id: string
  stage_id: string
  event_name: string
}

const ROOT = 'conversion-rules'
const LOOK_AGAIN_MS = 5_000

/** Which stages of leads are reported to one platform account, and how to change that. */
export function useConversionRules(connectionId: Ref<string>) {
  const cache = useQueryClient()
  const onSettled = () => cache.invalidateQueries({ queryKey: [ROOT] })
  const path = (id: string) => ({ path: { conversion_rule_id: id } })
  const rules = useQuery({
    queryKey: [ROOT],
    queryFn: async () => (await answerOf(api.GET('/api/v1/conversion-rules'))).items,
    refetchInterval: LOOK_AGAIN_MS,
  })
  const ofConnection = computed(() => rules.data.value?.filter((rule) => rule.connection_id === connectionId.value) ?? [])
  const add = useMutation({
    mutationFn: (draft: RuleDraft) =>
      answerOf(api.POST('/api/v1/conversion-rules', { body: { ...draft, connection_id: connectionId.value, is_active: true } })),
    onSettled,
  })
  const change = useMutation({
    mutationFn: ({ id, ...body }: { id: string; is_active: boolean }) =>
      answerOf(api.PATCH('/api/v1/conversion-rules/{conversion_rule_id}', { params: path(id), body })),
    onSettled,
  })
  const remove = useMutation({
    mutationFn: (id: string) => answerOf(api.DELETE('/api/v1/conversion-rules/{conversion_rule_id}', { params: path(id) })),
    onSettled,
  })
  return { rules, ofConnection, add, change, remove }
}

/** Where the platform takes reports; it is asked when somebody is about to choose. */
export function useConversionTargets(connectionId: Ref<string>, isWanted: Ref<boolean>) {
  return useQuery({
    queryKey: computed(() => ['conversion-targets', connectionId.value]),
    queryFn: () =>
      answerOf(
        api.GET('/api/v1/connections/{connection_id}/conversion-targets', { params: { path: { connection_id: connectionId.value } } }),
      ),
    enabled: isWanted,
    staleTime: 60_000,
  })
}
