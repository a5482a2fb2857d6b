import { useQuery } from '@tanstack/vue-query'
import { computed, type Ref } from 'vue'
import { useMe } from '../account/session'
import { answerOf, api, ApiProblem } from '../api/client'
import type { MasterField, MasterFieldDraft, MasterForm } from '../api/types'

export const MASTER_FORM = ['master-form']

/** The master form; an ``ApiProblem`` 404 as ``error`` while there is none. */
export function useMasterForm() {
  const { me, may } = useMe()
  return useQuery({
    queryKey: MASTER_FORM,
    queryFn: () => answerOf(api.GET('/api/v1/master-form')),
    enabled: computed(() => me.value !== undefined && may('master_form', 'view')),
  })
}

export function isMissing(error: unknown): boolean {
  return error instanceof ApiProblem && error.status === 404
}

export function useTemplate(isWanted: Ref<boolean>) {
  return useQuery({
    queryKey: ['form-templates'],
    queryFn: async () => (await answerOf(api.GET('/api/v1/form-templates'))).items.find((each) => each.key === 'master'),
    enabled: isWanted,
  })
}

export function saveMasterForm(exists: boolean, name: string, fields: MasterFieldDraft[]): Promise<MasterForm> {
  const body = { name, fields }
  return answerOf(exists ? api.PUT('/api/v1/master-form', { body }) : api.POST('/api/v1/master-form', { body }))
}

export function archiveField(key: string, isArchived: boolean): Promise<MasterField> {
  const params = { params: { path: { key } } }
  return answerOf(
    isArchived ? api.POST('/api/v1/master-form/fields/{key}/archive', params) : api.POST('/api/v1/master-form/fields/{key}/restore', params),
  )
}
