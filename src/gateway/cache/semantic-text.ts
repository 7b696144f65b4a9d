// Which part of a request the semantic cache compares by meaning, and what it demands to be equal besides: the last words of the user are
// compared, and nothing else; numbers, signs and negations in them have to be the same, for vectors hardly tell them apart.

import type { DialectName } from '../../core/ir/request.ts'
import { isObject, type JsonObject, type JsonValue } from '../../core/json.ts'
import { LIMITS } from '../../core/limits.ts'
import type { RequestForms } from '../plan.ts'
import { canonicalBody } from './canonical.ts'

export interface SemanticText {
  /** What is compared by meaning. */
  readonly text: string
  /** Canonical text of everything that has to be equal. */
  readonly rest: string
}

/** Where the turns of a conversation stand, by protocol; those that are not here have none. */
const TURNS: { readonly [dialect in DialectName]?: string } = {
  'openai-chat': 'messages',
  'openai-responses': 'input',
  anthropic: 'messages',
  ollama: 'messages',
  gemini: 'contents',
  cohere: 'messages',
  bedrock: 'messages',
}

/** Undefined for a request that does not end with words of a user. The request must be readable. */
export function semanticText(forms: RequestForms): SemanticText | undefined {
  const { inbound, peeked } = forms
  if (inbound.operation !== 'chat') return undefined
  const member = TURNS[inbound.dialect]
  const last = forms.decodedChat().messages.at(-1)
  if (member === undefined || last?.role !== 'user') return undefined
  const texts = last.content.flatMap((block) => (block.type === 'text' ? [block.text] : []))
  const text = texts.join('\n').trim()
  if (text === '' || text.length > LIMITS.cacheTextCharsMax) return undefined
  const rest = bodyWithout(peeked.body, member, new Set(texts))
  const canonical = rest === undefined ? undefined : canonicalBody(rest, inbound.dialect)
  return canonical === undefined
    ? undefined
    : { text, rest: `${canonical}\n${JSON.stringify(strictParts(text))}` }
}

/** The body with a mark in place of the texts of its last turn; undefined where they are not found there. */
function bodyWithout(
  body: JsonObject,
  member: string,
  texts: ReadonlySet<string>,
): JsonObject | undefined {
  const turns = body[member]
  if (typeof turns === 'string') return texts.has(turns) ? { ...body, [member]: MARK } : undefined
  const last = Array.isArray(turns) ? turns.at(-1) : undefined
  if (!Array.isArray(turns) || last === undefined) return undefined
  let found = 0
  const marked = (value: JsonValue | undefined, name = ''): JsonValue => {
    if (typeof value === 'string') {
      if (name === 'role' || name === 'type' || !texts.has(value)) return value
      found += 1
      return MARK
    }
    if (Array.isArray(value)) return value.map((item) => marked(item, name))
    if (!isObject(value)) return value ?? null
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, marked(item, key)]))
  }
  const turn = marked(last)
  return found >= texts.size ? { ...body, [member]: [...turns.slice(0, -1), turn] } : undefined
}

/** No JSON of a client's has it as a text by chance. */
const MARK = '\u0000compared by meaning'

const NUMBERS_AND_SIGNS = /\p{N}+(?:[.,:]\p{N}+)*|[+*/=<>^%≤≥≠±×÷√-](?=\s*[\p{N}(])/gu

const WORDS = /\p{L}+(?:'\p{L}+)?/gu

/** Words that turn a sentence round, or count, in the languages they are known of. */
const TURNING: ReadonlySet<string> = new Set(
  `no not never none nor neither without cannot nothing nobody except unless
   nicht kein keine keinen keinem keiner nie niemals ohne weder
   ne pas sans jamais aucun aucune ni non senza mai sin nunca nada ningún ninguna não nem sem
   zero one two three four five six seven eight nine ten eleven twelve hundred thousand million first second third half
   before after more less above below over under increase decrease enable disable on off with
   true false min max minimum maximum all any only`
    .split(/\s+/)
    .filter((word) => word !== ''),
)

/** What has to be the same in two texts, in their order. */
export function strictParts(text: string): readonly string[] {
  const plain = text.normalize('NFKC').toLowerCase().replaceAll('’', "'")
  const words = [...plain.matchAll(WORDS)].flatMap(([word]) => {
    if (word.endsWith("n't")) return ['not']
    return TURNING.has(word) ? [word] : []
  })
  return [...(plain.match(NUMBERS_AND_SIGNS) ?? []), ...words]
}
