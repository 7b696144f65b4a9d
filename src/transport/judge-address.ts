// The address guard's word on an address that somebody writes, before anything is sent there: the same rules as at connect time, in words
// for whoever wrote it. A name that cannot be looked up now passes: it is judged again, and pinned, whenever it is used.

import { classifyAddress, type AddressClass } from '../core/address.ts'
import { LIMITS } from '../core/limits.ts'
import { ProbeError, resolveName } from './probe.ts'

export type NameLookup = (host: string, timeoutMs: number) => Promise<readonly string[]>

/**
 * Why this server may not connect to a host, in words that do not repeat it; undefined where it may.
 * @param host without brackets
 */
export async function refusedAddress(
  host: string,
  allowPrivate: boolean,
  lookUp: NameLookup = resolveName,
): Promise<string | undefined> {
  const own = classifyAddress(host)
  if (own !== 'name') return refusal(own, allowPrivate)
  let addresses: readonly string[]
  try {
    addresses = await lookUp(host, LIMITS.addressJudgeMs)
  } catch (error) {
    if (error instanceof ProbeError) return undefined
    throw error
  }
  for (const address of addresses) {
    const refused = refusal(classifyAddress(address), allowPrivate)
    if (refused !== undefined) return refused
  }
  return undefined
}

function refusal(kind: AddressClass, allowPrivate: boolean): string | undefined {
  switch (kind) {
    case 'public':
      return undefined
    case 'loopback':
    case 'private':
      return allowPrivate
        ? undefined
        : `points at a ${kind} address, where this server may not connect: others reach it too. Where that is meant, somebody with rights over the whole installation sets network.allow_private.`
    case 'link-local':
      return 'points at a link-local or metadata address, which is refused.'
    default:
      return 'points at an address that no server has.'
  }
}
