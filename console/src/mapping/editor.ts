import { refDebounced } from '@vueuse/core'
import { computed, ref, watch, type Ref } from 'vue'
import { ApiProblem } from '../api/client'
import { useMappingDraft } from './draft'
import { useExample, useMasterFields, useSourceForm, useSuggestions, useTargets, useTrial } from './queries'
import { newRule, ownValues, replaced, targetOf, withoutQuestion, withQuestion, type TargetsByQuestion } from './rules'
import { blankTransform } from './transforms'
import type { Answers, MasterField, Question, Rule, Suggestion } from './types'

const PAUSE_MS = 350
const IN_RULE = /^\/rules\/(\d+)(?:\/|$)/

interface ShownProblem {
  severity: string
  detail: string
}

/** A mapping while it is edited: rules, where questions may go, suggestions, and what rules make of answers. */
export function useMappingEditor(id: Ref<string>) {
  const draft = useMappingDraft(id)
  const { rules } = draft
  const form = useSourceForm(id)
  const { data: fieldMap } = useMasterFields()
  const { data: targetMap } = useTargets(id)
  const { data: suggested } = useSuggestions(id)
  const { data: example } = useExample(id)
  const fields = computed(() => fieldMap.value ?? new Map<string, MasterField>())
  const targets = computed<TargetsByQuestion>(() => targetMap.value ?? new Map())

  const listed = computed(() => form.data.value?.questions ?? [])
  const unlisted = computed(() => form.data.value?.unmapped.filter((each) => !each.is_listed).map((each) => each.question) ?? [])
  const questions = computed<Question[]>(() => [...listed.value, ...unlisted.value])

  const answers = ref<Answers>({})
  watch(example, (found) => (answers.value = { ...found?.answers }), { immediate: true })
  const settled = refDebounced(computed(() => ({ rules: rules.value, answers: answers.value })), PAUSE_MS)
  const triedRules = computed(() => settled.value.rules)
  const triedAnswers = computed(() => settled.value.answers)
  const { checked, tried } = useTrial(id, triedRules, triedAnswers)

  function problemsOf(rule: Rule): ShownProblem[] {
    const found = checked.data.value?.problems.filter((each) => each.field === rule.field) ?? []
    const place = triedRules.value.findIndex((each) => each.field === rule.field)
    const refused = checked.error.value instanceof ApiProblem ? checked.error.value.errors : []
    const unreadable = refused.filter((each) => place >= 0 && IN_RULE.exec(each.pointer)?.[1] === String(place))
    const made = tried.data.value?.problems.filter((each) => each.field === rule.field) ?? []
    return [
      ...(checked.error.value ? unreadable.map((each) => ({ severity: 'error', detail: each.detail })) : found),
      ...made.map((each) => ({ severity: 'warning', detail: each.message })),
    ]
  }

  function map(question: string, field: string): void {
    const target = targetOf(targets.value, question, field)
    if (target) rules.value = withQuestion(rules.value, newRule(target, question, fields.value.get(field)), targets.value)
  }

  function accept(suggestion: Suggestion): void {
    const { question_key, field_key } = suggestion
    const whole = suggested.value?.rules.find((rule) => rule.field === field_key && rule.questions.includes(question_key))
    if (whole && !rules.value.some((rule) => rule.field === field_key)) rules.value = [...rules.value, whole]
    else map(question_key, field_key)
  }

  /** For a field that was only just added: its targets are still on their way. */
  function mapWhenKnown(question: string, field: string): void {
    const stop = watch(
      targets,
      (known) => {
        if (!targetOf(known, question, field)) return
        map(question, field)
        queueMicrotask(() => stop())
      },
      { immediate: true },
    )
  }

  const isFree = (key: string) => !rules.value.some((rule) => rule.questions.includes(key))
  const waiting = computed(() => suggested.value?.items.filter((each) => isFree(each.question_key)) ?? [])

  return {
    ...draft,
    form,
    fields,
    targets,
    questions,
    answers,
    example,
    waiting,
    problemsOf,
    map,
    mapWhenKnown,
    accept,
    acceptAll: () => waiting.value.forEach(accept),
    suggestionOf: (question: string) => suggested.value?.items.find((each) => each.question_key === question),
    isListed: (question: string) => listed.value.some((each) => each.key === question),
    isMapped: (question: string) => !isFree(question),
    own: computed(() => ownValues(rules.value)),
    isBroken: computed(() => Boolean(checked.error.value) || checked.data.value?.can_be_saved === false),
    setAnswer: (question: string, text: string) => (answers.value = { ...answers.value, [question]: text.split('\n') }),
    change: (rule: Rule) => (rules.value = replaced(rules.value, rule)),
    unmap: (field: string, question: string) => (rules.value = withoutQuestion(rules.value, field, question)),
    remove: (field: string) => (rules.value = rules.value.filter((rule) => rule.field !== field)),
    move: (rule: Rule, question: string, field: string) => {
      if (field === rule.field) return
      rules.value = withoutQuestion(rules.value, rule.field, question)
      map(question, field)
    },
    addOwn: (field: string, kind: 'fixed' | 'formula') =>
      (rules.value = [...rules.value, { field, questions: [], transform: blankTransform(kind, false), policy: 'fill_if_empty' }]),
    cardOf: (rule: Rule) => ({
      rule,
      questions: questions.value,
      fields: fields.value,
      targets: targets.value,
      problems: problemsOf(rule),
      made: tried.data.value?.values[rule.field],
      wasTried: tried.isSuccess.value && !tried.isPlaceholderData.value && triedRules.value.some((each) => each.field === rule.field),
    }),
  }
}

export type MappingEditor = ReturnType<typeof useMappingEditor>
