const LOCALE = 'en-GB'
const MINUTE = 60_000
const STEPS: [Intl.RelativeTimeFormatUnit, number][] = [
  ['year', 365 * 24 * 60 * MINUTE],
  ['month', 30 * 24 * 60 * MINUTE],
  ['day', 24 * 60 * MINUTE],
  ['hour', 60 * MINUTE],
  ['minute', MINUTE],
]

const relative = new Intl.RelativeTimeFormat('en', { numeric: 'auto' })
const moments = new Intl.DateTimeFormat(LOCALE, { dateStyle: 'medium', timeStyle: 'medium' })
const days = new Intl.DateTimeFormat(LOCALE, { dateStyle: 'medium', timeZone: 'UTC' })
const numbers = new Intl.NumberFormat('en')

/** "3 hours ago", "in 2 days". */
export function sinceThen(moment: string, now: number = Date.now()): string {
  const distance = new Date(moment).getTime() - now
  const step = STEPS.find(([, size]) => Math.abs(distance) >= size)
  return step ? relative.format(Math.round(distance / step[1]), step[0]) : 'just now'
}

/** A moment in the reader's own time zone. */
export function momentText(moment: string | null | undefined): string {
  return moment ? moments.format(new Date(moment)) : '–'
}

/** A calendar day such as 2026-07-01. */
export function dayText(day: string): string {
  return days.format(new Date(`${day}T00:00:00Z`))
}

export function numberText(value: number): string {
  return numbers.format(value)
}

export function percentText(part: number, whole: number): string {
  if (whole === 0) return '0 %'
  const share = (100 * part) / whole
  return `${share > 0 && share < 1 ? '<1' : Math.round(share)} %`
}

/** ``lead_created`` becomes "Lead created". */
export function words(code: string): string {
  const text = code.replaceAll('_', ' ')
  return text.charAt(0).toUpperCase() + text.slice(1)
}

/** Any value of a lead or an answer as text. */
export function valueText(value: unknown): string {
  if (value === null || value === undefined || value === '') return '–'
  if (Array.isArray(value)) return value.length ? value.map(valueText).join(', ') : '–'
  if (typeof value === 'boolean') return value ? 'Yes' : 'No'
  if (typeof value === 'object') return Object.values(value).filter(Boolean).map(valueText).join(', ')
  return String(value)
}
