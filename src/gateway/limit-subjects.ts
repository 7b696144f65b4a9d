// What an address is counted as: IPv4 by itself, IPv6 by its /64, since whoever has one address of such a block has all of them.
// Addresses come as `server/client-address.ts` writes them; it decides nothing else.

import { parseIpAddress } from '../core/address.ts'
import { LIMITS } from '../core/limits.ts'

/** Where the address is not known: all of those count as one. */
const UNKNOWN = 'unknown'

const known = new Map<string, string>()

/** The subject that an address is counted under: itself, or `2001:db8:0:1::/64`. */
export function addressSubject(address: string | undefined): string {
  if (address === undefined) return UNKNOWN
  if (!address.includes(':')) return address
  const found = known.get(address)
  if (found !== undefined) return found
  const parsed = parseIpAddress(address)
  const subject = parsed === undefined ? UNKNOWN : block(parsed.value)
  if (known.size >= LIMITS.limitSubjectsMax) known.clear()
  known.set(address, subject)
  return subject
}

function block(value: bigint): string {
  const groups = [112n, 96n, 80n, 64n].map((shift) => ((value >> shift) & 0xffffn).toString(16))
  return `${groups.join(':')}::/64`
}
