import { useMutation, useQuery, useQueryClient } from '@tanstack/vue-query'
import { computed, type Ref } from 'vue'
import { answerOf, api } from '../api/client'
import type { Answers, Defaults, FieldKind, Question, Rule } from './types'

const ROOT = 'source-forms'
const NEVER = Infinity
/** Answers that a form does not list make no event; the page looks for them by itself. */
const LOOK_AGAIN_MS = 5_000

function pathOf(id: Ref<string>) {
  return { path: { source_form_id: id.value } }
}

export function useSourceForm(id: Ref<string>) {
  return useQuery({
    queryKey: [ROOT, 'one', id],
    queryFn: () => answerOf(api.GET('/api/v1/source-forms/{source_form_id}', { params: pathOf(id) })),
  })
}

export function useMapping(id: Ref<string>) {
  return useQuery({
    queryKey: [ROOT, 'mapping', id],
    queryFn: () => answerOf(api.GET('/api/v1/source-forms/{source_form_id}/mapping', { params: pathOf(id) })),
  })
}

export function useTargets(id: Ref<string>) {
  return useQuery({
    queryKey: [ROOT, 'targets', id],
    queryFn: async () => {
      const found = await answerOf(api.GET('/api/v1/source-forms/{source_form_id}/mapping/targets', { params: pathOf(id) }))
      return new Map(found.items.map((each) => [each.question_key, each.targets]))
    },
  })
}

export function useSuggestions(id: Ref<string>) {
  return useQuery({
    queryKey: [ROOT, 'suggestions', id],
    queryFn: () => answerOf(api.GET('/api/v1/source-forms/{source_form_id}/mapping/suggestions', { params: pathOf(id) })),
  })
}

/** Asked once: what a person types over it must stay. */
export function useExample(id: Ref<string>) {
  return useQuery({
    queryKey: ['mapping-example', id],
    queryFn: () => answerOf(api.GET('/api/v1/source-forms/{source_form_id}/mapping/example', { params: pathOf(id) })),
    staleTime: NEVER,
    gcTime: 0,
  })
}

export function useVersions(id: Ref<string>) {
  return useQuery({
    queryKey: [ROOT, 'versions', id],
    queryFn: () => answerOf(api.GET('/api/v1/source-forms/{source_form_id}/mapping/versions', { params: pathOf(id) })),
  })
}

export function useFindings(id: Ref<string>) {
  return useQuery({
    queryKey: [ROOT, 'findings', id],
    queryFn: () => answerOf(api.GET('/api/v1/drift-findings', { params: { query: { source_form_id: id.value } } })),
    refetchInterval: LOOK_AGAIN_MS,
  })
}

export function useMasterFields() {
  return useQuery({
    queryKey: ['master-form'],
    queryFn: () => answerOf(api.GET('/api/v1/master-form')),
    select: (form) => new Map(form.fields.map((field) => [field.key, field])),
    staleTime: 60_000,
  })
}

/** What is wrong with rules that are not saved, and what they make of the answers to try them on. */
export function useTrial(id: Ref<string>, rules: Ref<Rule[]>, answers: Ref<Answers>) {
  const params = () => ({ params: pathOf(id) })
  const checked = useQuery({
    queryKey: ['mapping-check', id, rules],
    queryFn: () =>
      answerOf(api.POST('/api/v1/source-forms/{source_form_id}/mapping/check', { ...params(), body: { rules: rules.value } })),
    placeholderData: (before) => before,
    retry: false,
    gcTime: 0,
  })
  const tried = useQuery({
    queryKey: ['mapping-trial', id, rules, answers],
    queryFn: () =>
      answerOf(
        api.POST('/api/v1/source-forms/{source_form_id}/mapping/trial', {
          ...params(),
          body: { rules: rules.value, answers: answers.value },
        }),
      ),
    placeholderData: (before) => before,
    retry: false,
    gcTime: 0,
  })
  return { checked, tried }
}

/** Everything that is shown of a source form is asked anew after a change. */
export function useMappingChanges(id: Ref<string>) {
  const cache = useQueryClient()
  const refresh = () => cache.invalidateQueries({ queryKey: [ROOT] })
  const save = useMutation({
    mutationFn: (body: { rules: Rule[]; based_on: number }) =>
      answerOf(api.PUT('/api/v1/source-forms/{source_form_id}/mapping', { params: pathOf(id), body })),
    onSettled: refresh,
  })
  const adopt = useMutation({
    mutationFn: (body: { question_key: string; field_key: string }) =>
      answerOf(api.POST('/api/v1/source-forms/{source_form_id}/adoptions', { params: pathOf(id), body })),
    onSuccess: refresh,
  })
  const settle = useMutation({
    mutationFn: (finding_id: string) =>
      answerOf(api.POST('/api/v1/drift-findings/{finding_id}/settle', { params: { path: { finding_id } } })),
    onSuccess: refresh,
  })
  return { save, adopt, settle, refresh }
}

export function useNewField() {
  const cache = useQueryClient()
  return useMutation({
    mutationFn: (field: { label: string; type: FieldKind; choices: Question['choices'] }) =>
      answerOf(api.POST('/api/v1/master-form/fields', { body: { ...field, is_sensitive: false } })),
    onSuccess: () =>
      Promise.all(['master-form', ROOT].map((subject) => cache.invalidateQueries({ queryKey: [subject] }))),
  })
}

/** Of a source form, or of an account part for its forms to come. */
export type DefaultsPlace = { form: string } | { connection: string; part: string }

export function useDefaults(place: DefaultsPlace) {
  const cache = useQueryClient()
  const queryKey = ['form-defaults', place]
  const stored = useQuery({
    queryKey,
    queryFn: () =>
      'form' in place
        ? answerOf(api.GET('/api/v1/source-forms/{source_form_id}/defaults', { params: { path: { source_form_id: place.form } } }))
        : answerOf(api.GET('/api/v1/connections/{connection_id}/parts/{part_id}/defaults', { params: { path: partPath(place) } })),
  })
  const save = useMutation({
    mutationFn: (chosen: Defaults) => {
      const body = { ...chosen, priority: chosen.priority as 'high' | null }
      return 'form' in place
        ? answerOf(api.PUT('/api/v1/source-forms/{source_form_id}/defaults', { params: { path: { source_form_id: place.form } }, body }))
        : answerOf(api.PUT('/api/v1/connections/{connection_id}/parts/{part_id}/defaults', { params: { path: partPath(place) }, body }))
    },
    onSuccess: (saved) => cache.setQueryData(queryKey, saved),
  })
  return { stored: computed(() => stored.data.value), error: stored.error, save }
}

function partPath(place: { connection: string; part: string }) {
  return { connection_id: place.connection, part_id: place.part }
}
