import { computed, reactive, ref } from 'vue'
import type { FieldType, MasterField, MasterFieldDraft, MasterForm } from '../api/types'
import { copyOf, newId } from '../forms/draft'
import { hasChoices, kindOf } from '../forms/fieldKinds'
import { usePlacedProblems } from '../forms/problems'

/** A field as it is typed; one that was never saved may still be removed. */
export type DraftMasterField = Required<MasterFieldDraft> & { id: number; isNew: boolean }

function draftOf({ key, label, type, choices, is_sensitive }: MasterField | MasterFieldDraft, isNew: boolean): DraftMasterField {
  return { key: key ?? null, label, type, choices: copyOf(choices), is_sensitive, id: newId(), isNew }
}

/** The master form in its builder. */
export function useMasterBuilder() {
  const draft = reactive<{ name: string; fields: DraftMasterField[] }>({ name: 'Lead master form', fields: [] })
  const archived = ref<MasterField[]>([])
  const sent = computed(() => draft.fields.map(({ id: _id, isNew: _isNew, ...field }) => field))
  const written = computed(() => JSON.stringify([draft.name, sent.value]))
  const saved = ref(written.value)
  const isDirty = computed(() => written.value !== saved.value)
  const hasNew = computed(() => draft.fields.some((field) => field.isNew))
  const problems = usePlacedProblems(
    ([list, index, part]) => {
      const owner = list === 'fields' ? draft.fields[Number(index)]?.id : undefined
      return owner === undefined ? { owner, part: list ?? '' } : { owner, part: part ?? '' }
    },
    ({ owner, part }) => {
      if (owner === undefined) return part === 'name' ? draft.name : draft.fields.length
      return (draft.fields.find((field) => field.id === owner) as Record<string, unknown> | undefined)?.[part]
    },
  )

  function load(form: MasterForm): void {
    draft.name = form.name
    draft.fields = form.fields.filter((field) => !field.is_archived).map((field) => draftOf(field, false))
    archived.value = form.fields.filter((field) => field.is_archived)
    saved.value = written.value
    problems.note(undefined)
  }

  function begin(fields: MasterFieldDraft[]): void {
    draft.fields = fields.map((field) => draftOf(field, true))
  }

  function add(type: FieldType): number {
    const taken = new Set(draft.fields.map((field) => field.label.trim().toLowerCase()))
    let label = kindOf(type).label
    for (let number = 2; taken.has(label.toLowerCase()); number += 1) label = `${kindOf(type).label} ${number}`
    const choices = hasChoices(type) ? [{ value: 'First choice', label: 'First choice' }] : []
    const field = draftOf({ key: null, label, type, choices, is_sensitive: false }, true)
    draft.fields.push(field)
    return field.id
  }

  function move(from: number, to: number): void {
    draft.fields.splice(to > from ? to - 1 : to, 0, ...draft.fields.splice(from, 1))
  }

  /** What the server did at once, without touching what is typed in other fields. */
  function noteArchived(field: MasterField): void {
    const before = JSON.parse(saved.value) as [string, MasterFieldDraft[]]
    if (field.is_archived) {
      draft.fields = draft.fields.filter((each) => each.key !== field.key)
      before[1] = before[1].filter((each) => each.key !== field.key)
      archived.value.push(field)
    } else {
      const back = draftOf(field, false)
      draft.fields.push(back)
      const { id: _id, isNew: _isNew, ...plain } = back
      before[1].push(plain)
      archived.value = archived.value.filter((each) => each.key !== field.key)
    }
    saved.value = JSON.stringify(before)
  }

  return { draft, archived, sent, isDirty, hasNew, problems, load, begin, add, move, noteArchived }
}
