import { shallowRef } from 'vue'
import { ApiProblem, type FieldProblem } from '../api/client'

interface PlacedProblem {
  owner: number | undefined
  part: string
  detail: string
  /** The value that was refused; the sentence goes once it is changed. */
  refused: string
}

/** Where a problem is: the id of a field or consent (none for the form itself), and the name of its part. */
interface Place {
  owner: number | undefined
  part: string
}

/**
 * Refusals, kept at what they name: they follow an entry that is moved, and go when what they name is changed.
 * ``placeOf`` reads a JSON pointer, ``valueAt`` is what stands there now.
 */
export function usePlacedProblems(placeOf: (steps: string[]) => Place, valueAt: (place: Place) => unknown) {
  const problems = shallowRef<PlacedProblem[]>([])
  const other = shallowRef<unknown>()

  const written = (place: Place): string => JSON.stringify(valueAt(place)) ?? ''

  function place({ pointer, detail }: FieldProblem): PlacedProblem {
    const found = placeOf(pointer.split('/').slice(1))
    return { ...found, detail: detail.charAt(0).toUpperCase() + detail.slice(1), refused: written(found) }
  }

  function note(error: unknown): PlacedProblem | undefined {
    const named = error instanceof ApiProblem ? error.errors : []
    problems.value = named.map(place)
    other.value = named.length ? undefined : error
    return problems.value[0]
  }

  function open(): PlacedProblem[] {
    return problems.value.filter((each) => written(each) === each.refused)
  }

  function about(owner: number | undefined, part: string): string | undefined {
    const found = open().filter((each) => each.owner === owner && each.part === part)
    return found.length ? [...new Set(found.map((each) => each.detail))].join(' ') : undefined
  }

  function isWrong(owner: number): boolean {
    return open().some((each) => each.owner === owner)
  }

  return { note, about, isWrong, open, other }
}

export type PlacedProblems = ReturnType<typeof usePlacedProblems>
