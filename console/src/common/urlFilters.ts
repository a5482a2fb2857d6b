import { computed, type WritableComputedRef } from 'vue'
import { useRoute, useRouter } from 'vue-router'

/** A filter that stands in the address, so that a filtered list can be linked to and the back button works. */
export function useUrlFilter(name: string): WritableComputedRef<string | undefined> {
  const route = useRoute()
  const router = useRouter()
  return computed({
    get: () => {
      const given = route.query[name]
      return typeof given === 'string' && given !== '' ? given : undefined
    },
    set: (value) => void router.replace({ query: { ...route.query, [name]: value || undefined } }),
  })
}
