import { useQuery } from '@tanstack/vue-query'
import { computed, type Ref } from 'vue'
import { useMe } from '../account/session'
import { answerOf, api } from '../api/client'
import type { Stage } from '../api/types'

interface Named {
  id: string
  name: string
}

const RARELY_CHANGES = { staleTime: 60_000 }
const LARGEST_PAGE = 200

function byId<T extends { id: string }>(items: T[] | undefined): Map<string, T> {
  return new Map(items?.map((each) => [each.id, each]))
}

/** Names behind the ids in leads: stages, sources, types, centres, people, queues; only those the reader may see. */
export function useDirectory() {
  const { me, may } = useMe()
  const allowed = (resource: string): Ref<boolean> => computed(() => me.value !== undefined && may(resource, 'view'))

  const { data: pipelines } = useQuery({
    queryKey: ['directory', 'pipelines'],
    queryFn: async () => (await answerOf(api.GET('/api/v1/pipelines'))).items,
    enabled: allowed('pipelines'),
    ...RARELY_CHANGES,
  })
  const { data: sources } = useQuery({
    queryKey: ['directory', 'sources'],
    queryFn: async () => (await answerOf(api.GET('/api/v1/lead-sources'))).items,
    enabled: allowed('lead_sources'),
    ...RARELY_CHANGES,
  })
  const { data: types } = useQuery({
    queryKey: ['directory', 'types'],
    queryFn: async () => (await answerOf(api.GET('/api/v1/lead-types'))).items,
    enabled: allowed('lead_types'),
    ...RARELY_CHANGES,
  })
  const { data: centres } = useQuery({
    queryKey: ['directory', 'centres'],
    queryFn: async () => (await answerOf(api.GET('/api/v1/centres'))).items,
    enabled: allowed('centres'),
    ...RARELY_CHANGES,
  })
  const { data: people } = useQuery({
    queryKey: ['directory', 'people'],
    queryFn: async () => (await answerOf(api.GET('/api/v1/users', { params: { query: { limit: LARGEST_PAGE } } }))).items,
    enabled: allowed('users'),
    ...RARELY_CHANGES,
  })
  const { data: queues } = useQuery({
    queryKey: ['directory', 'queues'],
    queryFn: async () => (await answerOf(api.GET('/api/v1/queues'))).items,
    enabled: allowed('routing'),
    ...RARELY_CHANGES,
  })

  const stages = computed<Stage[]>(() => pipelines.value?.flatMap((pipeline) => pipeline.stages) ?? [])
  const maps = computed(() => ({
    stages: byId(stages.value),
    sources: byId(sources.value),
    types: byId(types.value),
    centres: byId(centres.value),
    people: byId(people.value),
    queues: byId<Named>(queues.value),
  }))

  type Subject = keyof typeof maps.value
  function nameOf(subject: Subject, id: string | null | undefined): string {
    return id ? (maps.value[subject].get(id)?.name ?? '–') : '–'
  }

  /** ``user:ID`` of a journey, or the hub itself, as a name. */
  function actorName(actor: string): string {
    const [kind, id] = actor.split(':', 2)
    if (kind === 'user' && id) return maps.value.people.get(id)?.name ?? 'A person'
    if (kind === 'connector' && id) return id.replaceAll('_', ' ')
    return 'Leadhub'
  }

  return { pipelines, stages, sources, types, centres, people, queues, nameOf, actorName, maps }
}

export type Directory = ReturnType<typeof useDirectory>
