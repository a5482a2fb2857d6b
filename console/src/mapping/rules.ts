import { blankTransform } from './transforms'
import type { MasterField, Rule, Target, Transform, TransformKind } from './types'

const APPENDED = 'long_text'
const READS_NOTHING: TransformKind[] = ['fixed']

export type TargetsByQuestion = Map<string, Target[]>

/** Rules whose value comes from the question first of all; a further question only joins. */
export function rulesLedBy(rules: Rule[], question: string): Rule[] {
  return rules.filter((rule) => rule.questions[0] === question && rule.transform.kind !== 'formula')
}

export function rulesJoinedBy(rules: Rule[], question: string): Rule[] {
  return rules.filter((rule) => rule.questions.includes(question) && (rule.questions[0] !== question || rule.transform.kind === 'formula'))
}

/** Fixed values and formulas: they stand on their own, whatever questions a formula names. */
export function ownValues(rules: Rule[]): Rule[] {
  return rules.filter((rule) => rule.transform.kind === 'fixed' || rule.transform.kind === 'formula' || !rule.questions.length)
}

export function targetOf(targets: TargetsByQuestion, question: string, field: string): Target | undefined {
  return targets.get(question)?.find((each) => each.field_key === field)
}

/** The transforms that read each of these questions into the field. A question that is gone forbids none. */
export function transformsFor(targets: TargetsByQuestion, questions: string[], field: string): TransformKind[] {
  const each = questions.map((key) => targetOf(targets, key, field)?.transforms).filter((kinds) => kinds !== undefined)
  const [first = [], ...others] = each
  return first.filter((kind) => others.every((kinds) => kinds.includes(kind))) as TransformKind[]
}

export function newRule(target: Target, question: string, field: MasterField | undefined): Rule {
  const [kind = 'identity'] = target.transforms as TransformKind[]
  return {
    field: target.field_key,
    questions: [question],
    transform: (target.proposed as Transform | null) ?? blankTransform(kind, field?.type === 'multiple_choice'),
    policy: field?.type === APPENDED ? 'append' : 'fill_if_empty',
  }
}

/** The rules with the question in the rule of the field; texts are joined, of others the first answer counts. */
export function withQuestion(rules: Rule[], rule: Rule, targets: TargetsByQuestion): Rule[] {
  const question = rule.questions[0] ?? ''
  const known = rules.find((each) => each.field === rule.field && !READS_NOTHING.includes(each.transform.kind))
  if (!known) return [...rules.filter((each) => each.field !== rule.field), rule]
  const questions = [...new Set([...known.questions, question])]
  const canJoin = transformsFor(targets, questions, rule.field).includes('join')
  const isPlain = known.transform.kind === 'identity' || known.transform.kind === 'name_part'
  const transform = canJoin && isPlain ? blankTransform('join', false) : known.transform
  return rules.map((each) => (each === known ? { ...known, questions, transform } : each))
}

/** Without the question; a rule that reads no question any more goes. */
export function withoutQuestion(rules: Rule[], field: string, question: string): Rule[] {
  return rules.flatMap((rule) => {
    if (rule.field !== field) return [rule]
    const questions = rule.questions.filter((key) => key !== question)
    return questions.length || rule.transform.kind === 'formula' ? [{ ...rule, questions }] : []
  })
}

export function replaced(rules: Rule[], changed: Rule): Rule[] {
  return rules.map((rule) => (rule.field === changed.field ? changed : rule))
}

/** The master fields whose rules differ. */
export function fieldsThatDiffer(one: Rule[], other: Rule[]): string[] {
  const written = (rules: Rule[]) => new Map(rules.map((rule) => [rule.field, JSON.stringify(rule)]))
  const [left, right] = [written(one), written(other)]
  return [...new Set([...left.keys(), ...right.keys()])].filter((field) => left.get(field) !== right.get(field))
}
