// The address guard at connect time: a name is resolved here, every answer is judged, and the connection goes to exactly
// the address that was judged, so that a name which changes its answer gains nothing. It must never connect by itself.

import { classifyAddress } from '../core/address.ts'
import { GatewayError } from '../core/error.ts'
import { LIMITS } from '../core/limits.ts'

interface CachedAddresses {
  /** Best first. */
  readonly addresses: readonly string[]
  readonly askedMs: number
  /** The first of them has answered. */
  readonly isProven: boolean
}

export type Lookup = (host: string) => Promise<string[]>

/** The resolver is loaded with the first name: the start would pay for it otherwise. */
const systemLookup: Lookup = async (host) => {
  const { lookup } = process.getBuiltinModule('node:dns/promises')
  const answers = await lookup(host, { all: true, verbatim: true })
  return answers.map((answer) => answer.address)
}

export class AddressGuard {
  private readonly cache = new Map<string, CachedAddresses>()
  private readonly asking = new Map<string, Promise<CachedAddresses>>()
  /** Names that did not resolve, and when. */
  private readonly unknown = new Map<
    string,
    { readonly error: GatewayError; readonly atMs: number }
  >()
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
  async addresses(host: string, allowPrivate: boolean): Promise<readonly string[]> {
    const known = this.known(host, allowPrivate)
    if (known !== undefined) return known
    const { addresses } = await this.askOnce(host)
    this.judge(host, addresses, allowPrivate)
    return addresses
  }

  /** As `addresses`, where no question is needed; else undefined. */
  known(host: string, allowPrivate: boolean): readonly string[] | undefined {
    if (this.judgeLiteral(host, allowPrivate)) return [host]
    const known = this.cache.get(host)
    if (known === undefined || this.monotonicMs() - known.askedMs >= LIMITS.dnsCacheTtlMs) {
      return undefined
    }
    this.judge(host, known.addresses, allowPrivate)
    return known.addresses
  }

  private judge(host: string, addresses: readonly string[], allowPrivate: boolean): void {
    for (const address of addresses) requireAllowed(host, this.kindOf(address), allowPrivate)
  }

  /**
   * Whether the host is written as an address, which is judged; a name is not, as where a proxy resolves it.
   * @throws GatewayError `upstream_error` when the address is refused
   */
  judgeLiteral(host: string, allowPrivate: boolean): boolean {
    const kind = this.kindOf(host)
    if (kind === 'name') return false
    requireAllowed(host, kind, allowPrivate)
    return true
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
    if (known === undefined || (known.isProven && known.addresses[0] === address)) return
    this.cache.set(host, { ...known, addresses: firstOf(known.addresses, address), isProven: true })
  }

  /** Whether the first address of a name has answered and has not failed since. */
  isProven(host: string): boolean {
    return this.cache.get(host)?.isProven === true
  }

  /** No connection could be made: the name is looked up anew. False when that was done a moment ago. */
  forget(host: string): boolean {
    const known = this.cache.get(host)
    if (known === undefined) return false
    if (this.monotonicMs() - known.askedMs < LIMITS.dnsRepeatMinMs) {
      this.cache.set(host, { ...known, isProven: false })
      return false
    }
    this.cache.delete(host)
    return true
  }

  /** Many requests at once ask once. */
  private askOnce(host: string): Promise<CachedAddresses> {
    const running = this.asking.get(host)
    if (running !== undefined) return running
    // Some resolvers take seconds to find nothing: not every request waits for that anew.
    const unknown = this.unknown.get(host)
    if (unknown !== undefined && this.monotonicMs() - unknown.atMs < LIMITS.dnsRepeatMinMs) {
      return Promise.reject(unknown.error)
    }
    const asked = this.ask(host).finally(() => this.asking.delete(host))
    this.asking.set(host, asked)
    return asked
  }

  private async ask(host: string): Promise<CachedAddresses> {
    let addresses: readonly string[]
    try {
      addresses = await this.resolveName(host)
    } catch (cause) {
      throw this.noted(host, "The provider's host name could not be resolved.", cause)
    }
    if (addresses.length === 0) {
      throw this.noted(host, "The provider's host name has no address.", host)
    }
    this.unknown.delete(host)
    const before = this.cache.get(host)
    const proven = before?.isProven === true ? before.addresses[0] : undefined
    const isProven = proven !== undefined && addresses.includes(proven)
    const found = {
      addresses: isProven ? firstOf(addresses, proven) : addresses,
      askedMs: this.monotonicMs(),
      isProven,
    }
    if (this.cache.size >= LIMITS.dnsCacheEntriesMax) this.cache.clear()
    this.cache.set(host, found)
    return found
  }

  private noted(host: string, message: string, cause: unknown): GatewayError {
    const error = new GatewayError('upstream_error', { message, cause })
    if (this.unknown.size >= LIMITS.dnsCacheEntriesMax) this.unknown.clear()
    this.unknown.set(host, { error, atMs: this.monotonicMs() })
    return error
  }
}

function firstOf(addresses: readonly string[], first: string): readonly string[] {
  return [first, ...addresses.filter((other) => other !== first)]
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
