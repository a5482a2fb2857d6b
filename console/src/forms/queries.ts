import { useInfiniteQuery, useMutation, useQuery, useQueryClient } from '@tanstack/vue-query'
import { computed, type Ref } from 'vue'
import { answerOf, api } from '../api/client'
import type { Form, FormDefaults, FormDefinition, FormShown } from '../api/types'

const params = (formId: string) => ({ params: { path: { form_id: formId } } })

export function useForms() {
  return useInfiniteQuery({
    queryKey: ['forms'],
    queryFn: ({ pageParam }) => answerOf(api.GET('/api/v1/forms', { params: { query: { cursor: pageParam } } })),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (page) => page.next_cursor ?? undefined,
  })
}

/** The form that the builder opens: read once, so that nothing replaces what is being typed. */
export function useForm(formId: Ref<string | undefined>) {
  return useQuery({
    queryKey: ['form', formId],
    queryFn: () => answerOf(api.GET('/api/v1/forms/{form_id}', params(formId.value ?? ''))),
    enabled: computed(() => formId.value !== undefined),
    staleTime: Infinity,
    gcTime: 0,
  })
}

export function saveForm(formId: string | undefined, definition: FormDefinition): Promise<FormShown> {
  if (formId === undefined) return answerOf(api.POST('/api/v1/forms', { body: definition }))
  return answerOf(api.PUT('/api/v1/forms/{form_id}', { ...params(formId), body: definition }))
}

export function publishForm(formId: string): Promise<FormShown> {
  return answerOf(api.POST('/api/v1/forms/{form_id}/publish', params(formId)))
}

function turnForm(form: Form, isOn: boolean): Promise<FormShown> {
  if (!isOn) return answerOf(api.POST('/api/v1/forms/{form_id}/deactivate', params(form.id)))
  if (form.published_version === null) return publishForm(form.id)
  return answerOf(api.POST('/api/v1/forms/{form_id}/activate', params(form.id)))
}

/** Switching a form on publishes a draft; switching it off keeps what still arrives in quarantine. */
export function useFormSwitch() {
  const cache = useQueryClient()
  return useMutation({
    mutationFn: ({ form, isOn }: { form: Form; isOn: boolean }) => turnForm(form, isOn),
    onSettled: () => cache.invalidateQueries({ queryKey: ['forms'] }),
  })
}

export function useShare(form: Ref<Form | undefined>) {
  return useQuery({
    queryKey: ['share', computed(() => form.value?.id), computed(() => form.value?.published_version)],
    queryFn: () => answerOf(api.GET('/api/v1/forms/{form_id}/share', params(form.value?.id ?? ''))),
    enabled: computed(() => form.value !== undefined),
  })
}

export function usePreview(form: Ref<Form | undefined>) {
  return useQuery({
    queryKey: ['preview', computed(() => form.value?.id), computed(() => form.value?.edited_at)],
    queryFn: () => answerOf(api.GET('/api/v1/forms/{form_id}/preview', params(form.value?.id ?? ''))),
    enabled: computed(() => form.value !== undefined),
  })
}

export function useDefaults(formId: Ref<string | undefined>, isWanted: Ref<boolean>) {
  return useQuery({
    queryKey: ['form-defaults', formId],
    queryFn: () => answerOf(api.GET('/api/v1/forms/{form_id}/defaults', params(formId.value ?? ''))),
    enabled: computed(() => formId.value !== undefined && isWanted.value),
  })
}

export function useSaveDefaults(formId: Ref<string | undefined>) {
  const cache = useQueryClient()
  return useMutation({
    mutationFn: (body: FormDefaults) =>
      answerOf(api.PUT('/api/v1/forms/{form_id}/defaults', { ...params(formId.value ?? ''), body })),
    onSuccess: (saved) => cache.setQueryData(['form-defaults', formId.value], saved),
  })
}

export function useVersions(formId: Ref<string | undefined>, newest: Ref<number | null | undefined>) {
  return useInfiniteQuery({
    queryKey: ['form-versions', formId, newest],
    queryFn: ({ pageParam }) =>
      answerOf(
        api.GET('/api/v1/forms/{form_id}/versions', {
          params: { path: { form_id: formId.value ?? '' }, query: { cursor: pageParam } },
        }),
      ),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (page) => page.next_cursor ?? undefined,
    enabled: computed(() => formId.value !== undefined),
  })
}

export async function readVersion(formId: string, version: number): Promise<FormDefinition> {
  const path = { form_id: formId, version }
  return (await answerOf(api.GET('/api/v1/forms/{form_id}/versions/{version}', { params: { path } }))).definition
}

/** The hosted page of a form that is being built; with ``values`` as after a visitor sent them. */
export function drawPage(definition: FormDefinition, values?: Record<string, string[]>) {
  return answerOf(api.POST('/api/v1/form-previews', { body: { definition, values } }))
}
