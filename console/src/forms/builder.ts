import { computed, reactive, ref } from 'vue'
import type { FieldType, FormDefinition, FormField, MasterField } from '../api/types'
import { copyOf, definitionOf, draftOf, emptyDraft, keyFor, newId, type DraftField, type FormDraft } from './draft'
import { hasChoices, kindOf } from './fieldKinds'
import { usePlacedProblems } from './problems'

const PARTS: Record<string, keyof FormDraft> = { allowed_hosts: 'hosts', redirect_url: 'redirectUrl' }

/** What can be dragged or added to the canvas. */
export type Offer = { kind: FieldType } | { master: MasterField } | { columns: 2 | 3 }

function fieldOf(kind: FieldType, changes: Partial<FormField>): Omit<DraftField, 'key'> {
  return {
    label: '',
    kind,
    placeholder: '',
    help_text: '',
    required: false,
    choices: [],
    hidden: false,
    parameter: null,
    maps_to: null,
    width: 'full',
    ...changes,
    id: newId(),
    isNew: true,
  }
}

/** The form in the builder: what is typed, what of it is chosen, what was refused, and every way to change it. */
export function useBuilder(language?: string) {
  const draft = reactive<FormDraft>(emptyDraft(language))
  const chosen = ref<number>()
  const definition = computed(() => definitionOf(draft))
  const written = computed(() => JSON.stringify(definition.value))
  const saved = ref(written.value)
  const isDirty = computed(() => written.value !== saved.value)

  const entries = computed(() => [...draft.fields, ...draft.consents])
  const problems = usePlacedProblems(
    ([list, index, part]) => {
      const owner = list === 'fields' || list === 'consents' ? draft[list][Number(index)]?.id : undefined
      return owner === undefined ? { owner, part: list ?? '' } : { owner, part: part ?? '' }
    },
    ({ owner, part }) => {
      if (owner === undefined && part === 'fields') return draft.fields.map(({ kind, hidden }) => [kind, hidden])
      if (owner === undefined) return [draft[PARTS[part] ?? (part as keyof FormDraft)], part === 'redirect_url' && draft.hosts]
      return (entries.value.find((each) => each.id === owner) as Record<string, unknown> | undefined)?.[part]
    },
  )

  /** What an entry is called on the canvas. */
  function nameOf(id: number): string | undefined {
    const entry = entries.value.find((each) => each.id === id)
    if (!entry) return undefined
    return 'label' in entry ? entry.label || 'Field without label' : entry.purpose || 'Consent without purpose'
  }

  function takenKeys(except?: number): Set<string> {
    return new Set(entries.value.filter((each) => each.id !== except).map((each) => each.key))
  }

  function freeLabel(wish: string): string {
    const taken = new Set(draft.fields.map((field) => field.label.trim().toLowerCase()))
    let label = wish
    for (let number = 2; taken.has(label.toLowerCase()); number += 1) label = `${wish} ${number}`
    return label
  }

  function insert(kind: FieldType, changes: Partial<FormField>, at: number): DraftField {
    const label = freeLabel(changes.label ?? kindOf(kind).label)
    const field: DraftField = { ...fieldOf(kind, { ...changes, label }), key: keyFor(changes.key ?? label, takenKeys()) }
    draft.fields.splice(at, 0, field)
    chosen.value = field.id
    return field
  }

  function add(offer: Offer, at: number = draft.fields.length): void {
    if ('master' in offer) {
      const { key, label, type, choices } = offer.master
      insert(type, { key, label, maps_to: key, choices: copyOf(choices) }, at)
    } else if ('columns' in offer) {
      const width = offer.columns === 2 ? 'half' : 'third'
      for (let number = 0; number < offer.columns; number += 1) insert('text', { width }, at + number)
    } else {
      const choices = hasChoices(offer.kind) ? ['First choice', 'Second choice'].map((text) => ({ value: text, label: text })) : []
      insert(offer.kind, { choices }, at)
    }
  }

  function addConsent(): void {
    const box = { key: keyFor('consent', takenKeys()), text: '', purpose: '', required: false, id: newId(), isNew: true }
    draft.consents.push(box)
    chosen.value = box.id
  }

  function listOf(id: number): { id: number }[] {
    return draft.fields.some((field) => field.id === id) ? draft.fields : draft.consents
  }

  /** To another place in its list; ``to`` is counted before it is taken out. */
  function move(id: number, to: number): void {
    const list = listOf(id)
    const from = list.findIndex((each) => each.id === id)
    const place = to > from ? to - 1 : to
    if (from < 0 || place < 0 || place >= list.length || place === from) return
    list.splice(place, 0, ...list.splice(from, 1))
  }

  function remove(id: number): void {
    const list = listOf(id)
    const index = list.findIndex((each) => each.id === id)
    list.splice(index, 1)
    chosen.value = list[Math.min(index, list.length - 1)]?.id
  }

  /** A new field's key follows its label. */
  function rename(field: DraftField, label: string): void {
    field.label = label
    if (field.isNew && !field.maps_to) field.key = keyFor(label, takenKeys(field.id))
  }

  function load(given: FormDefinition, isSaved: boolean): void {
    Object.assign(draft, draftOf(given))
    chosen.value = undefined
    problems.note(undefined)
    if (isSaved) saved.value = written.value
  }

  function markSaved(sent: FormDefinition): void {
    saved.value = JSON.stringify(sent)
    const keys = new Set([...sent.fields, ...sent.consents].map((each) => each.key))
    for (const each of entries.value) if (keys.has(each.key)) each.isNew = false
    problems.note(undefined)
  }

  return { draft, chosen, definition, isDirty, problems, nameOf, add, addConsent, move, remove, rename, load, markSaved }
}

export type Builder = ReturnType<typeof useBuilder>
