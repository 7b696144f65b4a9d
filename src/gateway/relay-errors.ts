// Errors inside a relayed stream: whether bytes tell of one, and its words without our keys and the provider's address. A relayed event
// is otherwise the provider's own, so nothing but those words may change, and only where something is found in them.

import type { Provider } from '../core/catalog.ts'
import { asObject, isObject, type JsonObject, type JsonValue } from '../core/json.ts'
import { providerSecrets, REDACTED, scrubSecrets } from '../core/policy/scrub.ts'
import { scrubbed } from './upstream.ts'

/** As bytes: as text it would be encoded anew for every search. */
const ERROR_WORD = Buffer.from('"error"')
const ERROR_EVENTS = [Buffer.from('event: error'), Buffer.from('event:error')]

/** Whether an event may tell of an error: a member `error` that is not null, or the type or name. Within a text the quotes would be escaped. */
export function errorMentioned(bytes: Uint8Array): boolean {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
  const { length } = ERROR_WORD
  for (let at = buffer.indexOf(ERROR_WORD); at >= 0; at = buffer.indexOf(ERROR_WORD, at + length)) {
    let next = at + length
    while (buffer[next] === 0x20 || buffer[next] === 0x3a) next += 1
    // `"error": null` stands in every good answer of some protocols.
    if (buffer[next] !== 0x6e) return true
  }
  return ERROR_EVENTS.some((name) => buffer.includes(name))
}

/** Whether an event of SSE is named an error, whatever its data say. */
export function isErrorEvent(event: string): boolean {
  return /^event: ?error\r?$/m.test(event)
}

/**
 * An event with the words of its error scrubbed; undefined where it needs no change: nothing else of it is touched then.
 * @param isNamed the event says by its name that it is an error
 */
export function withoutSecrets(
  value: JsonValue | undefined,
  provider: Provider,
  isNamed = false,
): JsonObject | undefined {
  if (!isObject(value)) return undefined
  const { delta, detail, error, message, object, response, type } = value
  const told: JsonObject = {}
  const say = (name: string, words: JsonValue | undefined) => {
    if (words !== undefined) told[name] = words
  }
  say('error', scrubbedWords(error, provider))
  if (isNamed || type === 'error' || object === 'error') {
    say('message', scrubbedWords(message, provider))
    say('detail', scrubbedWords(detail, provider))
  }
  for (const [name, inner] of Object.entries({ delta, response })) {
    const words = scrubbedWords(asObject(inner)?.error, provider)
    if (words !== undefined) told[name] = { ...asObject(inner), error: words }
  }
  return Object.keys(told).length === 0 ? undefined : { ...value, ...told }
}

/** The provider's keys taken out of a text of any kind. */
export function withoutKeys(text: string, provider: Provider): string {
  return scrubSecrets(text, providerSecrets(provider))
}

/** Every text in an error scrubbed, as providers have more of them than `message`; undefined where none tells anything. */
function scrubbedWords(value: JsonValue | undefined, provider: Provider): JsonValue | undefined {
  if (typeof value === 'string') {
    // Not cut where it is cut for a log: what was found behind the cut would be told as if nothing had been.
    const told = scrubbed(value, provider, Infinity)
    if (told.includes(REDACTED)) return told === value ? undefined : told
    // A very long text is not scrubbed to its end.
    const plain = withoutKeys(value, provider)
    return plain === value ? undefined : plain
  }
  if (Array.isArray(value)) {
    const told = value.map((entry) => scrubbedWords(entry, provider))
    if (told.every((entry) => entry === undefined)) return undefined
    return told.map((entry, index) => entry ?? value[index]!)
  }
  if (!isObject(value)) return undefined
  const told = Object.entries(value).flatMap(([name, entry]) => {
    const words = scrubbedWords(entry, provider)
    return words === undefined ? [] : [[name, words] as const]
  })
  return told.length === 0 ? undefined : { ...value, ...Object.fromEntries(told) }
}
