// The normal form in which texts are judged: what looks alike is alike, and what cannot be seen is not there. It keeps the way back to the
// original, so that a span found here masks there. Pure; it decides nothing and changes no text that is sent.

import { LIMITS } from '../core/limits.ts'

/** A text's normal form. */
export interface Normal {
  readonly text: string
  /** Offset in the original of each offset here, its end included; absent where both are the same. */
  readonly offsets?: Int32Array
}

/** Everything that a text without any of these is in normal form already. */
const PLAIN = /^[\t\n\r\x20-\x7e]*$/
const FOLDABLE = /[\t\n\r]|\x20\x20/

/** Forms of characters, looked up in a table that fills as it is used; those beyond its size stand in a map that is emptied when it is full. */
const TABLE_SIZE = 0x10000
const table: (string | undefined)[] = []
const further = new Map<number, string>()

/**
 * The normal form: compatibility forms resolved (NFKD), digits of all scripts as ASCII, marks upon letters, invisible and direction
 * characters removed, Cyrillic, Greek and other look-alikes as the Latin letters that they pass for.
 * @param fold also lower case, and any run of white space as one blank
 * @param escapes the text is JSON, whose escapes stand for characters
 */
export function normalise(text: string, fold = false, escapes = false): Normal {
  if (PLAIN.test(text) && !(escapes && text.includes('\\'))) {
    if (!fold) return { text }
    if (!FOLDABLE.test(text)) return { text: text.toLowerCase() }
  }
  const parts: string[] = []
  const offsets = new Int32Array(worstLength(text) + 1)
  let length = 0
  let blank = false
  for (let at = 0; at < text.length;) {
    const run = plainEnd(text, at, fold, escapes)
    if (run > at) {
      const form = text.slice(at, run)
      parts.push(fold ? form.toLowerCase() : form)
      while (at < run) offsets[length++] = at++
      blank = false
      continue
    }
    const { code, width } = characterAt(text, at, escapes)
    let form = formOf(code)
    if (fold && form !== '') {
      form = form.toLowerCase()
      const isBlank = form === ' ' || form === '\n' || form === '\t' || form === '\r'
      if (isBlank) form = blank ? '' : ' '
      blank = isBlank
    }
    if (form !== '') {
      parts.push(form)
      for (let sign = 0; sign < form.length; sign++) offsets[length++] = at
    }
    at += width
  }
  offsets[length] = text.length
  return { text: parts.join(''), offsets: offsets.subarray(0, length + 1) }
}

const BACKSLASH = 0x5c
const ESCAPES: ReadonlyMap<string, number> = new Map(
  Object.entries({ n: 10, r: 13, t: 9, b: 8, f: 12, '"': 34, '/': 47, '\\': BACKSLASH }),
)

/** One character, and how many signs it is written with. */
function characterAt(
  text: string,
  at: number,
  escapes: boolean,
): { readonly code: number; readonly width: number } {
  const code = text.codePointAt(at)!
  if (!escapes || code !== BACKSLASH) return { code, width: code > 0xffff ? 2 : 1 }
  const next = text[at + 1] ?? ''
  const plain = ESCAPES.get(next)
  if (plain !== undefined) return { code: plain, width: 2 }
  const digits = text.slice(at + 2, at + 6)
  const isCode = next === 'u' && /^[0-9A-Fa-f]{4}$/.test(digits)
  return isCode ? { code: Number.parseInt(digits, 16), width: 6 } : { code, width: 1 }
}

/** Where a run of characters ends that are in normal form as they are. */
function plainEnd(text: string, from: number, fold: boolean, escapes: boolean): number {
  const least = fold ? 0x21 : 0x20
  let at = from
  for (; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code < least || code > 0x7e || (escapes && code === BACKSLASH)) break
  }
  return at
}

/** A span of the normal form as one of the original: whole characters, with the invisible ones behind each. */
export function originalSpan(
  normal: Normal,
  start: number,
  end: number,
): { start: number; end: number } {
  const { offsets } = normal
  if (offsets === undefined) return { start, end }
  const last = offsets[end - 1]!
  let next = end
  while (next < offsets.length - 1 && offsets[next] === last) next++
  return { start: offsets[start]!, end: offsets[next]! }
}

/** A form is at most so much longer than its character: U+FDFA is the longest of all, with 18 for one. */
const EXPANSION_MAX = 18

function worstLength(text: string): number {
  let length = 0
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    length += code < 0x80 ? 1 : code >= 0xfb00 ? EXPANSION_MAX : 8
  }
  return length
}

function formOf(code: number): string {
  if (code < 0x80) return code >= 0x20 && code !== 0x7f ? ASCII[code]! : controlForm(code)
  if (code < TABLE_SIZE) return (table[code] ??= makeForm(code))
  const known = further.get(code)
  if (known !== undefined) return known
  const form = makeForm(code)
  if (further.size >= LIMITS.guardFormsMax) further.clear()
  further.set(code, form)
  return form
}

const ASCII: readonly string[] = Array.from({ length: 0x80 }, (_, code) =>
  String.fromCharCode(code),
)

/** Control characters separate nothing and are invisible, but for white space. */
function controlForm(code: number): string {
  return code === 0x09 || code === 0x0a || code === 0x0d ? ASCII[code]! : ''
}

function makeForm(code: number): string {
  const sign = String.fromCodePoint(code)
  if (LINE_END.test(sign)) return '\n'
  if (isIgnored(sign)) return ''
  if (BLANK.test(sign)) return ' '
  const digit = digitOf(code)
  if (digit !== undefined) return digit
  let form = ''
  for (const one of sign.normalize('NFKD')) {
    if (isIgnored(one)) continue
    form += lookAlike(one) ?? (BLANK.test(one) ? ' ' : one)
  }
  return form
}

/** Blocks of marks upon letters that a reader reads past, and control characters: first and last. */
const MARKS: readonly (readonly [number, number])[] = [
  [0x80, 0x9f],
  [0x300, 0x36f],
  [0x483, 0x489],
  [0x591, 0x5bd],
  [0x5bf, 0x5c7],
  [0x610, 0x61a],
  [0x64b, 0x65f],
  [0x670, 0x670],
  [0x6d6, 0x6dc],
  [0x1ab0, 0x1aff],
  [0x1dc0, 0x1dff],
  [0x20d0, 0x20ff],
  [0xfe20, 0xfe2f],
  [0xfff9, 0xfffb],
]
const INVISIBLE = /\p{Default_Ignorable_Code_Point}/u

function isIgnored(sign: string): boolean {
  const code = sign.codePointAt(0)!
  return MARKS.some(([first, last]) => code >= first && code <= last) || INVISIBLE.test(sign)
}

const BLANK = /[\p{Zs}\u2800]/u
const LINE_END = /[\u2028\u2029\u0085]/

/** Zeros of the scripts that have digits of their own and no compatibility form. */
const ZEROS = [
  0x660, 0x6f0, 0x7c0, 0x966, 0x9e6, 0xa66, 0xae6, 0xb66, 0xbe6, 0xc66, 0xce6, 0xd66, 0xde6, 0xe50,
  0xed0, 0xf20, 0x1040, 0x1090, 0x17e0, 0x1810, 0x1946, 0x19d0, 0x1a80, 0x1a90, 0x1b50, 0x1bb0,
  0x1c40, 0x1c50, 0xa620, 0xa8d0, 0xa900, 0xa9d0, 0xa9f0, 0xaa50, 0xabf0, 0x104a0, 0x11066,
]

function digitOf(code: number): string | undefined {
  const zero = ZEROS.find((one) => code >= one && code <= one + 9)
  return zero === undefined ? undefined : String(code - zero)
}

/** Pairs of what is seen and what it passes for: https://www.unicode.org/reports/tr39/ knows more; these pass in common fonts. */
const PAIRS: readonly (readonly [seen: string, meant: string])[] = [
  // Cyrillic
  ['асԁеһніјӏкмоорԛѕтвѵԝхуАВЕНІЈКМОРЅТХУСӀԌԜ', 'acdehhijlkmoopqstbvwxyABEHIJKMOPSTXYCIGW'],
  // Greek
  ['αβγεηικνορτυχωΑΒΕΖΗΙΚΜΝΟΡΤΥΧ', 'abyenikvoptuxwABEZHIKMNOPTYX'],
  // Armenian, Cherokee, Lisu and others
  ['օսհցզոᎪᏴᏟᎠᎬᎻᎫᏦᏞᎷᎡᏚᎢᏙᏔᎩᏃ', 'ouhgqnABCDEHJKLMRSTVWYZ'],
  // Latin letters of phonetics, small capitals, strokes
  ['ɑɡıȷłøđħŧƒɩʟɴʀʙɢʜɪʏɾʋʍ', 'agijlodhtfilnrbghiyrvm'],
  ['ᴀᴄᴅᴇᴊᴋᴍᴏᴘᴛᴜᴠᴡᴢꜰꜱ', 'acdejkmoptuvwzfs'],
  // Signs
  ['‐‑‒–—―−⁃˗➖ー', '-----------'],
  ['‘’‚‛ʼ′´“”„‟″', `'''''''"""""`],
  ['⁄∕╱․。٫；：？！＠', '///...;:?!@'],
]

let known: ReadonlyMap<string, string> | undefined

/** Made at the first sign beyond ASCII: most starts never need it. */
function lookAlike(sign: string): string | undefined {
  known ??= lookAlikes()
  return known.get(sign)
}

function lookAlikes(): Map<string, string> {
  const result = new Map<string, string>()
  for (const [seen, meant] of PAIRS) {
    const plain = [...meant]
    ;[...seen].forEach((sign, at) => result.set(sign, plain[at] ?? sign))
  }
  const enclosed: readonly (readonly [number, number])[] = [
    [0x1f150, 0x41],
    [0x1f170, 0x41],
    [0x1f1e6, 0x41],
  ]
  for (const [from, to] of enclosed) {
    for (let letter = 0; letter < 26; letter++) {
      result.set(String.fromCodePoint(from + letter), String.fromCharCode(to + letter))
    }
  }
  return result
}
