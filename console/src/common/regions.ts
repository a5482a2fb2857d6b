const NOT_COUNTRIES = new Set(['AC', 'CP', 'CQ', 'DG', 'EA', 'EU', 'EZ', 'IC', 'QO', 'TA', 'UN', 'XA', 'XB', 'XK', 'ZZ'])
const LANGUAGES = ['ar', 'bn', 'cs', 'da', 'de', 'el', 'en', 'es', 'fi', 'fr', 'he', 'hi', 'hu', 'id', 'it', 'ja', 'ko', 'nl', 'no', 'pl', 'pt', 'ro', 'ru', 'sv', 'ta', 'te', 'th', 'tr', 'uk', 'ur', 'vi', 'zh']

export interface Choice {
  label: string
  value: string
}

function byLabel(one: Choice, other: Choice): number {
  return one.label.localeCompare(other.label)
}

/** Every country that the browser has a name for. */
export function countries(): Choice[] {
  const names = new Intl.DisplayNames(['en'], { type: 'region', fallback: 'none' })
  const letters = [...'ABCDEFGHIJKLMNOPQRSTUVWXYZ']
  return letters
    .flatMap((first) => letters.map((second) => first + second))
    .filter((code) => !NOT_COUNTRIES.has(code))
    .map((value) => ({ value, label: names.of(value) ?? '' }))
    .filter((each) => each.label !== '')
    .sort(byLabel)
}

export function languages(): Choice[] {
  const names = new Intl.DisplayNames(['en'], { type: 'language' })
  return LANGUAGES.map((value) => ({ value, label: names.of(value) ?? value })).sort(byLabel)
}

export function timeZones(): string[] {
  return ['UTC', ...Intl.supportedValuesOf('timeZone')]
}

/** What the browser's own settings suggest. */
export function suggestedRegion(): { country: string; language: string; timeZone: string } {
  const locale = new Intl.Locale(navigator.language).maximize()
  const { timeZone } = Intl.DateTimeFormat().resolvedOptions()
  return {
    country: locale.region ?? 'US',
    language: LANGUAGES.includes(locale.language) ? locale.language : 'en',
    timeZone: timeZones().includes(timeZone) ? timeZone : 'UTC',
  }
}
