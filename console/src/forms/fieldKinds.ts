import type { FieldType } from '../api/types'

export interface FieldKind {
  kind: FieldType
  label: string
  icon: string
}

/** Kinds of values, as admins call them. */
export const FIELD_KINDS: FieldKind[] = [
  { kind: 'text', label: 'Text', icon: 'i-lucide-type' },
  { kind: 'long_text', label: 'Long text', icon: 'i-lucide-text' },
  { kind: 'email', label: 'E-mail', icon: 'i-lucide-mail' },
  { kind: 'phone', label: 'Phone', icon: 'i-lucide-phone' },
  { kind: 'single_choice', label: 'Radio buttons', icon: 'i-lucide-circle-dot' },
  { kind: 'multiple_choice', label: 'Checkboxes', icon: 'i-lucide-square-check' },
  { kind: 'yes_no', label: 'Yes or no', icon: 'i-lucide-toggle-left' },
  { kind: 'number', label: 'Number', icon: 'i-lucide-hash' },
  { kind: 'money', label: 'Money', icon: 'i-lucide-banknote' },
  { kind: 'date', label: 'Date', icon: 'i-lucide-calendar' },
  { kind: 'date_time', label: 'Date and time', icon: 'i-lucide-calendar-clock' },
  { kind: 'url', label: 'Web address', icon: 'i-lucide-link' },
  { kind: 'address', label: 'Address', icon: 'i-lucide-map-pin' },
  { kind: 'consent', label: 'Consent', icon: 'i-lucide-shield-check' },
  { kind: 'file', label: 'File', icon: 'i-lucide-paperclip' },
]

/** What a visitor can be asked: a consent is a box of its own, and forms take no files. */
export const ASKED_KINDS = FIELD_KINDS.filter(({ kind }) => kind !== 'consent' && kind !== 'file')

export function kindOf(kind: FieldType): FieldKind {
  return FIELD_KINDS.find((each) => each.kind === kind) ?? { kind, label: kind, icon: 'i-lucide-circle-help' }
}

export function hasChoices(kind: FieldType): boolean {
  return kind === 'single_choice' || kind === 'multiple_choice'
}
