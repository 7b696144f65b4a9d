// Which hosts are reached without the proxy: the list that people know as NO_PROXY, as curl, Go and Bun read it. A name is compared
// as it is written and never resolved: behind a proxy this program may not be able to.

import {
  type AddressRange,
  parseAddressRange,
  parseIpAddress,
  rangeContains,
} from '../core/address.ts'

interface NoProxyEntry {
  /** Every host. */
  readonly all?: true
  readonly range?: AddressRange
  /** The name itself and all below it. */
  readonly name?: string
  /** Absent: every port. */
  readonly port?: number
}

const parsed = new WeakMap<readonly string[], readonly NoProxyEntry[]>()

/**
 * Whether a host is reached without the proxy.
 * @param list names (`example.com`, `.example.com` and `*.example.com` all mean the domain and what is below it), addresses, CIDR
 * blocks, each with or without `:port`, or `*`
 * @param host a name or an address without brackets
 */
export function bypassesProxy(list: readonly string[], host: string, port: number): boolean {
  let entries = parsed.get(list)
  if (entries === undefined) {
    entries = list.flatMap((text) => parseEntry(text) ?? [])
    parsed.set(list, entries)
  }
  const address = parseIpAddress(host)
  const name = host.toLowerCase().replace(/\.$/, '')
  return entries.some((entry) => {
    if (entry.port !== undefined && entry.port !== port) return false
    if (entry.all === true) return true
    if (entry.range !== undefined) {
      return address !== undefined && rangeContains(entry.range, address)
    }
    if (address !== undefined || entry.name === undefined) return false
    return name === entry.name || name.endsWith(`.${entry.name}`)
  })
}

/** Undefined for what is none; configuration has refused that before. */
function parseEntry(text: string): NoProxyEntry | undefined {
  const entry = text.trim().toLowerCase()
  if (entry === '*') return { all: true }
  const block = parseAddressRange(entry)
  if (block !== undefined) return { range: block }
  const [, bracketed, plain, digits] =
    /^(?:\[([^\]]+)\]|(?:\*?\.)?([^:[\]]+))(?::(\d{1,5}))?$/.exec(entry) ?? []
  const port = digits === undefined ? {} : { port: Number(digits) }
  const range = parseAddressRange(bracketed ?? plain ?? '')
  if (range !== undefined) return { range, ...port }
  const name = plain?.replace(/\.$/, '')
  return name === undefined || name === '' ? undefined : { name, ...port }
}
