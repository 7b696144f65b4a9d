// Addresses of networks and devices: IPv4, IPv6 and MAC. Those that name nobody (loopback, unspecified, broadcast) are left alone, and so
// are version numbers. Pure.

import type { Detector } from './detector.ts'

const IPV4 = /(?<![\w.-])\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}(?![\w-]|\.\d)/g
const VERSION_BEFORE =
  /(?:\b(?:v(?:er(?:sion)?)?|release|chapter|section|figure|table|clause|build|kernel|rev(?:ision)?)|==|>=|<=|~=|\^|@|§|[A-Za-z]\/)[\s.:"'=]*$/i

export const detectIp: Detector = (text, found) => {
  for (const match of text.matchAll(IPV4)) {
    const parts = match[0].split('.')
    if (parts.some((part) => Number(part) > 255 || (part.length > 1 && part[0] === '0'))) continue
    if (parts[0] === '0' || parts[0] === '127' || match[0] === '255.255.255.255') continue
    if (match[0].endsWith('.0.0.0')) continue
    if (VERSION_BEFORE.test(text.slice(Math.max(0, match.index - 12), match.index))) continue
    found(match.index, match.index + match[0].length, 'ip')
  }
  for (const match of text.matchAll(IPV6)) {
    if (isIpv6(match[0])) found(match.index, match.index + match[0].length, 'ip')
  }
}

const IPV6 =
  /(?<![\w:.])[0-9a-fA-F]{0,4}:[0-9a-fA-F]{0,4}:[0-9a-fA-F:]{0,36}(?:\d{1,3}(?:\.\d{1,3}){3})?(?![\w:]|\.\w)/g

/** RFC 4291 §2.2. A short one must have three groups and a digit, or scopes of code (`a::b`) and times would be addresses. */
function isIpv6(text: string): boolean {
  const halves = text.split('::')
  if (halves.length > 2) return false
  const groups = halves.flatMap((half) => (half === '' ? [] : half.split(':')))
  const last = groups.at(-1) ?? ''
  const hasIpv4 = last.includes('.')
  const count = groups.length + (hasIpv4 ? 1 : 0)
  const plain = hasIpv4 ? groups.slice(0, -1) : groups
  if (plain.some((group) => !/^[0-9a-fA-F]{1,4}$/.test(group))) return false
  if (hasIpv4 && last.split('.').some((part) => Number(part) > 255)) return false
  if (halves.length === 1) return count === 8
  if (count > 7) return false
  const isKnownPrefix = /^(?:2[0-9a-f]{3}|3[0-9a-f]{3}|f[cd][0-9a-f]{2}|fe[89ab][0-9a-f]):/i.test(
    text,
  )
  return isKnownPrefix ? count >= 2 : count >= 3 && /\d/.test(text)
}

const MAC =
  /(?<![\w:-])(?:[0-9A-Fa-f]{2}(?::[0-9A-Fa-f]{2}){5}|[0-9A-Fa-f]{2}(?:-[0-9A-Fa-f]{2}){5}|[0-9A-Fa-f]{4}\.[0-9A-Fa-f]{4}\.[0-9A-Fa-f]{4})(?![\w:-]|\.\w)/g

export const detectMac: Detector = (text, found) => {
  for (const match of text.matchAll(MAC)) {
    const signs = match[0].replace(/[^0-9A-Fa-f]/g, '').toLowerCase()
    if (signs === '000000000000' || signs === 'ffffffffffff') continue
    if (match[0].includes('.') && !/[a-f]/.test(signs)) continue
    found(match.index, match.index + match[0].length, 'mac')
  }
}
