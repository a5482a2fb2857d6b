import { useMutation, useQueryClient } from '@tanstack/vue-query'
import { answerOf, api } from '../api/client'
import type { Connector } from '../api/types'
import type { SettingValue } from './settingsSchema'

/** Whether what stands in the app's settings connects an account, without a sign-in. */
export function connectsByKeys(connector: Connector | undefined): boolean {
  return connector !== undefined && !connector.capabilities.some((each) => each === 'Authorizes' || each === 'HostsForms')
}

/** Connecting by keys: they are tried at the source, and stored only if it takes them. */
export function useKeyConnection() {
  const cache = useQueryClient()
  return useMutation({
    mutationFn: ({ appId, settings = {} }: { appId: string; settings?: Record<string, SettingValue> }) =>
      answerOf(api.POST('/api/v1/apps/{app_id}/connections', { params: { path: { app_id: appId } }, body: { settings } })),
    onSuccess: () =>
      Promise.all([
        cache.invalidateQueries({ queryKey: ['connections'] }),
        cache.invalidateQueries({ queryKey: ['apps'] }),
      ]),
  })
}
