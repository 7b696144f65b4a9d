// Finds values that look random and are assigned to something called key, token, secret or password: credentials whose issuer nobody knows.
// Hashes, UUIDs, identifiers and words are none. Pure.

import type { Detector } from './detector.ts'

const NAMES = /(?:key|token|secret|passw(?:or)?d|pwd|credentials?|bearer|authorization|apikey)/gi

/** Names that end like those but hold nothing secret. */
const HARMLESS =
  /(?:public|primary|foreign|cache|idempotency|partition|sort|routing|object|page|next|continuation|sync|session|prompt|completion|input|output|total|max|cached?|reasoning|pub|host|key|map|lookup|group|hot|short)[_.\s-]{0,2}$/i
/** Names that begin like those and are of something else. */
const HARMLESS_BEHIND =
  /^(?:i[sz]|s?[_-]?(?:type|count|limit|name|ids?|urls?|uri|endpoint|path|file|prefix|length|size|usage)(?![a-z]))/i
const NAME_BEFORE_CHARS = 24

/** What may follow the name up to the value: the rest of the name, quotes, one sign of assignment. */
const ASSIGNMENT =
  /^[\w-]{0,24}["'\])]{0,3}\s{0,3}(?:(?::=|=>|==?|:|\bis\b|,)\s{0,3}|(?=["'`])|(?<=bearer\s))(?:bearer\s|basic\s|token\s)?["'`]{0,3}/i
const REACH_CHARS = 60

const VALUE = /^[A-Za-z0-9_+/=.~-]{20,512}/
const VALUE_CHARS = 513

/** Values of unknown issuers. */
export const detectAssigned: Detector = (text, found) => {
  let until = 0
  for (const name of text.matchAll(NAMES)) {
    const end = name.index + name[0].length
    if (end < until) continue
    const before = text.slice(Math.max(0, name.index - NAME_BEFORE_CHARS), name.index)
    if (HARMLESS.test(before)) continue
    const behind = text.slice(end, end + REACH_CHARS)
    if (HARMLESS_BEHIND.test(behind)) continue
    const gap = /^bearer$/i.test(name[0])
      ? /^\s{1,3}["'`]?/.exec(behind)?.[0].length
      : ASSIGNMENT.exec(behind)?.[0].length
    if (gap === undefined) continue
    const start = end + gap
    const value = VALUE.exec(text.slice(start, start + VALUE_CHARS))?.[0].replace(/[.=]+$/, '')
    if (value === undefined || !isRandom(value, /^key$/i.test(name[0]))) continue
    if (text[start + value.length] === '(') continue
    until = start + value.length
    found(start, until, 'secret')
  }
}

const UUID = /^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$/i
const HEX = /^[0-9a-f]+$/i

/** Bits for each sign, by how often each occurs. */
const BITS_MIN = 3.5
const HEX_BITS_MIN = 3

/** @param isKey what is called a mere key may well be a hash */
function isRandom(value: string, isKey: boolean): boolean {
  if (UUID.test(value) || value.length < 20) return false
  if (HEX.test(value)) {
    const isNumber = /^\d+$/.test(value)
    return !isKey && !isNumber && value.length >= 32 && bitsOf(value) >= HEX_BITS_MIN
  }
  const digits = value.match(/\d/g)?.length ?? 0
  if (digits < 2 || !/[A-Za-z]/.test(value) || /example|placeholder|x{6}|\.\.\./i.test(value)) {
    return false
  }
  return bitsOf(value) >= BITS_MIN && !isOfWords(value)
}

/** No vowel within so many letters: drawn by lot, as `Jjmrb`. */
const UNSPEAKABLE = /^[^aeiouy]{4,}$|[bcdfghjklmnpqrstvwxz]{5}/i

/** Most of it are words with signs or capitals between: names, paths, titles. */
function isOfWords(value: string): boolean {
  let inWords = 0
  for (const [word] of value.matchAll(
    /[A-Z]?[a-z]{4,}|[A-Z]{4,}|(?<![A-Za-z0-9])\d{1,4}(?![A-Za-z0-9])/g,
  )) {
    if (!UNSPEAKABLE.test(word)) inWords += word.length
  }
  return inWords >= value.length * 0.6
}

function bitsOf(value: string): number {
  const counts = new Map<string, number>()
  for (const sign of value) counts.set(sign, (counts.get(sign) ?? 0) + 1)
  let bits = 0
  for (const count of counts.values()) {
    const share = count / value.length
    bits -= share * Math.log2(share)
  }
  return bits
}
