// Bearer tokens of OpenID providers in place of keys, through the executable and official clients: who they are is in the log, who may
// not is told so, and a provider of tokens that is away stops nobody who is known by a key.

import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import Anthropic from '@anthropic-ai/sdk'
import OpenAI, { APIError } from 'openai'
import { migrationsFolder } from '../src/assets.ts'
import { systemActor } from '../src/core/audit.ts'
import { openStore } from '../src/storage/store.ts'
import { systemClock } from '../src/system.ts'
import { EntraIssuer, type EntraApplication, type EntraUser } from '../src/testing/entra-issuer.ts'
import { goodPayload } from '../src/testing/bearer.ts'
import { SILENT_LOGGER } from '../src/telemetry/log.ts'
import { issuerKey, TokenIssuer } from '../src/testing/token-issuer.ts'
import { postgresMissing, startPostgres } from '../src/testing/postgres.ts'
import { lastBefore } from './harness/team.ts'
import { startWeir, type Weir } from './harness/weir.ts'

setDefaultTimeout(120_000)

const noPostgres = postgresMissing()
if (noPostgres !== undefined) {
  process.stdout.write(`left out: a logout on two replicas: ${noPostgres}\n`)
}

const TENANT = '72f988bf-86f1-41af-91ab-2d7cd011db47'
const guid = (nth: number) => `aaaaaaaa-0000-4000-8000-${String(nth).padStart(12, '0')}`
const KEY = 'a-key-of-the-file-that-is-long-enough'

/** Filled once it is known where the program listens. */
const redirectUris: string[] = []

const api: EntraApplication = {
  redirectUris,
  clientId: guid(1),
  id: guid(2),
  secret: 'api-secret~0123456789',
  graphPermissions: ['Directory.Read.All'],
}
const job: EntraApplication = {
  clientId: guid(5),
  id: guid(6),
  secret: 'job-secret',
  roles: ['Weir.Member'],
}
const alice: EntraUser = {
  id: guid(11),
  name: 'Alice',
  userName: 'alice@contoso.test',
  roles: ['Weir.Member'],
}
const crowd: EntraUser = {
  id: guid(12),
  name: 'Crowd',
  userName: 'crowd@contoso.test',
  groups: Array.from({ length: 300 }, (_, nth) => guid(1_000 + nth)),
}

const lost: EntraUser = { ...crowd, id: guid(13), name: 'Lost', userName: 'lost@contoso.test' }

let plain: TokenIssuer
let entra: EntraIssuer
let weir: Weir

beforeAll(async () => {
  plain = new TokenIssuer({ keys: [await issuerKey(1)], path: '/realms/team' })
  entra = await EntraIssuer.start({
    tenantId: TENANT,
    users: [alice, crowd, lost],
    applications: [api, job],
  })
  weir = await startWeir({ config: config() })
})

afterAll(async () => {
  await weir.stop()
  await Promise.all([plain[Symbol.asyncDispose](), entra[Symbol.asyncDispose]()])
})

function config() {
  return {
    auth: {
      oidc: [
        {
          id: 'plain',
          issuer: plain.issuer,
          client_id: 'weir',
          audience: ['weir-api'],
          roles_claim: ['roles'],
          roles: { engineer: 'member', reader: 'viewer' },
        },
        {
          id: 'entra',
          kind: 'entra',
          issuer: entra.issuer,
          client_id: api.clientId,
          client_secret: api.secret,
          roles: { 'Weir.Member': 'member' },
          group_roles: { [guid(1_299)]: 'member' },
          graph: entra.graph.url,
        },
      ],
    },
    keys: [{ name: 'file', key: KEY }],
    providers: [{ id: 'mock', type: 'mock' }],
  }
}

function client(apiKey: string): OpenAI {
  return new OpenAI({ apiKey, baseURL: `${weir.url}/v1`, maxRetries: 0 })
}

const ask = (from: OpenAI) =>
  from.chat.completions
    .create({ model: 'mock/echo', messages: [{ role: 'user', content: 'hello there' }] })
    .withResponse()

async function failure(asking: Promise<unknown>): Promise<APIError> {
  try {
    await asking
  } catch (error) {
    if (error instanceof APIError) return error
    throw error
  }
  throw new Error('it was answered')
}

/** How soon what is taken from somebody must be gone: the last request that is let in began by then. */
const GONE_LIMIT_MS = 1_000

const statusOf = (from: OpenAI): Promise<number> =>
  ask(from).then(
    () => 200,
    (error: APIError) => error.status ?? 0,
  )

const tokenOf = (over: Record<string, unknown> = {}) =>
  plain.sign(goodPayload(plain.issuer, Date.now(), over))

describe('a person with a token', () => {
  test('asks a model, and the log knows who', async () => {
    const token = await tokenOf()
    const { data, response } = await ask(client(token))
    expect(data.choices[0]?.message.content).toContain('hello there')
    const row = await weir.row(response.headers.get('x-request-id')!)
    expect(row).toMatchObject({ status: 200, tenant_id: 'default' })
    expect(String(row['user_id'])).toMatch(/^[0-9a-f-]{36}$/)
    expect(row['api_key_id']).toBeNull()
    const again = await ask(client(await tokenOf({ jti: 'another' })))
    const second = await weir.row(again.response.headers.get('x-request-id')!)
    expect(second['user_id']).toBe(row['user_id']!)
    expect(JSON.stringify(weir.rows())).not.toContain(token.slice(-40))
    expect(weir.stderr() + weir.stdout()).not.toContain(token.slice(-40))
  })

  test('wherever a key works', async () => {
    const token = await tokenOf({ sub: 'bob' })
    const anthropic = new Anthropic({ apiKey: token, baseURL: weir.url, maxRetries: 0 })
    const message = await anthropic.messages.create({
      model: 'mock/echo',
      max_tokens: 50,
      messages: [{ role: 'user', content: 'hello there' }],
    })
    expect(message.content[0]).toMatchObject({ type: 'text' })
    const body = JSON.stringify({ model: 'mock/echo', messages: [{ role: 'user', content: 'hi' }] })
    const post = (path: string, headers: Record<string, string>) =>
      fetch(weir.url + path, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...headers },
        body,
      })
    for (const [path, headers] of [
      ['/v1/chat/completions', { 'api-key': token }],
      ['/v1/chat/completions', { 'x-goog-api-key': token }],
      [`/k/${token}/v1/chat/completions`, {}],
      ['/api/chat', { authorization: `bearer ${token}` }],
    ] as const) {
      expect((await post(path, headers)).status).toBe(200)
    }
    const two = await post('/v1/chat/completions', {
      'api-key': token,
      authorization: `Bearer ${KEY}`,
    })
    expect(two.status).toBe(400)
  })

  test('who may only look gets 403, in the words of the dialect', async () => {
    const token = await tokenOf({ sub: 'reader', roles: ['reader'] })
    const error = await failure(ask(client(token)))
    expect(error).toMatchObject({
      status: 403,
      code: 'permission_denied',
      type: 'permission_error',
    })
    // Looking is what they may.
    expect((await client(token).models.list()).object).toBe('list')
    const nobody = await tokenOf({ sub: 'nobody', roles: ['admin', 'owner'] })
    expect(await failure(ask(client(nobody)))).toMatchObject({ status: 403 })
  })

  test('that proves nothing gets 401, in the words of any wrong key', async () => {
    const good = await tokenOf()
    const wrong = await failure(ask(client('weir_0123456789')))
    for (const token of [
      `${good.slice(0, -4)}AAAA`,
      await tokenOf({ aud: 'account' }),
      await tokenOf({ exp: 1 }),
      await tokenOf({ iss: 'https://evil.test' }),
      await plain.sign(goodPayload(plain.issuer, Date.now()), {}, await issuerKey(2)),
    ]) {
      const error = await failure(ask(client(token)))
      expect(error).toMatchObject({ status: 401, code: 'invalid_api_key' })
      expect(error.message).toBe(wrong.message)
    }
    const long = await fetch(`${weir.url}/v1/models`, {
      headers: { authorization: `Bearer ${'a'.repeat(600)}` },
    })
    expect(long.status).toBe(401)
  })

  test('that is refused leaves its reason in the log, and nothing of itself', async () => {
    const token = await tokenOf({ aud: 'account' })
    const error = await failure(ask(client(token)))
    const row = await weir.row(error.requestID!)
    expect(row).toMatchObject({ status: 401, user_id: null })
    expect(String(row['error_text'])).toContain('it is for another audience')
    expect(JSON.stringify(row)).not.toContain(token.slice(-40))
  })

  test('who is removed by another process is not made anew by a token of before', async () => {
    const token = await tokenOf({ sub: 'removed' })
    const { response } = await ask(client(token))
    const row = await weir.row(response.headers.get('x-request-id')!)
    const store = await openStore({
      dataFolder: weir.dataFolder,
      migrationsFolder,
      logger: SILENT_LOGGER,
      clock: systemClock,
    })
    try {
      await store.users.remove('default', String(row['user_id']), systemActor('test'))
      const isOut = async () => (await statusOf(client(token))) === 401
      expect(await lastBefore('the user is gone', isOut)).toBeLessThan(GONE_LIMIT_MS)
      // Tokens of the session of another are called back by a logout that another replica was told of.
      const other = await tokenOf({ sub: 'other', sid: 'session-of-other' })
      await ask(client(other))
      await store.logins.callBack(['plain\nsid\nsession-of-other'], Date.now())
      const isCalledBack = async () => (await statusOf(client(other))) === 401
      expect(await lastBefore('it is called back', isCalledBack)).toBeLessThan(2 * GONE_LIMIT_MS)
      expect(await failure(ask(client(token)))).toMatchObject({ status: 401 })
      expect(await store.users.bySubject('plain', 'removed')).toBeUndefined()
    } finally {
      await store.close()
    }
  })

  test('who is turned off by another process is refused within a second', async () => {
    const token = await tokenOf({ sub: 'leaver' })
    const { response } = await ask(client(token))
    const row = await weir.row(response.headers.get('x-request-id')!)
    const store = await openStore({
      dataFolder: weir.dataFolder,
      migrationsFolder,
      logger: SILENT_LOGGER,
      clock: systemClock,
    })
    try {
      const id = String(row['user_id'])
      const user = await store.users.find('default', id)
      expect(user).toMatchObject({
        issuer: 'plain',
        subject: 'leaver',
        claimed: { roles: ['member'] },
      })
      await store.users.update('default', id, { status: 'disabled' }, systemActor('test'))
      const isOut = async () => (await statusOf(client(token))) === 401
      expect(await lastBefore('the user is turned off', isOut)).toBeLessThan(GONE_LIMIT_MS)
      const fresh = await tokenOf({ sub: 'leaver', jti: 'fresh' })
      expect(await failure(ask(client(fresh)))).toMatchObject({ status: 401 })
    } finally {
      await store.close()
    }
  })

  test('without the right to change things changes none', async () => {
    const token = await tokenOf()
    const response = await fetch(`${weir.url}/admin/health`, {
      headers: { authorization: `Bearer ${token}` },
    })
    expect(response.status).toBe(403)
  })
})

describe('Entra ID, as it is documented', () => {
  test('a person by an app role', async () => {
    const { response } = await ask(client(await entra.userToken(alice, api)))
    const row = await weir.row(response.headers.get('x-request-id')!)
    expect(String(row['user_id'])).toMatch(/^[0-9a-f-]{36}$/)
  })

  test('a program by client credentials', async () => {
    const answer = await fetch(`${entra.origin}/${TENANT}/oauth2/v2.0/token`, {
      method: 'POST',
      body: new URLSearchParams({
        grant_type: 'client_credentials',
        client_id: job.clientId,
        client_secret: job.secret!,
        scope: `api://${api.clientId}/.default`,
      }),
    })
    const { access_token: token } = (await answer.json()) as { access_token: string }
    const { response } = await ask(client(token))
    const row = await weir.row(response.headers.get('x-request-id')!)
    expect(row).toMatchObject({ service_id: job.clientId, user_id: null })
  })

  test('a person in more groups than fit into a token', async () => {
    await ask(client(await entra.userToken(crowd, api)))
    expect(entra.graph.questions.length).toBe(1)
    // Found again without asking anybody.
    await ask(client(await entra.userToken(crowd, api)))
    expect(entra.graph.questions.length).toBe(1)
  })
})

describe('a login with Entra ID, as it is documented', () => {
  /** A browser: it keeps cookies and follows redirects one by one. */
  async function browse(start: string): Promise<{ readonly places: string[]; cookie: string }> {
    const jar = new Map<string, string>()
    const places: string[] = []
    const header = () => [...jar].map(([name, value]) => `${name}=${value}`).join('; ')
    let next: string | null = start
    while (next !== null && places.length < 8) {
      const at = new URL(next, places.at(-1) ?? start)
      places.push(at.href)
      if (at.origin === weir.url && at.pathname.startsWith('/ui')) break
      const response = await fetch(at, {
        redirect: 'manual',
        headers: at.origin === weir.url ? { cookie: header() } : {},
      })
      for (const line of response.headers.getSetCookie()) {
        const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? []
        if (value === '') jar.delete(name)
        else jar.set(name, value)
      }
      next =
        response.status === 302 || response.status === 303 ? response.headers.get('location') : null
    }
    return { places, cookie: header() }
  }

  const session = async (cookie: string) => {
    const response = await fetch(`${weir.url}/auth/session`, { headers: { cookie } })
    return (await response.json()) as Record<string, unknown>
  }

  test('ends in a session with the rights of the app role', async () => {
    redirectUris.push(`${weir.url}/auth/callback`)
    entra.signedIn = alice
    const { cookie, places } = await browse(`${weir.url}/auth/login/entra?return=/ui/`)
    expect(places.map((place) => new URL(place).pathname)).toEqual([
      '/auth/login/entra',
      `/${TENANT}/oauth2/v2.0/authorize`,
      '/auth/callback',
      '/ui/',
    ])
    expect((await session(cookie))['authenticated']).toBe(true)
    // It is the same person as the one with a token.
    const { response } = await ask(client(await entra.userToken(alice, api)))
    const row = await weir.row(response.headers.get('x-request-id')!)
    expect(JSON.stringify(await session(cookie))).toContain(String(row['user_id']))
    // Never on the data plane.
    const models = await fetch(`${weir.url}/v1/models`, { headers: { cookie } })
    expect(models.status).toBe(401)
  })

  test('sees the groups that do not fit into a token, or is denied', async () => {
    entra.signedIn = crowd
    const { cookie } = await browse(`${weir.url}/auth/login/entra?return=/ui/`)
    expect((await session(cookie))['authenticated']).toBe(true)
    entra.signedIn = lost
    entra.graph.fault = { status: 403, code: 'Authorization_RequestDenied', times: 1 }
    const denied = await browse(`${weir.url}/auth/login/entra?return=/ui/`)
    entra.graph.fault = undefined
    expect(denied.places.at(-1)).not.toContain('/ui/')
    expect((await session(denied.cookie))['authenticated']).toBe(false)
  })
})

test.skipIf(noPostgres !== undefined)(
  'a logout that the issuer tells one replica takes tokens back on all, and after a start (S53)',
  async () => {
    await using database = await startPostgres()
    const shared = {
      ...config(),
      storage: { url: database.url(), connections: 5 },
      secrets: { master_key: 'a master key that all replicas share' },
    }
    const [one, two] = [await startWeir({ config: shared }), await startWeir({ config: shared })]
    let third: Weir | undefined
    try {
      const statusAt = async (at: Weir, token: string) => {
        const headers = { authorization: `Bearer ${token}` }
        const response = await fetch(`${at.url}/v1/models`, { headers })
        await response.body?.cancel()
        return response.status
      }
      const token = await tokenOf({ sub: 'twice', sid: 'session-1' })
      const other = await tokenOf({ sub: 'twice', sid: 'session-2' })
      for (const at of [one, two]) {
        for (const each of [token, other]) expect(await statusAt(at, each)).toBe(200)
      }
      const seconds = Math.floor(Date.now() / 1_000)
      const logout = await plain.sign({
        iss: plain.issuer,
        aud: 'weir',
        iat: seconds,
        exp: seconds + 60,
        jti: 'logout-1',
        sid: 'session-1',
        events: { 'http://schemas.openid.net/event/backchannel-logout': {} },
      })
      const told = await fetch(`${one.url}/auth/backchannel/plain`, {
        method: 'POST',
        body: new URLSearchParams({ logout_token: logout }),
      })
      expect(told.status).toBe(200)
      expect(await statusAt(one, token)).toBe(401)
      const isOut = async () => (await statusAt(two, token)) === 401
      expect(await lastBefore('the other replica knows', isOut)).toBeLessThan(5 * GONE_LIMIT_MS)
      third = await startWeir({ config: shared })
      expect(await statusAt(third, token)).toBe(401)
      for (const at of [one, two, third]) expect(await statusAt(at, other)).toBe(200)
    } finally {
      await Promise.all([one.stop(), two.stop(), third?.stop()])
    }
  },
)

test('an issuer that is away stops neither keys nor who is known already', async () => {
  const known = await tokenOf()
  await ask(client(known))
  await using gone = new TokenIssuer({ keys: [await issuerKey(1)] })
  gone.fault = { kind: 'status', status: 503 }
  const changed = config()
  const oidc = { ...changed.auth.oidc[0]!, id: 'gone', issuer: gone.issuer }
  const own = await startWeir({
    config: { ...changed, auth: { oidc: [...changed.auth.oidc, oidc] } },
  })
  try {
    const from = (apiKey: string) => new OpenAI({ apiKey, baseURL: `${own.url}/v1`, maxRetries: 0 })
    const unknown = await gone.sign(goodPayload(gone.issuer, Date.now()))
    expect(await failure(ask(from(unknown)))).toMatchObject({
      status: 503,
      code: 'issuer_unavailable',
    })
    await ask(from(KEY))
    await ask(from(known))
    plain.fault = { kind: 'status', status: 503 }
    await ask(from(await tokenOf({ jti: 'later' })))
  } finally {
    plain.fault = undefined
    await own.stop()
  }
})
