// Email addresses, found from their `@` outwards so that every text is read once. Pure.

import type { Detector } from './detector.ts'

const LOCAL_CHARS_MAX = 64
const DOMAIN_CHARS_MAX = 253
const LOCAL = /[A-Za-z0-9!#$%&'*+=?^_`{|}~.-]/
const DOMAIN = /[A-Za-z0-9.-]/
const DOMAIN_FORM = /^(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.){1,8}[A-Za-z]{2,24}$/

/** Names of files, such as `logo@2x.png`. */
const FILE = /\.(?:png|jpe?g|gif|svg|webp|js|ts|tsx|jsx|css|html?|json|txt|pdf|ya?ml)$/i
/** What stands before the user's name in `https://user@host`. */
const USER_OF_ADDRESS = /:\/\/[^\s/@]*$/
const AUTHORITY_CHARS = 100

/** Finds `local@domain.tld`; a domain without a dot, as in `user@localhost` or a decorator of code, is none. */
export const detectEmail: Detector = (text, found) => {
  for (let sign = text.indexOf('@'); sign !== -1; sign = text.indexOf('@', sign + 1)) {
    let start = sign
    while (start > 0 && sign - start < LOCAL_CHARS_MAX && LOCAL.test(text[start - 1]!)) start--
    let end = sign + 1
    while (end < text.length && end - sign <= DOMAIN_CHARS_MAX && DOMAIN.test(text[end]!)) end++
    while (end > sign && /[.-]/.test(text[end - 1]!)) end--
    while (start < sign && /[^A-Za-z0-9_+]/.test(text[start]!)) start++
    const local = text.slice(start, sign)
    if (local === '' || local.endsWith('.') || local.includes('..')) continue
    const domain = text.slice(sign + 1, end)
    if (!DOMAIN_FORM.test(domain) || FILE.test(domain)) continue
    if (USER_OF_ADDRESS.test(text.slice(Math.max(0, start - AUTHORITY_CHARS), start))) continue
    found(start, end, 'email')
  }
}
