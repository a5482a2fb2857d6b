import { useLocalStorage } from '@vueuse/core'
import { computed } from 'vue'

export type ColumnKey = 'contact' | 'type' | 'source' | 'stage' | 'priority' | 'date' | 'centre' | 'assignee'

/** The columns of the table beside the name, in their order. */
export const COLUMNS: { key: ColumnKey; label: string }[] = [
  { key: 'contact', label: 'Email ID' },
  { key: 'type', label: 'Lead type' },
  { key: 'source', label: 'Lead source' },
  { key: 'stage', label: 'Lead stage' },
  { key: 'priority', label: 'Priority' },
  { key: 'date', label: 'Date' },
  { key: 'centre', label: 'Center' },
  { key: 'assignee', label: 'Assigned to' },
]

/** Which columns this browser shows. */
export function useColumns() {
  const hidden = useLocalStorage<ColumnKey[]>('leadhub-hidden-columns', [])
  const shown = computed(() => COLUMNS.filter((column) => !hidden.value.includes(column.key)))

  function show(key: ColumnKey, isShown: boolean): void {
    hidden.value = isShown ? hidden.value.filter((each) => each !== key) : [...hidden.value, key]
  }
  return { shown, hidden, show }
}
