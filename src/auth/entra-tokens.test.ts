// Tokens of applications against a strict token service: what goes wrong first, then how few questions it takes to keep one.

import { afterAll, describe, expect, test } from 'bun:test'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { EntraSettings, Provider } from '../core/catalog.ts'
import { GatewayError } from '../core/error.ts'
import { LIMITS } from '../core/limits.ts'
import type { Logger } from '../core/ports.ts'
import { systemClock, systemIds } from '../system.ts'
import { AzureCloud, type CloudOptions } from '../testing/azure-cloud.ts'
import { FakeClock } from '../testing/clock.ts'
import { testProvider } from '../testing/gateway.ts'
import { makeCertificate } from '../testing/rsa-certificate.ts'
import { SILENT_LOGGER } from '../telemetry/log.ts'
import { createTransport } from '../transport/http-transport.ts'
import { EntraRefusal } from './entra-refusal.ts'
import { EntraTokens } from './entra-tokens.ts'

const folder = mkdtempSync(join(tmpdir(), 'weir-entra-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const SECRET = 'the-secret-of-the-application~1'
const TENANT = 'f0000000-0000-0000-0000-00000000000f'

function cloudWith(over: Partial<CloudOptions> = {}): AzureCloud {
  return new AzureCloud({
    application: { tenant: TENANT, clientId: 'app-1', secret: SECRET },
    ...over,
  })
}

function providerOf(cloud: AzureCloud, over: Partial<EntraSettings> = {}): Provider {
  const { authority, management } = cloud
  return testProvider({
    id: 'azure',
    type: 'azure',
    baseUrl: 'https://team.openai.azure.com',
    keys: [],
    entra: {
      tenant: TENANT,
      clientId: 'app-1',
      cloud: 'public',
      authority,
      management,
      ...(over.certFile === undefined ? { clientSecret: SECRET } : {}),
      ...over,
    },
  })
}

function tokensWith(logger: Logger = SILENT_LOGGER) {
  const clock = new FakeClock(Date.now())
  const transport = createTransport(systemClock)
  return { clock, tokens: new EntraTokens({ transport, clock, ids: systemIds, logger }) }
}

async function failureOf(promise: Promise<unknown>): Promise<GatewayError> {
  const error = await promise.then(
    () => undefined,
    (thrown: unknown) => thrown,
  )
  expect(error).toBeInstanceOf(GatewayError)
  return error as GatewayError
}

/** Resolves when what runs in the background has been answered. */
async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 1))
}

describe('an application that is refused', () => {
  const CASES: readonly [string, Partial<EntraSettings>, string][] = [
    ['a wrong secret', { clientSecret: 'not-it-at-all-canary' }, 'AADSTS7000215'],
    ['another client', { clientId: 'app-2' }, 'AADSTS700016'],
    ['another tenant', { tenant: 'elsewhere.example' }, 'AADSTS90002'],
    ['a scope of nothing', { scope: 'https://nowhere.example/.default' }, 'AADSTS500011'],
  ]
  for (const [name, over, code] of CASES) {
    test(`${name} is told by its code, never with the secret`, async () => {
      await using cloud = cloudWith()
      const lines: string[] = []
      const logger: Logger = {
        ...SILENT_LOGGER,
        warn: (message, fields) => void lines.push(JSON.stringify({ message, ...fields })),
      }
      const { tokens } = tokensWith(logger)
      const error = await failureOf(tokens.bearer(providerOf(cloud, over)))
      expect(error.kind).toBe('upstream_auth')
      expect(error.message).not.toContain(code)
      expect(error.cause).toBeInstanceOf(EntraRefusal)
      expect((error.cause as EntraRefusal).advice.code).toBe(code)
      expect((error.cause as EntraRefusal).message).toContain(code)
      expect(lines).toHaveLength(1)
      expect(lines[0]).toContain(code)
      for (const text of [lines[0]!, (error.cause as EntraRefusal).message]) {
        expect(text).not.toContain(SECRET)
        expect(text).not.toContain('canary')
      }
    })
  }

  test('is asked for again only after a pause that grows', async () => {
    await using cloud = cloudWith()
    const { clock, tokens } = tokensWith()
    const provider = providerOf(cloud, { clientSecret: 'wrong' })
    for (let round = 0; round < 5; round += 1) {
      for (let request = 0; request < 20; request += 1) await failureOf(tokens.bearer(provider))
      expect(cloud.tokenQuestions).toHaveLength(round + 1)
      clock.advance(LIMITS.tokenRefusedRetryBaseMs * 2 ** round - 1)
      await failureOf(tokens.bearer(provider))
      expect(cloud.tokenQuestions).toHaveLength(round + 1)
      clock.advance(1)
    }
  })

  test('a mended secret is used at once', async () => {
    await using cloud = cloudWith()
    const { tokens } = tokensWith()
    await failureOf(tokens.bearer(providerOf(cloud, { clientSecret: 'wrong' })))
    expect(await tokens.bearer(providerOf(cloud))).toStartWith('eyJ')
  })

  test('nobody gets the token of an application by its id alone', async () => {
    await using cloud = cloudWith()
    const { tokens } = tokensWith()
    await tokens.bearer(providerOf(cloud))
    const error = await failureOf(tokens.bearer(providerOf(cloud, { clientSecret: 'a guess' })))
    expect(error.kind).toBe('upstream_auth')
  })
})

describe('a service that fails', () => {
  test('is no refusal, and its wait is obeyed', async () => {
    await using cloud = cloudWith()
    const { clock, tokens } = tokensWith()
    const provider = providerOf(cloud)
    cloud.tokenFault = { status: 503, body: {}, headers: { 'retry-after': '7' } }
    const error = await failureOf(tokens.bearer(provider))
    expect(error.kind).toBe('upstream_error')
    cloud.tokenFault = undefined
    clock.advance(6_999)
    expect((await failureOf(tokens.bearer(provider))).kind).toBe('upstream_error')
    clock.advance(1)
    expect(await tokens.bearer(provider)).toStartWith('eyJ')
    expect(cloud.tokenQuestions).toHaveLength(2)
  })

  test('is told by its status and words, but not with the secret', async () => {
    await using cloud = cloudWith()
    const warnings: unknown[] = []
    const transport = createTransport(systemClock)
    const logger = {
      ...SILENT_LOGGER,
      warn: (...said: readonly unknown[]) => void warnings.push(said),
    }
    const tokens = new EntraTokens({ transport, clock: systemClock, ids: systemIds, logger })
    cloud.tokenFault = { status: 503, body: { error_description: `busy, not ${SECRET}` } }
    await failureOf(tokens.bearer(providerOf(cloud)))
    expect(JSON.stringify(warnings)).toContain('answered with 503: busy')
    expect(JSON.stringify(warnings)).not.toContain(SECRET)
  })

  const ODD: readonly [string, number, object][] = [
    ['no token', 200, { token_type: 'Bearer', expires_in: 3_600 }],
    ['no life', 200, { access_token: 'eyJ.a.b' }],
    ['a life of nothing', 200, { access_token: 'eyJ.a.b', expires_in: 0 }],
    ['a token that would break a header', 200, { access_token: 'a\r\nb: c', expires_in: 60 }],
    ['too many requests', 429, { error: 'temporarily_unavailable' }],
  ]
  for (const [name, status, body] of ODD) {
    test(`${name} is no token`, async () => {
      await using cloud = cloudWith()
      cloud.tokenFault = { status, body }
      const { tokens } = tokensWith()
      const error = await failureOf(tokens.bearer(providerOf(cloud)))
      expect(error.kind).toBe('upstream_error')
    })
  }

  test('while a token still holds, it is used', async () => {
    await using cloud = cloudWith()
    const { clock, tokens } = tokensWith()
    const provider = providerOf(cloud)
    const first = await tokens.bearer(provider)
    cloud.tokenFault = { status: 500, body: {} }
    clock.advance(3_000_000)
    for (let second = 0; second < 500; second += 1) {
      expect(await tokens.bearer(provider)).toBe(first)
      clock.advance(1_000)
    }
    // Paused between questions, each at most ten seconds after the last.
    await until(() => cloud.tokenQuestions.length > 1)
    expect(cloud.tokenQuestions.length).toBeLessThan(100)
    clock.advance(100_000)
    await failureOf(tokens.bearer(provider))
  })

  test('an address where nobody listens is told as such', async () => {
    const cloud = cloudWith()
    const provider = providerOf(cloud)
    await cloud[Symbol.asyncDispose]()
    const error = await failureOf(tokensWith().tokens.bearer(provider))
    expect(error.kind).toBe('upstream_error')
  })
})

describe('a token', () => {
  test('is asked for once by five hundred at the same time', async () => {
    await using cloud = cloudWith()
    const { tokens } = tokensWith()
    const provider = providerOf(cloud)
    const all = await Promise.all(Array.from({ length: 500 }, () => tokens.bearer(provider)))
    expect(new Set(all).size).toBe(1)
    expect(cloud.tokenQuestions).toEqual([
      {
        client_id: 'app-1',
        client_secret: SECRET,
        grant_type: 'client_credentials',
        scope: 'https://cognitiveservices.azure.com/.default',
      },
    ])
  })

  test('serves every provider of its application, and each purpose has its own', async () => {
    await using cloud = cloudWith()
    const { tokens } = tokensWith()
    const one = await tokens.bearer(providerOf(cloud))
    expect(await tokens.bearer({ ...providerOf(cloud), id: 'other' })).toBe(one)
    expect(await tokens.bearer(providerOf(cloud), 'management')).not.toBe(one)
    expect(cloud.tokenQuestions.map(({ scope }) => scope)).toEqual([
      'https://cognitiveservices.azure.com/.default',
      `${cloud.management}/.default`,
    ])
  })

  test('is renewed in the background before it ends, and nobody waits', async () => {
    await using cloud = cloudWith()
    const { clock, tokens } = tokensWith()
    const provider = providerOf(cloud)
    const first = await tokens.bearer(provider)
    clock.advance(3_600_000 * 0.8 - 1)
    expect(await tokens.bearer(provider)).toBe(first)
    expect(cloud.tokenQuestions).toHaveLength(1)
    clock.advance(1)
    const gate = Promise.withResolvers<void>()
    cloud.tokenGate = gate.promise
    const meanwhile = await Promise.all(Array.from({ length: 50 }, () => tokens.bearer(provider)))
    expect(new Set(meanwhile)).toEqual(new Set([first]))
    await until(() => cloud.tokenQuestions.length === 2)
    gate.resolve()
    let renewed = first
    while (renewed === first) {
      await new Promise((resolve) => setTimeout(resolve, 1))
      renewed = await tokens.bearer(provider)
    }
    expect(cloud.tokenQuestions).toHaveLength(2)
  })

  test('that lives for a day is renewed when the service wants it, and numbers may be text', async () => {
    await using cloud = cloudWith()
    const { clock, tokens } = tokensWith()
    const provider = providerOf(cloud)
    const lives = { expires_in: '86400', refresh_in: '43200' }
    cloud.tokenFault = { status: 200, body: { access_token: 'eyJ.one.x', ...lives } }
    expect(await tokens.bearer(provider)).toBe('eyJ.one.x')
    cloud.tokenFault = { status: 200, body: { access_token: 'eyJ.two.x', ...lives } }
    clock.advance(43_199_999)
    expect(await tokens.bearer(provider)).toBe('eyJ.one.x')
    expect(cloud.tokenQuestions).toHaveLength(1)
    clock.advance(1)
    expect(await tokens.bearer(provider)).toBe('eyJ.one.x')
    await until(() => cloud.tokenQuestions.length === 2)
  })

  test('that has ended is never sent', async () => {
    await using cloud = cloudWith({ lifeSeconds: 5 })
    const { clock, tokens } = tokensWith()
    const provider = providerOf(cloud)
    const first = await tokens.bearer(provider)
    clock.advance(5_000)
    expect(await tokens.bearer(provider)).not.toBe(first)
  })

  test('a jump of the wall clock changes nothing', async () => {
    await using cloud = cloudWith()
    const { clock, tokens } = tokensWith()
    const provider = providerOf(cloud)
    const first = await tokens.bearer(provider)
    clock.setWallMs(clock.nowMs() + 365 * 24 * 3_600_000)
    expect(await tokens.bearer(provider)).toBe(first)
  })

  test('refused by many at once is replaced once; a second time only after a while', async () => {
    await using cloud = cloudWith()
    const { clock, tokens } = tokensWith()
    const provider = providerOf(cloud)
    const first = await tokens.bearer(provider)
    for (let request = 0; request < 100; request += 1) {
      expect(tokens.refused(provider, first)).toBe(true)
    }
    const all = await Promise.all(Array.from({ length: 100 }, () => tokens.bearer(provider)))
    const second = all[0]!
    expect(second).not.toBe(first)
    expect(cloud.tokenQuestions).toHaveLength(2)
    // The application lacks a right: a third token would be refused as well.
    expect(tokens.refused(provider, second)).toBe(false)
    expect(await tokens.bearer(provider)).toBe(second)
    clock.advance(LIMITS.tokenReplaceIntervalMs)
    expect(tokens.refused(provider, second)).toBe(true)
  })
})

describe('a certificate', () => {
  const good = makeCertificate(folder, { name: 'good' })

  const withCertificate = () =>
    cloudWith({ application: { tenant: TENANT, clientId: 'app-1', certificate: good.pem } })

  test('signs an assertion that the service accepts, its key plain, encrypted or in one file', async () => {
    await using cloud = withCertificate()
    const both = join(folder, 'both.pem')
    writeFileSync(both, `${good.pem}${await Bun.file(good.keyFile).text()}`)
    const ways: Partial<EntraSettings>[] = [
      { certFile: good.certFile, keyFile: good.keyFile },
      {
        certFile: good.certFile,
        keyFile: good.encryptedKeyFile,
        keyPassphrase: good.passphrase,
      },
      { certFile: both },
    ]
    for (const way of ways) {
      expect(await tokensWith().tokens.bearer(providerOf(cloud, way))).toStartWith('eyJ')
    }
    expect(cloud.tokenQuestions).toHaveLength(3)
    for (const question of cloud.tokenQuestions) expect(question['client_secret']).toBeUndefined()
  })

  test('renewed on disk is used for the next token', async () => {
    const old = makeCertificate(folder, { name: 'renewed' })
    await using cloud = withCertificate()
    const { clock, tokens } = tokensWith()
    const provider = providerOf(cloud, { certFile: old.certFile, keyFile: old.keyFile })
    const error = await failureOf(tokens.bearer(provider))
    expect((error.cause as EntraRefusal).advice.code).toBe('AADSTS700027')
    writeFileSync(old.certFile, good.pem)
    writeFileSync(old.keyFile, await Bun.file(good.keyFile).text())
    clock.advance(LIMITS.tokenRefusedRetryBaseMs)
    expect(await tokens.bearer(provider)).toStartWith('eyJ')
  })

  const unfit = (): readonly [string, Partial<EntraSettings>, RegExp][] => {
    const other = makeCertificate(folder, { name: 'other' })
    const elliptic = makeCertificate(folder, { name: 'elliptic', isElliptic: true })
    const empty = join(folder, 'empty.pem')
    writeFileSync(empty, 'nothing')
    return [
      ['gone', { certFile: join(folder, 'absent.pem') }, /cert_file could not be read/],
      ['no certificate', { certFile: empty, keyFile: good.keyFile }, /no certificate in PEM/],
      ['no key', { certFile: good.certFile }, /no private key/],
      ['a locked key', { certFile: good.certFile, keyFile: good.encryptedKeyFile }, /encrypted/],
      [
        'a wrong passphrase',
        { certFile: good.certFile, keyFile: good.encryptedKeyFile, keyPassphrase: 'canary' },
        /key_passphrase does not open/,
      ],
      ['another key', { certFile: good.certFile, keyFile: other.keyFile }, /not that of the/],
      ['no RSA', { certFile: elliptic.certFile, keyFile: elliptic.keyFile }, /RSA/],
    ]
  }
  for (const [name, way, words] of unfit()) {
    test(`that cannot be used (${name}) is told in words, and nothing is sent`, async () => {
      await using cloud = withCertificate()
      const error = await failureOf(tokensWith().tokens.bearer(providerOf(cloud, way)))
      expect(error.kind).toBe('upstream_auth')
      const message = (error.cause as Error).message
      expect(message).toMatch(words)
      expect(message).not.toContain('canary')
      expect(cloud.tokenQuestions).toHaveLength(0)
    })
  }

  test('that is over is told, and nothing is sent', async () => {
    await using cloud = withCertificate()
    const { clock, tokens } = tokensWith()
    clock.setWallMs(Date.now() + 60 * 24 * 3_600_000)
    const way = { certFile: good.certFile, keyFile: good.keyFile }
    const error = await failureOf(tokens.bearer(providerOf(cloud, way)))
    expect((error.cause as Error).message).toMatch(/was valid until \d{4}-\d{2}-\d{2}/)
    expect(cloud.tokenQuestions).toHaveLength(0)
  })
})
