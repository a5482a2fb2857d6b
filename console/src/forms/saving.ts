import { useMutation, useQueryClient } from '@tanstack/vue-query'
import type { FormShown } from '../api/types'
import type { Builder } from './builder'
import { copyOf } from './draft'
import { publishForm, saveForm } from './queries'

/** Saving and publishing what the builder holds; what is refused is noted at its field, and nothing typed is lost. */
export function useSaving(builder: Builder, formId: () => string | undefined, isSaved: (form: FormShown) => void) {
  const cache = useQueryClient()

  async function store(): Promise<FormShown> {
    const sent = copyOf(builder.definition.value)
    const form = await saveForm(formId(), sent)
    builder.markSaved(sent)
    isSaved(form)
    return form
  }

  async function storeAndPublish(): Promise<FormShown> {
    const known = formId()
    const form = await publishForm(known === undefined || builder.isDirty.value ? (await store()).id : known)
    builder.problems.note(undefined)
    isSaved(form)
    return form
  }

  const options = {
    onError: (error: unknown) => void builder.problems.note(error),
    onSettled: () => cache.invalidateQueries({ queryKey: ['forms'] }),
  }
  const save = useMutation({ mutationFn: store, ...options })
  const publish = useMutation({ mutationFn: storeAndPublish, ...options })
  return { save, publish }
}
