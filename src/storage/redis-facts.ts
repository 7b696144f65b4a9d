// What replicas tell each other, as text: a fact of the stream, and the member of a set for those that come later. Read strictly:
// anybody may write into a Redis that is shared. It knows no connection.

import { LIMITS } from '../core/limits.ts'
import { asObject, asString, parseJson, type JsonValue } from '../core/json.ts'
import type { HealthChange } from '../core/ports.ts'

/** One fact of a replica, as it goes into the stream. */
export function writeFact(change: HealthChange, from: string): string {
  return JSON.stringify({ from, ...change })
}

/** Undefined for whatever is no fact. */
export function readFact(text: string): { from: string; change: HealthChange } | undefined {
  const fact = asObject(parsed(text))
  const from = asString(fact?.['from'])
  if (fact === undefined || from === undefined) return undefined
  const name = fact['kind'] === 'circuit' ? fact['model'] : fact['keyId']
  const change = changeOf(fact['kind'], fact['providerId'], name, fact['state'], fact['untilMs'])
  return change === undefined ? undefined : { from, change }
}

/** The member that says so for as long as it holds, where there is something to say, and those that it ends. */
export function writeMembers(change: HealthChange): { holds?: string; ends: string[] } {
  const { kind, providerId, state } = change
  const name = kind === 'circuit' ? change.model : change.keyId
  const states = kind === 'circuit' ? ['open'] : ['limited', 'refused']
  const member = (of: string) => JSON.stringify([kind, providerId, name, of])
  return {
    ends: states.map(member),
    ...(states.includes(state) ? { holds: member(state) } : {}),
  }
}

/** Undefined for whatever is no member of ours. */
export function readMember(text: string, untilMs: number): HealthChange | undefined {
  const member = parsed(text)
  if (!Array.isArray(member)) return undefined
  return changeOf(member[0], member[1], member[2], member[3], untilMs)
}

function parsed(text: string): JsonValue | undefined {
  return text.length > LIMITS.redisFactCharsMax ? undefined : parseJson(text)
}

function changeOf(
  kind: JsonValue | undefined,
  provider: JsonValue | undefined,
  name: JsonValue | undefined,
  state: JsonValue | undefined,
  until: JsonValue | undefined,
): HealthChange | undefined {
  const providerId = asString(provider)
  const text = asString(name)
  if (providerId === undefined || text === undefined) return undefined
  if (typeof until !== 'number' || !Number.isFinite(until)) return undefined
  if (kind === 'circuit' && (state === 'open' || state === 'closed')) {
    return { kind, providerId, model: text, state, untilMs: until }
  }
  if (kind === 'key' && (state === 'limited' || state === 'refused' || state === 'fit')) {
    return { kind, providerId, keyId: text, state, untilMs: until }
  }
  return undefined
}
