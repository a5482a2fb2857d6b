import { useMutation } from '@tanstack/vue-query'
import { computed, ref, watch } from 'vue'
import { answerOf, api } from '../api/client'
import type { Connection } from '../api/types'
import { useConnections } from './queries'

export interface SignInOrder {
  app_id: string
  /** A known account that is authorised again; left out for a new one. */
  connection_id?: string
}

type Phase = 'idle' | 'waiting' | 'blocked' | 'done'

const WINDOW = 'popup,width=760,height=820'

/** What signing in changes; other facts of a connection change by themselves. */
function grantOf(connection: Connection): string {
  return JSON.stringify([connection.has_grant, connection.expires_at, connection.authorised_until, connection.state])
}

function snapshot(connections: Connection[] | undefined): Map<string, string> {
  return new Map(connections?.map((each) => [each.id, grantOf(each)]))
}

/**
 * Signing in at a platform, in a window of its own. That window leaves our origin, so that nothing can be read from
 * it: whether it went well is seen from the connection itself.
 */
export function usePlatformSignIn() {
  const phase = ref<Phase>('idle')
  const address = ref<string>()
  const connectedName = ref<string>()
  const isWaiting = computed(() => phase.value === 'waiting' || phase.value === 'blocked')
  const { data: connections } = useConnections(isWaiting)
  let before = new Map<string, string>()

  const { mutate, isPending, error, reset } = useMutation({
    mutationFn: (order: SignInOrder) => answerOf(api.POST('/api/v1/authorisations', { body: order })),
  })

  function begin(order: SignInOrder): void {
    // Opened before anything is awaited: browsers only allow it right after the press of a button.
    const popup = window.open('', 'leadhub-connect', WINDOW)
    before = snapshot(connections.value)
    mutate(order, {
      onSuccess: ({ url }) => {
        address.value = url
        phase.value = popup ? 'waiting' : 'blocked'
        popup?.location.replace(url)
      },
      onError: () => popup?.close(),
    })
  }

  function end(): void {
    phase.value = 'idle'
    address.value = undefined
    reset()
  }

  watch(connections, (now) => {
    if (!isWaiting.value) return
    const changed = now?.find((each) => each.has_grant && before.get(each.id) !== grantOf(each))
    if (!changed) return
    connectedName.value = changed.account_name ?? changed.name
    phase.value = 'done'
  })

  return { phase, address, connectedName, begin, end, isPending, error }
}
