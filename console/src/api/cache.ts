import { QueryCache, QueryClient } from '@tanstack/vue-query'
import { ApiProblem } from './client'

function signInAgain(error: unknown): void {
  if (!(error instanceof ApiProblem && error.status === 401)) return
  const here = window.location.pathname + window.location.search
  window.location.assign(`/sign-in?next=${encodeURIComponent(here)}`)
}

/** Answers of the server, kept while pages show them. What the server refuses is not asked again. */
export const queryClient = new QueryClient({
  queryCache: new QueryCache({ onError: signInAgain }),
  defaultOptions: {
    queries: {
      staleTime: 5_000,
      retry: (count, error) => count < 2 && !(error instanceof ApiProblem && error.status < 500),
    },
  },
})
