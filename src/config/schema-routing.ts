// The part of the schema table that says how a model's requests find a target. Apart from `schema-catalog.ts` only because of its
// length; the rules are the same.

import { DEFAULT_ROUTING } from '../core/catalog.ts'
import type { SectionNode } from './node.ts'

const HOUR = 3_600_000

const MODEL_IDS = {
  kind: 'list',
  item: { kind: 'text', format: 'model-id', doc: 'A model.', maxChars: 300 },
  optional: true,
} as const

export const TARGET_ABILITIES = {
  kind: 'section',
  doc: 'What the target can do, where that is known better here than by the provider. A request that needs what is `false` goes past it.',
  synonyms: {
    images: 'vision',
    functions: 'tools',
    structured: 'json_schema',
    context: 'context_window',
  },
  optional: true,
  keys: {
    vision: { kind: 'boolean', doc: 'Takes pictures.', absent: 'unknown' },
    tools: { kind: 'boolean', doc: 'Calls tools.', absent: 'unknown' },
    json_schema: { kind: 'boolean', doc: 'Answers by a JSON Schema.', absent: 'unknown' },
    chat: {
      kind: 'boolean',
      doc: 'Chats; `false` for a model that only completes.',
      absent: 'unknown',
    },
    prefill: {
      kind: 'boolean',
      doc: 'Goes on from the beginning of an answer that it is given as the last message (for `routing.continuation`).',
      absent: "what is known of the provider's type",
    },
    context_window: {
      kind: 'integer',
      unit: 'tokens',
      doc: 'Prompt and answer together.',
      absent: "the provider's word, else the built-in table's",
      min: 1,
      max: 1_000_000_000,
    },
  },
} as const satisfies SectionNode

export const ROUTING = {
  kind: 'section',
  doc: 'How requests are shared among targets of the same `order`, and what happens when none answers.',
  synonyms: { policy: 'strategy', fallback: 'fallbacks', hedge: 'hedge_after' },
  optional: true,
  keys: {
    strategy: {
      kind: 'choice',
      doc: 'By lot and weight, in the order they are listed, each in turn, the one with the fewest requests running, the fastest of late, or the cheapest.',
      values: ['weighted', 'order', 'round_robin', 'least_busy', 'latency', 'cost'],
      default: DEFAULT_ROUTING.strategy,
    },
    sticky: {
      kind: 'choice',
      doc: "Keeps requests of one API key, one user (the request's own `user`) or one session (`x-session-id`) on the same target, so that its prompt cache stays warm.",
      values: ['key', 'user', 'session'],
      absent: 'not',
    },
    fallbacks: {
      kind: 'section',
      doc: 'Models asked in turn when no target of this one answered, by cause. Whoever may ask for this model may be answered by them.',
      keys: {
        rate_limited: { ...MODEL_IDS, doc: 'The provider limits requests.' },
        timed_out: { ...MODEL_IDS, doc: 'No answer in time.' },
        context_length: { ...MODEL_IDS, doc: 'The prompt is too long: a model with more room.' },
        content_filter: { ...MODEL_IDS, doc: "The provider's content rules refused it." },
        failed: { ...MODEL_IDS, doc: "Anything else that is the provider's fault." },
        any: {
          ...MODEL_IDS,
          doc: 'Any of these that has no list of its own, but not `content_filter`.',
        },
      },
    },
    retry_refused: {
      kind: 'boolean',
      doc: "Puts a prompt that one provider's content rules refused to the next target.",
      default: DEFAULT_ROUTING.retryRefused,
    },
    hedge_after: {
      kind: 'duration',
      doc: 'Asks the next target as well when no answer has begun after so long; the first that answers wins, and both may be billed.',
      absent: 'never',
      min: 10,
      max: HOUR,
    },
    continuation: {
      kind: 'boolean',
      doc: 'Continues an answer that broke off by asking another target to go on from there, where it can. Streams are translated then, even between equal protocols.',
      default: DEFAULT_ROUTING.continuation,
    },
  },
} as const satisfies SectionNode
