// What kind of place an address is: loopback, private, link-local (metadata services included), reserved or public.
// Configuration asks before it stores a URL, transport asks again of the resolved address, the server asks of a peer.
// Pure: it never resolves a name, and whatever it cannot read is `reserved`, which nobody may reach.

export type AddressClass =
  | 'public'
  | 'loopback'
  | 'private'
  | 'link-local'
  | 'reserved'
  /** A host name: what it resolves to must be classified at connect time. */
  | 'name'

/** An IP address as a number of 32 or 128 bits. */
export interface IpAddress {
  readonly version: 4 | 6
  readonly value: bigint
}

/** A block of addresses in CIDR notation; `prefix` is its length in bits. */
export interface AddressRange {
  readonly version: 4 | 6
  readonly value: bigint
  readonly prefix: number
}

const V4_LINK_LOCAL = ranges(
  '169.254.0.0/16',
  // Metadata services that live outside the link-local block: Alibaba, Azure's wire server, Oracle.
  '100.100.100.200/32',
  '168.63.129.16/32',
  '192.0.0.192/32',
)
const V4_PRIVATE = ranges('10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '100.64.0.0/10')
const V4_RESERVED = ranges(
  '0.0.0.0/8',
  '192.0.0.0/24',
  '192.0.2.0/24',
  '192.88.99.0/24',
  '198.18.0.0/15',
  '198.51.100.0/24',
  '203.0.113.0/24',
  '224.0.0.0/4',
  '240.0.0.0/4',
)
const V4_LOOPBACK = ranges('127.0.0.0/8')

const V6_LINK_LOCAL = ranges('fe80::/10', 'fd00:ec2::254/128', 'fd20:ce::254/128')
const V6_LOOPBACK = ranges('::1/128')
const V6_PRIVATE = ranges('fc00::/7')
const V6_MAPPED = ranges('::ffff:0:0/96')
const V6_GLOBAL = ranges('2000::/3')
// Inside 2000::/3 but not the public internet; everything outside it is reserved without being listed.
const V6_RESERVED = ranges('2001::/23', '2001:db8::/32', '2002::/16', '3fff::/20')

/** Names that only metadata services have; any resolver of such a cloud answers them with a link-local address. */
const METADATA_NAMES = new Set([
  'metadata.google.internal',
  'metadata.goog',
  'instance-data',
  'instance-data.ec2.internal',
])

/**
 * Classifies a URL's host or a peer's address. Takes what people and attackers write: brackets, a zone, a trailing dot,
 * capitals, full-width characters, and IPv4 in decimal, hexadecimal, octal or shortened form (WHATWG URL host rules).
 * IPv4-mapped IPv6 has the class of the address inside, but never `public`; the other ways of embedding IPv4 in IPv6
 * (NAT64, 6to4, Teredo, compatible) are `reserved`. Userinfo, a port, a path or any other text that is no host: `reserved`.
 */
export function classifyAddress(host: string): AddressClass {
  const text = canonicalHost(host)
  if (text.includes(':')) {
    const address = parseIpv6(text)
    return address === undefined ? 'reserved' : classifyIpv6(address)
  }
  const last = text.slice(text.lastIndexOf('.') + 1)
  if (/^(?:\d+|0x[0-9a-f]*)$/.test(last)) {
    const address = parseLooseIpv4(text)
    return address === undefined ? 'reserved' : classifyIpv4(address)
  }
  if (!isName(text)) return 'reserved'
  if (text === 'localhost' || text.endsWith('.localhost')) return 'loopback'
  return METADATA_NAMES.has(text) ? 'link-local' : 'name'
}

/**
 * Reads an IP address in its usual spelling: dotted decimal without leading zeros, or RFC 4291 text with or without
 * brackets; a zone is dropped. Undefined for anything else, names and odd spellings included.
 */
export function parseIpAddress(text: string): IpAddress | undefined {
  if (text.includes(':')) {
    const value = parseIpv6(canonicalHost(text))
    return value === undefined ? undefined : { version: 6, value }
  }
  if (!/^(?:(?:0|[1-9]\d{0,2})\.){3}(?:0|[1-9]\d{0,2})$/.test(text)) return undefined
  const value = parseLooseIpv4(text)
  return value === undefined ? undefined : { version: 4, value }
}

/** Reads `10.0.0.0/8`, `fd00::/8` or a single address; bits beyond the prefix are ignored. Undefined when it is neither. */
export function parseAddressRange(text: string): AddressRange | undefined {
  const slash = text.indexOf('/')
  const address = parseIpAddress(slash < 0 ? text : text.slice(0, slash))
  if (address === undefined) return undefined
  const bits = address.version === 4 ? 32 : 128
  if (slash < 0) return { ...address, prefix: bits }
  const digits = text.slice(slash + 1)
  if (!/^(?:0|[1-9]\d{0,2})$/.test(digits) || Number(digits) > bits) return undefined
  return { ...address, prefix: Number(digits) }
}

/** Whether the block holds the address. An IPv4-mapped IPv6 address counts as the IPv4 address inside it. */
export function rangeContains(range: AddressRange, address: IpAddress): boolean {
  const plain = unmapped(address)
  if (range.version !== plain.version) return false
  const shift = BigInt((range.version === 4 ? 32 : 128) - range.prefix)
  return range.value >> shift === plain.value >> shift
}

function unmapped(address: IpAddress): IpAddress {
  if (address.version === 4 || !within(V6_MAPPED, address)) return address
  return { version: 4, value: address.value & 0xffffffffn }
}

/** Read when an address is first judged by them: not at every start. */
function ranges(...texts: string[]): () => readonly AddressRange[] {
  let read: readonly AddressRange[] | undefined
  return () =>
    (read ??= texts.map((text) => {
      const range = parseAddressRange(text)
      if (range === undefined) throw new Error(`not an address range: ${text}`)
      return range
    }))
}

function within(list: () => readonly AddressRange[], address: IpAddress): boolean {
  const bits = address.version === 4 ? 32 : 128
  return list().some((range) => {
    const shift = BigInt(bits - range.prefix)
    return range.value >> shift === address.value >> shift
  })
}

function classifyIpv4(value: bigint): AddressClass {
  const address: IpAddress = { version: 4, value }
  if (within(V4_LOOPBACK, address)) return 'loopback'
  if (within(V4_LINK_LOCAL, address)) return 'link-local'
  if (within(V4_PRIVATE, address)) return 'private'
  return within(V4_RESERVED, address) ? 'reserved' : 'public'
}

function classifyIpv6(value: bigint): AddressClass {
  const address: IpAddress = { version: 6, value }
  if (within(V6_MAPPED, address)) {
    const inner = classifyIpv4(value & 0xffffffffn)
    return inner === 'public' ? 'reserved' : inner
  }
  if (within(V6_LOOPBACK, address)) return 'loopback'
  if (within(V6_LINK_LOCAL, address)) return 'link-local'
  if (within(V6_PRIVATE, address)) return 'private'
  return within(V6_GLOBAL, address) && !within(V6_RESERVED, address) ? 'public' : 'reserved'
}

/** The host as URL parsers see it before they look for an address: compatibility forms folded, dots unified, lower case. */
function canonicalHost(host: string): string {
  let text = /^[\x20-\x7e]*$/.test(host)
    ? host
    : host.replace(/[\u00ad\u200b-\u200d\u2060\ufeff]/g, '').normalize('NFKC')
  text = text.replace(/[\u3002\uff0e\uff61]/g, '.').toLowerCase()
  const bracketed = /^\[([^\]]*)\]$/.exec(text)
  if (bracketed !== null) text = bracketed[1]?.includes(':') === true ? bracketed[1] : ''
  return text.endsWith('.') && !text.includes(':') ? text.slice(0, -1) : text
}

/** IPv4 as the WHATWG URL standard and inet_aton read it: one to four parts, each decimal, 0x… or 0…. */
function parseLooseIpv4(text: string): bigint | undefined {
  const parts = text.split('.')
  if (parts.length > 4) return undefined
  let value = 0n
  for (const [index, part] of parts.entries()) {
    const number = parseIpv4Part(part)
    if (number === undefined) return undefined
    const isLast = index === parts.length - 1
    const bits = isLast ? 8 * (4 - index) : 8
    if (number >= 1n << BigInt(bits)) return undefined
    value = (value << BigInt(bits)) | number
  }
  return value
}

function parseIpv4Part(part: string): bigint | undefined {
  if (part.length > 64) return undefined
  if (/^0x[0-9a-f]*$/.test(part)) return part === '0x' ? 0n : BigInt(part)
  if (/^0[0-7]+$/.test(part)) return BigInt(`0o${part}`)
  return /^(?:0|[1-9]\d*)$/.test(part) ? BigInt(part) : undefined
}

/** RFC 4291 text, an IPv4 tail and a zone (dropped) included. */
function parseIpv6(text: string): bigint | undefined {
  const zone = text.indexOf('%')
  let body = zone < 0 ? text : text.slice(0, zone)
  const tail = /(?<=:)(?:\d{1,3}\.){3}\d{1,3}$/.exec(body)
  if (tail !== null) {
    const inner = parseIpAddress(tail[0])
    if (inner === undefined) return undefined
    const high = (inner.value >> 16n).toString(16)
    body = `${body.slice(0, tail.index)}${high}:${(inner.value & 0xffffn).toString(16)}`
  }
  const halves = body.split('::')
  if (halves.length > 2) return undefined
  const [head = [], rest = []] = halves.map((half) => (half === '' ? [] : half.split(':')))
  const missing = 8 - head.length - rest.length
  if (halves.length === 2 ? missing < 1 : missing !== 0) return undefined
  const groups = [...head, ...Array<string>(missing).fill('0'), ...rest]
  if (!groups.every((group) => /^[0-9a-f]{1,4}$/.test(group))) return undefined
  return groups.reduce((value, group) => (value << 16n) | BigInt(`0x${group}`), 0n)
}

/** A DNS name as resolvers take it; underscores occur in container networks. */
function isName(text: string): boolean {
  if (text.length === 0 || text.length > 253) return false
  return text.split('.').every((label) => {
    if (label.length === 0 || label.length > 63) return false
    return /^[\p{L}\p{N}_](?:[\p{L}\p{M}\p{N}_-]*[\p{L}\p{M}\p{N}_])?$/u.test(label)
  })
}
