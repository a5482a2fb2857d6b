export interface Disposition {
  key: string
  label: string
  /** Background of its part of the bar; the label always stands beside it. */
  colour: string
  meaning: string
  badge: 'success' | 'info' | 'neutral' | 'warning' | 'error' | 'primary'
}

/** How a receipt can end, in the order of the balance. */
export const DISPOSITIONS: Disposition[] = [
  { key: 'lead_created', label: 'New leads', colour: 'bg-teal-600', badge: 'success', meaning: 'became a lead' },
  { key: 'attached', label: 'Attached', colour: 'bg-sky-600', badge: 'info', meaning: 'a person already known asked again' },
  { key: 'duplicate', label: 'Duplicates', colour: 'bg-slate-400', badge: 'neutral', meaning: 'the same submission, seen before' },
  { key: 'test', label: 'Tests', colour: 'bg-violet-500', badge: 'neutral', meaning: 'a test of the platform or of you' },
  { key: 'spam', label: 'Spam', colour: 'bg-orange-500', badge: 'warning', meaning: 'held; you can release it' },
  { key: 'quarantined', label: 'Quarantined', colour: 'bg-amber-400', badge: 'warning', meaning: 'held; you can release it' },
  { key: 'rejected', label: 'Rejected', colour: 'bg-red-600', badge: 'error', meaning: 'refused; you can try it again' },
  { key: 'pending', label: 'Pending', colour: 'bg-slate-700 dark:bg-slate-200', badge: 'neutral', meaning: 'stored, being worked on now' },
]

export const REDRIVABLE = ['spam', 'quarantined', 'rejected'] as const
export type Redrivable = (typeof REDRIVABLE)[number]

export function isRedrivable(key: string | null | undefined): key is Redrivable {
  return REDRIVABLE.some((each) => each === key)
}

export function dispositionOf(key: string): Disposition {
  return DISPOSITIONS.find((each) => each.key === key) ?? { key, label: key, colour: '', badge: 'neutral', meaning: '' }
}

export const PATHS: Record<string, string> = { webhook: 'Webhook', pull: 'Pull', form: 'Form', import: 'Import' }
