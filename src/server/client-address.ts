// The address of a client: the peer of the connection, or, where that peer is a proxy the operator trusts, the address that this proxy
// saw. What a client claims of itself in a header is never believed. Pure: it is given the peer and the header fields.

import {
  parseAddressRange,
  parseIpAddress,
  rangeContains,
  type AddressRange,
  type IpAddress,
} from '../core/address.ts'
import { LIMITS } from '../core/limits.ts'

/** Addresses and CIDR blocks as ranges; what is none of them is left out. */
export function parseRanges(texts: readonly string[]): readonly AddressRange[] {
  return texts.flatMap((text) => parseAddressRange(text) ?? [])
}

/**
 * The client's address in one spelling: dotted decimal, or lower-case RFC 5952 without a zone; an IPv4 address inside an IPv6 one is
 * told as IPv4. Undefined where the peer is not known any more, or where proxies contradict each other.
 *
 * Each trusted proxy has added who asked it at the right end of `X-Forwarded-For` (or `Forwarded`, RFC 7239), so the first address
 * from the right that is none of theirs is the client's; what stands left of it anybody may have written. Where both header fields are
 * there and say otherwise, one of them went through a proxy that does not know it: then neither is believed, and the client is nobody
 * known. It must not pass for the proxy, whose own address a key may be allowed from.
 */
export function clientAddress(
  peer: string | undefined,
  headers: Headers,
  trusted: readonly AddressRange[],
): string | undefined {
  if (peer === undefined) return undefined
  const address = parseIpAddress(peer)
  if (address === undefined) return undefined
  if (trusted.length === 0 || !isTrusted(address, trusted)) return addressText(peer, address)
  const claimed = [xForwardedFor(headers), forwarded(headers)]
    .filter((hops) => hops !== undefined)
    .map((hops) => nearest(hops, trusted))
  const [first, second] = claimed
  if (claimed.length > 1 && first !== second) return undefined
  return first ?? addressText(peer, address)
}

/** The first from the right that is not trusted; where all are, the one furthest away. Undefined where none can be read. */
function nearest(hops: readonly string[], trusted: readonly AddressRange[]): string | undefined {
  let found: string | undefined
  for (const hop of hops.slice(-LIMITS.forwardedHopsMax).toReversed()) {
    const text = withoutPort(hop)
    const address = parseIpAddress(text)
    // A name or nothing readable: who is behind it is not known, so it is the one before.
    if (address === undefined) return found
    found = addressText(text, address)
    if (!isTrusted(address, trusted)) return found
  }
  return found
}

function xForwardedFor(headers: Headers): readonly string[] | undefined {
  return headers
    .get('x-forwarded-for')
    ?.split(',')
    .map((hop) => hop.trim())
}

/** The `for` of each element: `for=192.0.2.43`, `For="[2001:db8::17]:4711"`. */
function forwarded(headers: Headers): readonly string[] | undefined {
  return headers
    .get('forwarded')
    ?.split(',')
    .map((element) => {
      const pair = element.split(';').find((part) => /^\s*for\s*=/i.test(part))
      return pair === undefined
        ? ''
        : pair
            .slice(pair.indexOf('=') + 1)
            .trim()
            .replaceAll('"', '')
    })
}

function withoutPort(hop: string): string {
  const bracketed = /^\[([^\]]*)\](?::\d{1,5})?$/.exec(hop)
  if (bracketed !== null) return bracketed[1] ?? ''
  return /^[^:]+:\d{1,5}$/.test(hop) ? hop.slice(0, hop.indexOf(':')) : hop
}

function isTrusted(address: IpAddress, trusted: readonly AddressRange[]): boolean {
  return trusted.some((range) => rangeContains(range, address))
}

function addressText(text: string, { value, version }: IpAddress): string {
  if (version === 4) return text
  if (value >> 32n === 0xffffn) return ipv4Text(value & 0xffffffffn)
  const groups = Array.from({ length: 8 }, (_, index) =>
    Number((value >> BigInt(112 - 16 * index)) & 0xffffn),
  )
  const { length, start } = longestZeros(groups)
  const texts = groups.map((group) => group.toString(16))
  if (length < 2) return texts.join(':')
  return `${texts.slice(0, start).join(':')}::${texts.slice(start + length).join(':')}`
}

function ipv4Text(value: bigint): string {
  return [24n, 16n, 8n, 0n].map((shift) => String((value >> shift) & 0xffn)).join('.')
}

/** The run that RFC 5952 shortens: the longest, of several the first. */
function longestZeros(groups: readonly number[]): { start: number; length: number } {
  let best = { start: 0, length: 0 }
  let start = 0
  for (const [index, group] of groups.entries()) {
    if (group !== 0) start = index + 1
    else if (index + 1 - start > best.length) best = { start, length: index + 1 - start }
  }
  return best
}
