interface Property {
  type?: string
  title?: string
  description?: string
  format?: string
  writeOnly?: boolean
  default?: unknown
  pattern?: string
  minLength?: number
  maxLength?: number
  minimum?: number
  maximum?: number
  anyOf?: Property[]
}

interface Schema {
  properties?: Record<string, Property>
  required?: string[]
}

export type SettingValue = string | number | boolean

export interface SettingField {
  key: string
  label: string
  help?: string
  kind: 'text' | 'secret' | 'number' | 'switch'
  isRequired: boolean
  initial: SettingValue
  attributes: Record<string, string | number>
}

function attributesOf(property: Property): Record<string, string | number> {
  const { pattern, minLength, maxLength, minimum, maximum } = property
  const known = { pattern, minlength: minLength, maxlength: maxLength, min: minimum, max: maximum }
  return Object.fromEntries(Object.entries(known).filter((entry): entry is [string, string | number] => entry[1] !== undefined))
}

function kindOf(property: Property): SettingField['kind'] {
  if (property.type === 'boolean') return 'switch'
  if (property.type === 'integer' || property.type === 'number') return 'number'
  return property.format === 'password' || property.writeOnly ? 'secret' : 'text'
}

/** The fields of a connector's settings, from its JSON Schema: flat, with optional values as ``anyOf`` with null. */
export function settingFields(schema: unknown): SettingField[] {
  const { properties = {}, required = [] } = (schema ?? {}) as Schema
  return Object.entries(properties).map(([key, outer]) => {
    const inner = outer.anyOf?.find((each) => each.type !== 'null') ?? outer
    const kind = kindOf({ ...outer, ...inner })
    const initial = outer.default ?? inner.default
    return {
      key,
      label: outer.title ?? key,
      help: outer.description,
      kind,
      isRequired: required.includes(key),
      initial: typeof initial === 'string' || typeof initial === 'number' || typeof initial === 'boolean' ? initial : kind === 'switch' ? false : '',
      attributes: attributesOf(inner),
    }
  })
}

/** What is sent: fields left empty keep their defaults. */
export function settingValues(fields: SettingField[], values: Record<string, SettingValue>): Record<string, SettingValue> {
  return Object.fromEntries(
    fields.map((field): [string, SettingValue] => [field.key, values[field.key] ?? '']).filter(([, value]) => value !== ''),
  )
}
