// Looks behind encodings in which orders are hidden from filters: base64, hexadecimal, rot13, text written backwards, letters as digits, and the
// invisible tag characters of Unicode. It returns what is readable, and judges nothing.

import { LIMITS } from '../core/limits.ts'

const BASE64 = /[A-Za-z0-9+/_-]{24,}={0,2}/g
const HEX = /(?:(?:\\x|0x|%)?[0-9a-fA-F]{2}[\s:,]?){16,}/g
const READABLE_SHARE = 0.9

/** Readable texts that stand encoded in one, twice at most. Bounded in number and length. */
export function decodedTexts(text: string): string[] {
  const found: string[] = []
  let chars = 0
  const add = (piece: string | undefined): void => {
    if (piece === undefined || found.length >= LIMITS.guardDecodedPiecesMax) return
    if (chars + piece.length > LIMITS.guardDecodedCharsMax) return
    chars += piece.length
    found.push(piece)
  }
  addEncoded(text, add)
  for (const piece of found.slice()) addEncoded(piece, add)
  return found
}

function addEncoded(text: string, add: (piece: string | undefined) => void): void {
  for (const [word] of text.matchAll(BASE64)) add(fromBase64(word))
  for (const [word] of text.matchAll(HEX)) add(fromHex(word))
}

function fromBase64(word: string): string | undefined {
  if (/^[A-Z]?[a-z]+$/.test(word) || /^\d+$/.test(word)) return undefined
  const encoding = /[_-]/.test(word) ? 'base64url' : 'base64'
  return readable(Buffer.from(word.slice(0, LIMITS.guardDecodedCharsMax), encoding))
}

function fromHex(word: string): string | undefined {
  const digits = word.slice(0, LIMITS.guardDecodedCharsMax).replace(/\\x|0x|[^0-9a-fA-F]/g, '')
  return readable(Buffer.from(digits.slice(0, digits.length & ~1), 'hex'))
}

/** Bytes as a text, where nearly all of it is letters, digits and blanks. */
function readable(bytes: Buffer): string | undefined {
  const text = bytes.toString('utf8')
  const plain = text.match(/[\p{L}\p{N}\p{P}\s]/gu)?.length ?? 0
  const broken = text.includes('\ufffd')
  return !broken && text.length >= 12 && plain >= text.length * READABLE_SHARE ? text : undefined
}

/** Verbs of orders and what they look like when they are turned. */
const ROT13_HINTS = /\b(?:vtaber|qvfertneq|sbetrg|olcnff|erirny|birevqr|cergraq|flfgrz)\b/
const BACKWARD_HINTS = /\b(?:erongi|dragersid|tegrof|ssapyb|laever|snoitcurtsni|tpmorp)\b/
const LEET_HINTS = /[a-z][0134578@$]+[a-z]/

/** Other readings of a folded text, where it has signs of them. */
export function readings(folded: string): string[] {
  const text = folded.slice(0, LIMITS.guardDecodedCharsMax)
  const found: string[] = []
  if (ROT13_HINTS.test(text)) found.push(rot13(text))
  if (BACKWARD_HINTS.test(text)) found.push([...text].toReversed().join(''))
  if (LEET_HINTS.test(text)) {
    found.push(text.replace(/[0134578@$]/g, (sign) => LEET.get(sign) ?? sign))
  }
  return found
}

const LEET: ReadonlyMap<string, string> = new Map(
  Object.entries({ 0: 'o', 1: 'i', 3: 'e', 4: 'a', 5: 's', 7: 't', 8: 'b', '@': 'a', $: 's' }),
)

function rot13(text: string): string {
  return text.replace(/[a-z]/g, (letter) =>
    String.fromCharCode(((letter.charCodeAt(0) - 97 + 13) % 26) + 97),
  )
}

const TAG_FIRST = 0xe0020
const TAG_LAST = 0xe007e
/** Flags of regions are written with five or six of them. */
const TAGS_MIN = 8

/** What invisible tag characters spell, which models read and people do not see. */
export function hiddenText(text: string): string | undefined {
  if (!text.includes('\udb40')) return undefined
  let hidden = ''
  for (const sign of text) {
    const code = sign.codePointAt(0)!
    if (code >= TAG_FIRST && code <= TAG_LAST) hidden += String.fromCharCode(code - 0xe0000)
  }
  return hidden.length >= TAGS_MIN ? hidden : undefined
}
