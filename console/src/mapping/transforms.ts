import type { Policy, Transform, TransformKind } from './types'

export const TRANSFORM_NAMES: Record<TransformKind, string> = {
  identity: 'As answered',
  join: 'Join several answers',
  split: 'Split the answer',
  name_part: 'Part of a name',
  email: 'Read as e-mail',
  phone: 'Read as phone number',
  url: 'Read as web address',
  choice_lookup: 'Translate choices',
  number: 'Read as number',
  money: 'Read as amount of money',
  date: 'Read as date',
  date_time: 'Read as date and time',
  yes_no: 'Read as yes or no',
  formula: 'Formula',
  fixed: 'Fixed value',
}

export const POLICY_NAMES: Record<Policy, string> = {
  fill_if_empty: 'Keep what the lead has',
  overwrite: 'Replace what the lead has',
  append: 'Add to what the lead has',
}

/** The same, behind "Fills". */
export const POLICY_PHRASES: Record<Policy, string> = {
  fill_if_empty: 'only what the lead lacks',
  overwrite: 'and replaces what the lead has',
  append: 'and adds to what the lead has',
}

const BLANK: { [Kind in TransformKind]: Extract<Transform, { kind: Kind }> } = {
  identity: { kind: 'identity' },
  join: { kind: 'join', separator: ' ' },
  split: { kind: 'split', separator: ',', index: 0 },
  name_part: { kind: 'name_part', part: 'given' },
  email: { kind: 'email' },
  phone: { kind: 'phone', country: null },
  url: { kind: 'url' },
  choice_lookup: { kind: 'choice_lookup', choices: {}, otherwise: null },
  number: { kind: 'number', decimal: null },
  money: { kind: 'money', currency: null, decimal: null },
  date: { kind: 'date', order: null },
  date_time: { kind: 'date_time', order: null, zone: null },
  yes_no: { kind: 'yes_no' },
  formula: { kind: 'formula', expression: '' },
  fixed: { kind: 'fixed', value: '' },
}

/** A transform to begin with; a field of several choices takes all parts of a split. */
export function blankTransform(kind: TransformKind, holdsSeveral: boolean): Transform {
  if (kind === 'split' && holdsSeveral) return { kind, separator: ',', index: null }
  return structuredClone(BLANK[kind])
}

/** Whether all answers of a rule are taken; the others take the first question that was answered. */
export function takesAll(transform: Transform): boolean {
  return transform.kind === 'join' || transform.kind === 'formula'
}
