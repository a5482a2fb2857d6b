import type { Finding } from './types'

function listed(value: unknown): string {
  return Array.isArray(value) ? value.map((each) => `"${String(each)}"`).join(', ') : ''
}

/** A question that is new or was never listed can be adopted; of other changes one can only take note. */
export function isAdoptable(finding: Finding): boolean {
  return finding.kind === 'question_added' || finding.kind === 'unknown_answer'
}

/** What happened at the source, in a sentence. */
export function findingText(finding: Finding): string {
  const { detail, question_key } = finding
  const label = typeof detail.label === 'string' && detail.label ? detail.label : question_key
  switch (finding.kind) {
    case 'new_form':
      return 'This form is new. Leadhub proposed how to map it.'
    case 'question_added':
      return `The question "${label}" is new.`
    case 'question_removed':
      return `The question "${label}" is no longer asked.`
    case 'question_renamed':
      return `The question "${String(detail.former_label ?? question_key)}" is now "${label}"${detail.former_key ? ', under another key; its mapping went along' : ''}.`
    case 'choices_changed': {
      const parts = [
        listed(detail.added) && `new: ${listed(detail.added)}`,
        listed(detail.removed) && `gone: ${listed(detail.removed)}`,
      ].filter(Boolean)
      return `The choices of "${label}" changed${parts.length ? `: ${parts.join('; ')}` : ''}.`
    }
    case 'unknown_answer':
      return `Answers came to "${label}", which the form does not list.`
  }
}
