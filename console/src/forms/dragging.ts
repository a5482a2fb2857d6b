import { shallowRef } from 'vue'
import type { Offer } from './builder'

/** What the pointer carries to the canvas: something new, or an entry by its id. */
export const dragged = shallowRef<Offer | { id: number }>()

export function beginDrag(event: DragEvent, what: Offer | { id: number }): void {
  dragged.value = what
  event.dataTransfer?.setData('text/plain', '')
  if (event.dataTransfer) event.dataTransfer.effectAllowed = 'id' in what ? 'move' : 'copy'
}

export function endDrag(): void {
  dragged.value = undefined
}
