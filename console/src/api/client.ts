import createClient from 'openapi-fetch'
import type { paths } from '../../generated/schema'

export interface FieldProblem {
  pointer: string
  detail: string
}

interface ProblemBody {
  title?: string
  detail?: string
  errors?: FieldProblem[]
}

/** What the server refused (RFC 9457): one sentence for people, and the fields it is about. */
export class ApiProblem extends Error {
  constructor(
    readonly status: number,
    detail: string,
    readonly errors: FieldProblem[] = [],
  ) {
    super(detail)
    this.name = 'ApiProblem'
  }

  /** The sentence about one field, named by its JSON pointer. */
  about(pointer: string): string | undefined {
    return this.errors.find((each) => each.pointer === pointer)?.detail
  }
}

const UNREACHABLE = 'The hub does not answer. Check your connection; this page tries again by itself.'

export const api = createClient<paths>({
  baseUrl: '/',
  querySerializer: { array: { style: 'form', explode: true } },
  fetch: async (request) => {
    try {
      return await fetch(request)
    } catch {
      throw new ApiProblem(503, UNREACHABLE)
    }
  },
})

interface Outcome<T> {
  data?: T
  error?: unknown
  response: Response
}

/** The answer of a call, or an ``ApiProblem`` thrown. */
export async function answerOf<T>(call: Promise<Outcome<T>>): Promise<T> {
  const { data, error, response } = await call
  if (response.ok) return data as T
  const body = (error && typeof error === 'object' ? error : {}) as ProblemBody
  throw new ApiProblem(response.status, body.detail ?? body.title ?? `The hub answered ${response.status}.`, body.errors)
}

/** What went wrong, in a sentence; of refused input the sentences about its fields. */
export function sentence(error: unknown): string {
  if (error instanceof ApiProblem && error.errors.length) {
    return [...new Set(error.errors.map((each) => each.detail))].join(' ')
  }
  return error instanceof Error ? error.message : 'Something went wrong. Try again.'
}
