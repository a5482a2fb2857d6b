import { useInfiniteQuery, useMutation, useQuery, useQueryClient } from '@tanstack/vue-query'
import { computed, type Ref } from 'vue'
import { answerOf, api } from '../api/client'
import type { Form } from '../api/types'

export function useForms() {
  return useInfiniteQuery({
    queryKey: ['forms'],
    queryFn: ({ pageParam }) => answerOf(api.GET('/api/v1/forms', { params: { query: { cursor: pageParam } } })),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (page) => page.next_cursor ?? undefined,
  })
}

/** Switching a form on publishes a draft; switching it off keeps what still arrives in quarantine. */
export function useFormSwitch() {
  const cache = useQueryClient()
  return useMutation({
    mutationFn: ({ form, isOn }: { form: Form; isOn: boolean }) => {
      const params = { path: { form_id: form.id } }
      if (!isOn) return answerOf(api.POST('/api/v1/forms/{form_id}/deactivate', { params }))
      if (form.published_version === null) return answerOf(api.POST('/api/v1/forms/{form_id}/publish', { params }))
      return answerOf(api.POST('/api/v1/forms/{form_id}/activate', { params }))
    },
    onSettled: () => cache.invalidateQueries({ queryKey: ['forms'] }),
  })
}

export function useShare(form: Ref<Form | undefined>) {
  return useQuery({
    queryKey: ['share', computed(() => form.value?.id)],
    queryFn: () => answerOf(api.GET('/api/v1/forms/{form_id}/share', { params: { path: { form_id: form.value?.id ?? '' } } })),
    enabled: computed(() => form.value !== undefined),
  })
}

export function usePreview(form: Ref<Form | undefined>) {
  return useQuery({
    queryKey: ['preview', computed(() => form.value?.id)],
    queryFn: () =>
      answerOf(api.GET('/api/v1/forms/{form_id}/preview', { params: { path: { form_id: form.value?.id ?? '' } } })),
    enabled: computed(() => form.value !== undefined),
  })
}
