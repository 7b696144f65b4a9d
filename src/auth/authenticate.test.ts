// Which credential is looked at in which way: what cannot be a key or a token is refused unread, a key of the file stays one whatever it
// looks like, and without an issuer no token is anything.

import { describe, expect, test } from 'bun:test'
import type { ApiKey } from '../core/catalog.ts'
import { GatewayError } from '../core/error.ts'
import { LIMITS } from '../core/limits.ts'
import type { Principal } from '../core/principal.ts'
import { testKey } from '../testing/principals.ts'
import { authenticate, sha256Hex, type AuthenticationRules } from './authenticate.ts'
import { credentialOf } from './credential.ts'

const TOKEN = `${'a'.repeat(700)}.${'b'.repeat(700)}.${'c'.repeat(342)}`

function rules(over: Partial<AuthenticationRules> = {}): AuthenticationRules {
  return {
    anonymous: () => 'never',
    keyByHash: () => undefined,
    principalOf: () => testKey(),
    nowMs: () => 1,
    ...over,
  }
}

const ask = (credential: string | undefined, over: Partial<AuthenticationRules> = {}) =>
  authenticate({ credential, isLocal: () => true, from: () => undefined }, rules(over))

const bearerOf = (value: string) => new Headers({ authorization: `Bearer ${value}` })

describe('length', () => {
  test('of what is no token ends at 512 characters, of a token at 16 KiB', () => {
    expect(credentialOf(bearerOf('k'.repeat(512)))).toBe('k'.repeat(512))
    expect(credentialOf(bearerOf(TOKEN))).toBe(TOKEN)
    const longest = `${'a'.repeat(LIMITS.tokenCharsMax - 4)}.b.c`
    expect(credentialOf(bearerOf(longest))).toBe(longest)
    for (const value of [
      'k'.repeat(513),
      `a${longest}`,
      `${'a'.repeat(600)}.b`,
      `${'a'.repeat(600)}.b.c.d.e`,
      `${'a'.repeat(600)}..c`,
      `.${'a'.repeat(600)}.c`,
      `${'a'.repeat(600)}.b.`,
    ]) {
      expect(() => credentialOf(bearerOf(value))).toThrow(GatewayError)
    }
  })
})

describe('a token', () => {
  test('is nothing where no issuer is configured', () => {
    expect(() => ask(TOKEN)).toThrow(expect.objectContaining({ kind: 'authentication' }))
    expect(() => ask(TOKEN, { bearer: () => undefined })).toThrow(GatewayError)
  })

  test('is handed on with the hash of the whole of it, and its answer is given as it comes', async () => {
    const seen: string[][] = []
    const principal: Principal = testKey()
    const later = Promise.resolve(principal)
    const bearer = (answer: Principal | Promise<Principal>) => () => ({
      principal(token: string, hash: string) {
        seen.push([token, hash])
        return answer
      },
    })
    expect(ask(TOKEN, { bearer: bearer(principal) })).toBe(principal)
    expect(ask(TOKEN, { bearer: bearer(later) })).toBe(later)
    expect(seen).toEqual([
      [TOKEN, sha256Hex(TOKEN)],
      [TOKEN, sha256Hex(TOKEN)],
    ])
    await later
  })

  test('never makes a local client of whoever sends it', () => {
    expect(() => ask(TOKEN, { anonymous: () => 'loopback' })).toThrow(GatewayError)
  })
})

test('a key stays one though it has the shape of a token', () => {
  const secret = 'a-secret-of-the-file.with-two.dots-in-it'
  const key: ApiKey = {
    id: 'k',
    tenantId: 'default',
    name: 'k',
    hash: sha256Hex(secret),
    prefix: 'a-se',
    lastFour: 'n-it',
    createdMs: 0,
    origin: 'file',
  }
  let asked = 0
  const over: Partial<AuthenticationRules> = {
    keyByHash: (hash) => (hash === key.hash ? key : undefined),
    bearer: () => {
      asked += 1
      return undefined
    },
  }
  expect(ask(secret, over)).toMatchObject({ kind: 'key' })
  expect(asked).toBe(0)
  // Revoked it is no token either.
  const revoked = { ...over, keyByHash: () => ({ ...key, revokedMs: 1 }) }
  expect(() => ask(secret, revoked)).toThrow(GatewayError)
  expect(asked).toBe(0)
})
