import type { Lead } from '../api/types'

/** A lead without a name is a potential lead (Z-213). */
export function leadName(lead: Pick<Lead, 'name'>): string {
  return lead.name.trim() || 'Potential lead'
}

const PRIORITY_COLOURS = { critical: 'error', high: 'warning', medium: 'info', low: 'neutral' } as const

export function priorityColour(priority: string): 'error' | 'warning' | 'info' | 'neutral' {
  return PRIORITY_COLOURS[priority as keyof typeof PRIORITY_COLOURS] ?? 'neutral'
}
