import { useEventListener } from '@vueuse/core'
import { ref, type Ref } from 'vue'
import { onBeforeRouteLeave } from 'vue-router'

/** Whoever leaves with unsaved changes is asked first: by a dialog inside the console, by the browser outside. */
export function useLeaveGuard(isDirty: Ref<boolean>) {
  const isAsking = ref(false)
  let answer: ((mayLeave: boolean) => void) | undefined

  onBeforeRouteLeave(() => {
    if (!isDirty.value) return true
    isAsking.value = true
    return new Promise<boolean>((resolve) => (answer = resolve))
  })
  useEventListener(window, 'beforeunload', (event) => {
    if (isDirty.value) event.preventDefault()
  })

  function decide(mayLeave: boolean): void {
    isAsking.value = false
    answer?.(mayLeave)
    answer = undefined
  }

  return { isAsking, decide }
}
