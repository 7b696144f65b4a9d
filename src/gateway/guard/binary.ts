// Bytes in disguise: which strings are no text because they are base64 of something, and which base64 is a text after all. Whoever reads a
// picture as one finds no words in it; whoever hides words behind the look of a picture is found. Nothing here judges or changes anything.

import type { MediaSource } from '../../core/ir/request.ts'

/** Long enough to be a picture and nothing but base64. */
const BINARY_CHARS_MIN = 256

const DATA_URL = /^data:[^,]{0,200};base64,/i

const OTHER_SIGN = /[^\w+/=\r\n-]/
/** What no base64 of bytes comes to, but words do: so many small letters, digits, or short words between signs in a row. */
const WORDS = [/[a-z_+/-]{24}/, /[0-9]{13}/, /[_+/-](?:[A-Za-z]{1,12}[_+/-]){8}/] as const

/** Whether a string is bytes in disguise: base64 by its letters and by their mixture. Some milliseconds for a megabyte. */
export function isBinary(text: string): boolean {
  const from = DATA_URL.exec(text)?.[0].length ?? 0
  if (from === 0 && text.length < BINARY_CHARS_MIN) return false
  const data = text.slice(from)
  return !OTHER_SIGN.test(data) && !WORDS.some((pattern) => pattern.test(data))
}

/** What calls itself text, in the words of media types. */
const TEXT_TYPE =
  /^text\/|^application\/(?:json|xml|yaml|x-yaml|javascript|x-javascript|typescript|x-sh|sql|toml|rtf|x-ndjson|jsonl)\b|\+(?:json|xml|yaml)\b/i

/** The text of a file that is sent as base64 of one; undefined for any other. */
export function readableFile(source: MediaSource | { readonly kind: 'text' }): string | undefined {
  if (source.kind !== 'base64' || !TEXT_TYPE.test(source.mediaType)) return undefined
  return new TextDecoder().decode(Buffer.from(source.data, 'base64'))
}
