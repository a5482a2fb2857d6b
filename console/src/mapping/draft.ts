import { computed, ref, watch, type Ref } from 'vue'
import { ApiProblem } from '../api/client'
import { useMapping, useMappingChanges } from './queries'
import { fieldsThatDiffer } from './rules'
import type { Mapping, Rule } from './types'

/**
 * The rules as a person edits them. What is typed stays through errors and when somebody else saves meanwhile:
 * then ``theirs`` is the newer version, until it is taken or overwritten on purpose.
 */
export function useMappingDraft(id: Ref<string>) {
  const { data: inForce, error: loadFailed, isLoading } = useMapping(id)
  const { save: saving } = useMappingChanges(id)
  const rules = ref<Rule[]>([])
  const base = ref<Mapping>()

  const isDirty = computed(() => base.value !== undefined && JSON.stringify(rules.value) !== JSON.stringify(base.value.rules))
  const theirs = computed(() => (base.value && inForce.value && inForce.value.version > base.value.version ? inForce.value : undefined))
  const changedByThem = computed(() => (theirs.value && base.value ? fieldsThatDiffer(base.value.rules, theirs.value.rules) : []))

  function take(mapping: Mapping): void {
    base.value = mapping
    rules.value = plain(mapping.rules)
    saving.reset()
  }

  watch(
    inForce,
    (now) => {
      if (now && !isDirty.value) take(now)
    },
    { immediate: true },
  )

  function discard(): void {
    const newest = inForce.value ?? base.value
    if (newest) take(newest)
  }

  /** What was typed goes on top of the version that somebody else saved. */
  function keepMine(): void {
    if (theirs.value) base.value = theirs.value
    saving.reset()
  }

  async function save(): Promise<boolean> {
    if (!base.value) return false
    try {
      const saved = await saving.mutateAsync({ rules: rules.value, based_on: base.value.version })
      take(saved)
      return true
    } catch (refused) {
      if (refused instanceof ApiProblem) return false
      throw refused
    }
  }

  const refusal = computed(() => (theirs.value ? null : saving.error.value))
  return { rules, base, isDirty, isLoading, loadFailed, theirs, changedByThem, save, isSaving: saving.isPending, refusal, discard, keepMine }
}

export type MappingDraft = ReturnType<typeof useMappingDraft>

/** A copy of its own, free of reactive wrapping. */
function plain<T>(value: T): T {
  return JSON.parse(JSON.stringify(value)) as T
}
