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
  enum?: string[]
  $ref?: string
}

interface Schema {
  properties?: Record<string, Property>
  required?: string[]
  $defs?: Record<string, Property>
}

/** Null takes a stored value away. */
export type SettingValue = string | number | boolean | null

export interface SettingField {
  key: string
  label: string
  help?: string
  kind: 'text' | 'secret' | 'number' | 'switch' | 'choice'
  isRequired: boolean
  initial: SettingValue
  attributes: Record<string, string | number>
  options: string[]
}

function attributesOf(property: Property): Record<string, string | number> {
  const { pattern, minLength, maxLength, minimum, maximum } = property
  const known = { pattern, minlength: minLength, maxlength: maxLength, min: minimum, max: maximum }
  return Object.fromEntries(Object.entries(known).filter((entry): entry is [string, string | number] => entry[1] !== undefined))
}

function kindOf(property: Property): SettingField['kind'] {
  if (property.enum) return 'choice'
  if (property.type === 'boolean') return 'switch'
  if (property.type === 'integer' || property.type === 'number') return 'number'
  return property.format === 'password' || property.writeOnly ? 'secret' : 'text'
}

/**
 * The fields of a connector's settings, from its JSON Schema: flat, with optional values as ``anyOf`` with null and
 * enumerations where they stand or by reference.
 */
export function settingFields(schema: unknown): SettingField[] {
  const { properties = {}, required = [], $defs = {} } = (schema ?? {}) as Schema
  return Object.entries(properties).map(([key, outer]) => {
    const one = outer.anyOf?.find((each) => each.type !== 'null') ?? outer
    const inner = { ...one, ...$defs[one.$ref?.split('/').pop() ?? ''] }
    const kind = kindOf({ ...outer, ...inner })
    const options = inner.enum ?? []
    const preset = outer.default ?? inner.default ?? (required.includes(key) ? options[0] : undefined)
    return {
      key,
      label: outer.title ?? key,
      help: outer.description,
      kind,
      isRequired: required.includes(key),
      initial: typeof preset === 'string' || typeof preset === 'number' || typeof preset === 'boolean' ? preset : kind === 'switch' ? false : '',
      attributes: attributesOf(inner),
      options,
    }
  })
}

/**
 * The fields that count under these values: one whose name begins with an option of a choice, such as ``acme_key``
 * beside ``provider``, belongs to that option alone.
 */
export function shownFields(fields: SettingField[], values: Record<string, SettingValue>): SettingField[] {
  const others = fields.flatMap((field) => field.options.filter((option) => option !== values[field.key]))
  return fields.filter((field) => !others.some((option) => field.key.startsWith(`${option}_`)))
}

/** What is sent: fields left empty keep their defaults, or what is stored. */
export function settingValues(fields: SettingField[], values: Record<string, SettingValue>): Record<string, SettingValue> {
  return Object.fromEntries(
    fields
      .map((field): [string, SettingValue | undefined] => [field.key, values[field.key]])
      .filter((entry): entry is [string, SettingValue] => entry[1] !== undefined && entry[1] !== ''),
  )
}
