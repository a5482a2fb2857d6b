import { useInfiniteQuery, useMutation, useQuery, useQueryClient } from '@tanstack/vue-query'
import { computed, type Ref, ref, watch } from 'vue'
import { answerOf, api } from '../api/client'
import type { ConversationEntry, LeadAddresses } from '../api/types'

export type PreferenceWish = 'opt_out' | 'opt_in'

const CHANNELS: Record<ConversationEntry['channel'], { name: string; icon: string }> = {
  sms: { name: 'SMS', icon: 'i-lucide-message-square' },
  whatsapp: { name: 'WhatsApp', icon: 'i-lucide-message-circle' },
  voice: { name: 'Phone', icon: 'i-lucide-phone' },
  chat: { name: 'Chat', icon: 'i-lucide-messages-square' },
}

const STATES: Record<NonNullable<ConversationEntry['state']>, { text: string; color: 'neutral' | 'success' | 'warning' | 'error' }> = {
  queued: { text: 'Waiting to leave', color: 'neutral' },
  sending: { text: 'Leaving now', color: 'neutral' },
  sent: { text: 'Sent', color: 'neutral' },
  delivered: { text: 'Delivered', color: 'success' },
  read: { text: 'Read', color: 'success' },
  failed: { text: 'Not delivered', color: 'error' },
  refused: { text: 'Refused', color: 'error' },
  unknown: { text: 'Nobody knows whether it arrived', color: 'warning' },
  cancelled: { text: 'Called back', color: 'neutral' },
}

const KINDS: Partial<Record<ConversationEntry['kind'], string>> = {
  call: 'Call',
  recording: 'Recording',
  transcript: 'Transcript',
  edit: 'Changed a message',
  revocation: 'Took a message back',
  preference: 'Said whether to be written to',
}

export const channelOf = (entry: ConversationEntry) => CHANNELS[entry.channel]
export const stateOf = (entry: ConversationEntry) => (entry.state ? STATES[entry.state] : undefined)
export const kindOf = (entry: ConversationEntry) => KINDS[entry.kind]

/** A call's length: "2:05". */
export function lengthText(seconds: number): string {
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`
}

/** What was said with one lead, newest first, and what can be done about it. */
export function useConversation(id: Ref<string>) {
  const cache = useQueryClient()
  const path = () => ({ lead_id: id.value })
  const queryKey = computed(() => ['lead', id.value, 'conversation'])
  const addressesKey = computed(() => ['lead', id.value, 'addresses'])
  const refresh = () => cache.invalidateQueries({ queryKey: ['lead', id.value] })
  const entries = useInfiniteQuery({
    queryKey,
    queryFn: ({ pageParam }) =>
      answerOf(api.GET('/api/v1/leads/{lead_id}/conversation', { params: { path: path(), query: { cursor: pageParam, limit: 50 } } })),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (page) => page.next_cursor ?? undefined,
  })
  const addresses = useQuery({
    queryKey: addressesKey,
    queryFn: () => answerOf(api.GET('/api/v1/leads/{lead_id}/opt-outs', { params: { path: path() } })),
  })
  const wish = useMutation({
    mutationFn: (body: { preference: PreferenceWish; reason: string }) =>
      answerOf(api.POST('/api/v1/leads/{lead_id}/opt-outs', { params: { path: path() }, body })),
    onSuccess: (answer: LeadAddresses) => {
      cache.setQueryData(addressesKey.value, answer)
      void refresh()
    },
  })
  const callBack = useMutation({
    mutationFn: (message: string) =>
      answerOf(
        api.POST('/api/v1/leads/{lead_id}/messages/{message_id}/cancellation', { params: { path: { ...path(), message_id: message } } }),
      ),
    onSettled: refresh,
  })
  return { entries, addresses, wish, callBack }
}

/** A text on its way to a lead. The same text pressed twice, or again after a lost answer, is one message. */
export function useReply(id: Ref<string>) {
  const cache = useQueryClient()
  const text = ref('')
  let key = crypto.randomUUID()
  watch(text, () => (key = crypto.randomUUID()))
  const send = useMutation({
    mutationFn: () =>
      answerOf(
        api.POST('/api/v1/leads/{lead_id}/messages', {
          params: { path: { lead_id: id.value }, header: { 'Idempotency-Key': key } },
          body: { text: text.value.trim() },
        }),
      ),
    onSuccess: () => {
      text.value = ''
      return cache.invalidateQueries({ queryKey: ['lead', id.value] })
    },
  })
  return { text, send }
}
