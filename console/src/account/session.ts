import { useQuery } from '@tanstack/vue-query'
import { computed } from 'vue'
import { queryClient } from '../api/cache'
import { answerOf, api, ApiProblem } from '../api/client'
import type { Me } from '../api/types'

const ME = ['me']

async function askMe(): Promise<Me | null> {
  try {
    return await answerOf(api.GET('/api/v1/session'))
  } catch (error) {
    if (error instanceof ApiProblem && error.status === 401) return null
    throw error
  }
}

/** Who is signed in; null for nobody. */
export function loadMe(): Promise<Me | null> {
  return queryClient.fetchQuery({ queryKey: ME, queryFn: askMe, staleTime: 30_000 })
}

/** Forget everything that was shown to the person before. */
export function forgetAnswers(): void {
  queryClient.clear()
}

/** The person that is signed in, and what they may do. */
export function useMe() {
  const { data: me } = useQuery({ queryKey: ME, queryFn: askMe, staleTime: 30_000 })
  const granted = computed(() => new Set(me.value?.permissions.map((each) => each.split(':').slice(0, 2).join(':'))))

  function may(resource: string, action: string): boolean {
    return granted.value.has(`${resource}:${action}`)
  }
  return { me, may }
}
