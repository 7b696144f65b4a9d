// The address guard at connect time: a name is resolved here, every answer is judged, and the connection goes to exactly
// the address that was judged, so that a name which changes its answer gains nothing. It must never connect by itself.

import { lookup } from 'node:dns/promises'
import { classifyAddress } from '../core/address.ts'
import { GatewayError } from '../core/error.ts'
import { LIMITS } from '../core/limits.ts'

interface CachedAddresses {
  readonly addresses: string[]
  readonly expiresMs: number
}

export type Lookup = (host: string) => Promise<string[]>

const systemLookup: Lookup = async (host) =>
  (await lookup(host, { all: true, verbatim: true })).map((answer) => answer.address)

export class AddressGuard {
  private readonly cache = new Map<string, CachedAddresses>()
  private readonly kinds = new Map<string, ReturnType<typeof classifyAddress>>()
  private readonly monotonicMs: () => number
  private readonly resolveName: Lookup

  constructor(monotonicMs: () => number, resolveName: Lookup = systemLookup) {
    this.monotonicMs = monotonicMs
    this.resolveName = resolveName
  }

  /**
   * Addresses to try for a host, best first, all of them allowed.
   * @throws GatewayError `upstream_error` when the name does not resolve or an address is refused; the host is in the
   * cause only.
   */
  async addresses(host: string, allowPrivate: boolean): Promise<string[]> {
    const kind = this.kindOf(host)
    if (kind !== 'name') {
      requireAllowed(host, kind, allowPrivate)
      return [host]
    }
    const known = this.cache.get(host)
    const addresses =
      known !== undefined && known.expiresMs > this.monotonicMs()
        ? known.addresses
        : await this.lookup(host)
    for (const address of addresses) {
      requireAllowed(host, this.kindOf(address), allowPrivate)
    }
    return addresses
  }

  /** Judging a literal address parses it anew; a provider's is the same every time. */
  private kindOf(host: string): ReturnType<typeof classifyAddress> {
    let kind = this.kinds.get(host)
    if (kind === undefined) {
      kind = classifyAddress(host)
      if (this.kinds.size >= LIMITS.judgedAddressEntriesMax) this.kinds.clear()
      this.kinds.set(host, kind)
    }
    return kind
  }

  /** The address that answered is tried first from now on. */
  prefer(host: string, address: string): void {
    const known = this.cache.get(host)
    if (known === undefined || known.addresses[0] === address) return
    const rest = known.addresses.filter((other) => other !== address)
    this.cache.set(host, { ...known, addresses: [address, ...rest] })
  }

  private async lookup(host: string): Promise<string[]> {
    let addresses: string[]
    try {
      addresses = await this.resolveName(host)
    } catch (cause) {
      throw new GatewayError('upstream_error', {
        message: "The provider's host name could not be resolved.",
        cause,
      })
    }
    if (addresses.length === 0) {
      throw new GatewayError('upstream_error', {
        message: "The provider's host name has no address.",
        cause: host,
      })
    }
    if (this.cache.size >= LIMITS.dnsCacheEntriesMax) this.cache.clear()
    this.cache.set(host, { addresses, expiresMs: this.monotonicMs() + LIMITS.dnsCacheTtlMs })
    return addresses
  }
}

function requireAllowed(
  host: string,
  kind: ReturnType<typeof classifyAddress>,
  allowPrivate: boolean,
): void {
  const allowed = kind === 'public' || (allowPrivate && (kind === 'loopback' || kind === 'private'))
  if (allowed) return
  throw new GatewayError('upstream_error', {
    message: "The provider's address is not one this server may connect to.",
    cause: `${host} is ${kind}`,
    shouldRetry: false,
  })
}
