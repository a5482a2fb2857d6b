import type { ConsentBox, FormDefinition, FormField } from '../api/types'

interface Placed {
  id: number
  /** Not saved yet: the key still follows the label. */
  isNew: boolean
}

export type DraftField = FormField & Placed
export type DraftConsent = ConsentBox & Placed

/** A form as it is typed; ``definitionOf`` is what is sent. */
export interface FormDraft {
  title: string
  description: string
  fields: DraftField[]
  consents: DraftConsent[]
  language: string
  submitLabel: string
  ending: 'text' | 'redirect'
  thankYouText: string
  redirectUrl: string
  /** One host per line. */
  hosts: string
  isHeightAutomatic: boolean
}

const LONGEST_KEY = 55
const RESERVED = /^(utm_.*|gclid|gbraid|wbraid|fbclid|msclkid|ttclid)$/
let lastId = 0

/** Plain content, out of whatever watches it. */
export function copyOf<T>(content: T): T {
  return JSON.parse(JSON.stringify(content)) as T
}

export function newId(): number {
  lastId += 1
  return lastId
}

export function emptyDraft(language = 'en'): FormDraft {
  return {
    title: '',
    description: '',
    fields: [],
    consents: [],
    language,
    submitLabel: '',
    ending: 'text',
    thankYouText: '',
    redirectUrl: '',
    hosts: '',
    isHeightAutomatic: true,
  }
}

export function draftOf(definition: FormDefinition): FormDraft {
  return {
    title: definition.title,
    description: definition.description,
    fields: definition.fields.map((field) => ({ ...copyOf(field), id: newId(), isNew: false })),
    consents: definition.consents.map((box) => ({ ...box, id: newId(), isNew: false })),
    language: definition.language,
    submitLabel: definition.submit_label,
    ending: definition.redirect_url ? 'redirect' : 'text',
    thankYouText: definition.thank_you_text,
    redirectUrl: definition.redirect_url ?? '',
    hosts: definition.allowed_hosts.join('\n'),
    isHeightAutomatic: definition.auto_height,
  }
}

export function hostLines(hosts: string): string[] {
  return hosts.split('\n').map((line) => line.trim()).filter(Boolean)
}

function bare<T extends Placed>({ id: _id, isNew: _isNew, ...rest }: T): Omit<T, keyof Placed> {
  return rest
}

export function definitionOf(draft: FormDraft): FormDefinition {
  return {
    title: draft.title,
    description: draft.description,
    fields: draft.fields.map((field) => ({ ...bare(field), parameter: field.parameter || null })),
    consents: draft.consents.map(bare),
    language: draft.language,
    submit_label: draft.submitLabel,
    thank_you_text: draft.thankYouText,
    redirect_url: draft.ending === 'redirect' ? draft.redirectUrl.trim() : null,
    allowed_hosts: hostLines(draft.hosts),
    auto_height: draft.isHeightAutomatic,
  }
}

/** A key that nothing else has: "Preferred time?" gives ``preferred_time``. */
export function keyFor(label: string, taken: Set<string>): string {
  const plain = label.normalize('NFKD').replace(/\p{M}/gu, '').toLowerCase()
  let stem = plain.replace(/[^a-z0-9]+/g, '_').replace(/^_+|_+$/g, '').slice(0, LONGEST_KEY)
  if (!/^[a-z]/.test(stem) || RESERVED.test(stem)) stem = stem ? `field_${stem}` : 'field'
  let key = stem
  for (let number = 2; taken.has(key); number += 1) key = `${stem}_${number}`
  return key
}
