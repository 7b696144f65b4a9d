// Every route with two tenants: whatever one asks about what is the other's is answered, byte for byte, as for what is nowhere; and nothing
// either of them ever reads has the other's marker in it.

import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import {
  KEYS,
  MARKERS,
  namesOf,
  NOBODYS,
  startTwoTenants,
  type Who,
} from '../testing/two-tenants.ts'
import type { TenantName, TwoTenants } from '../testing/two-tenants.ts'
import { requestTo, type Named, type RouteRequest } from '../testing/route-requests.ts'
import { configurationDeps } from '../app-configuration.ts'
import { readDeclaredModel } from '../config/declared-model.ts'
import { loadConfig } from '../config/load.ts'
import { SILENT_LOGGER } from '../telemetry/log.ts'
import { SEED, seededInteger, withSeed } from '../testing/seed.ts'
import { removeFolders, sampleKey, storeIn, temporaryFolder } from '../storage/test-store.ts'
import type { Store } from '../storage/store.ts'
import { healthGauges } from '../gateway/health-metrics.ts'
import { reportProviders, wholeView } from '../gateway/health-report.ts'
import type { GuardrailRule } from '../core/guardrail.ts'
import { flagsInOrder } from '../core/flag-order.ts'
import { LIMITS } from '../core/limits.ts'
import { systemActor } from '../core/audit.ts'
import { ROUTE_RULES, type RouteRule } from './route-actions.ts'

const OF_B = ['bMember', 'bAdmin', 'guest'] as const
const OF_A = ['aMember', 'aAdmin', 'aAuditor'] as const

/** That of a program without a file. */
const CONFIG = loadConfig({
  surroundings: {
    platform: process.platform,
    environment: {},
    home: '/nowhere',
    workingFolder: '/nowhere',
  },
}).config

/** As requests over all routes would make it, so that they make none that was not there. */
const GUARDRAIL = {
  id: 'known',
  origin: 'store',
  enabled: true,
  stages: ['input', 'tool_result'],
  mode: 'block',
  check: 'pii',
  options: {},
  timeoutMs: LIMITS.guardTimeoutMs,
  onFailure: 'closed',
  windowChars: LIMITS.guardWindowChars,
} as const satisfies GuardrailRule

let world: TwoTenants
let store: Store
/** Ids of keys in the store, by tenant. */
const keyIds: Record<TenantName, string> = { a: '', b: '' }

beforeAll(async () => {
  store = await storeIn(temporaryFolder())
  for (const tenantId of ['a', 'b'] as const) {
    await makePeople(tenantId)
    const key = sampleKey({
      id: crypto.randomUUID(),
      tenantId,
      name: MARKERS[tenantId],
      hash: Bun.SHA256.hash(tenantId, 'hex'),
    })
    await store.keys.create(key, systemActor('a test'))
    // What requests over all routes would make is there already: it would stand in lists and in the audit.
    const rule = { id: 'known', tenantId, origin: 'store', per: 'key' } as const
    const amounts = { requestsPerMinute: 1 }
    await store.limitRules.save(
      { ...rule, amounts, whenUnavailable: 'local' },
      systemActor('a test'),
    )
    const money = { nanoUsd: 1, window: 'day', action: 'block', alertAt: [] } as const
    await store.budgetRules.save(
      { ...rule, ...money, unknownPrice: 'block' },
      systemActor('a test'),
    )
    const guardrail = { ...GUARDRAIL, tenantId, models: [MARKERS[tenantId]] }
    await store.guardrailRules.save(tenantId, guardrail, systemActor('a test'))
    keyIds[tenantId] = key.id
  }
  world = startTwoTenants({
    keys: { keys: store.keys, lastUsed: () => Promise.resolve(new Map()) },
    people: {
      ...store,
      local: {
        hashFor: () => Promise.resolve('a hash'),
        passwordLink: () => Promise.reject(new Error()),
      },
      issuers: () => [],
      record: (event, by) => store.audit.record(event, by),
    },
    audit: store.audit,
    configuration: configurationDeps({
      store,
      logger: SILENT_LOGGER,
      replicas: { state: () => ({ configured: false, connected: false }) },
      limits: { state: () => ({ counted: 'process', connected: true }) },
      config: () => CONFIG,
    }),
    guard: {
      guardrails: {
        rules: store.guardrailRules,
        declared: () => [],
        problems: () => [],
        ready: () => Promise.reject(new Error()),
        prove: () => Promise.resolve(),
        mayReachInner: () => false,
      },
      flags: { rules: store.flagRules, inOrder: (stored) => flagsInOrder([], stored) },
    },
    money: {
      limits: store.limitRules,
      budgets: store.budgetRules,
      limitRules: () => [],
      budgetRules: () => [],
      peek: (takes) =>
        Promise.resolve(takes.map(({ key, max }) => ({ key, max, remaining: max, resetMs: 0 }))),
      standings: (tenantId) => store.budgets.standings(tenantId),
      reset: (tenantId, ruleId, subject, by) => store.budgets.reset(tenantId, ruleId, subject, by),
      accountsOf: () => [],
      mayReachInner: () => false,
    },
    providers: {
      store: store.providers,
      network: () => ({ isShared: false }),
      refusedAddress: () => Promise.resolve(undefined),
      tlsProblem: () => undefined,
      probe: ({ id }) => Promise.resolve({ steps: [], durationMs: 0, models: [id] }),
      tellReset: () => Promise.resolve(true),
    },
    models: {
      models: store.models,
      read: readDeclaredModel,
      publicUrl: () => undefined,
    },
    metrics: () => {
      const { deps } = world.gateway
      const reports = reportProviders(deps, { report: () => undefined }, wholeView(deps.snapshot()))
      const gauges = healthGauges(reports, deps.gates.all, () => true)
      return { contentType: 'text/plain', text: JSON.stringify(gauges) }
    },
  })
  const { directory, snapshot } = world.gateway.deps
  for (const provider of snapshot().allProviders.values()) {
    if (provider.tenantId === undefined) continue
    await store.providers.save(provider.tenantId, provider, systemActor('a test'))
  }
  await directory.refreshAll(snapshot())
  for (const tenantId of ['a', 'b'] as const) await makeObjects(tenantId)
})

afterAll(async () => {
  await world.close()
  await store.close()
  removeFolders()
})

/** Somebody of each kind; users and assignments by the ids that every way of naming asks for. */
async function makePeople(tenantId: TenantName): Promise<void> {
  const by = systemActor('a test')
  const name = MARKERS[tenantId]
  const made = { tenantId, name, createdMs: 1 }
  await store.tenants.create({ id: tenantId, name, createdMs: 1 }, by)
  const { batch, file, response } = namesOf(name)
  for (const id of [file, batch, response]) {
    await store.users.create({ ...made, id, issuer: 'local', subject: id }, by)
    const assignee = { kind: 'user', id } as const
    const where = { scope: `/tenants/${tenantId}`, effect: 'allow' } as const
    await store.assignments.create({ ...made, ...where, id, roleId: 'viewer', assignee }, by)
  }
  await store.groups.create({ ...made, id: 'known', external: name }, by)
  await store.teams.create({ ...made, id: 'known' }, by)
  await store.services.create({ ...made, id: 'known' }, by)
  const role = { ...made, id: 'known', description: name, actions: ['key.read'], notActions: [] }
  await store.roles.save(role, by)
}

/** A file, a batch and an answer of the tenant, at its own provider. */
async function makeObjects(tenantId: TenantName): Promise<void> {
  const who = tenantId === 'a' ? 'aMember' : 'bMember'
  const names = namesOf(MARKERS[tenantId])
  const made: Record<string, { id?: string }> = {}
  for (const [path, about] of [
    ['/v1/files', names.file],
    ['/v1/batches', names.file],
    ['/v1/responses', names.direct],
  ] as const) {
    const rule = ROUTE_RULES.find((each) => each.method === 'POST' && each.path === path)!
    const asked = requestTo(rule, about)
    const headers = { ...asked.init.headers, 'x-weir-provider': names.provider }
    const answer = await ask(who, { ...asked, init: { ...asked.init, headers } })
    expect(answer.status, path).toBe(200)
    made[path] = JSON.parse(answer.body) as { id?: string }
  }
  expect(made['/v1/files']?.id).toBe(names.file)
  expect(made['/v1/batches']?.id).toBe(names.batch)
  expect(made['/v1/responses']?.id).toBe(names.response)
}

interface Read {
  readonly status: number
  readonly headers: string
  readonly body: string
}

async function ask(who: Who, { init, path }: RouteRequest): Promise<Read> {
  const headers = new Headers(init.headers)
  if (who !== 'nobody') headers.set('authorization', `Bearer ${KEYS[who]}`)
  const answer = await fetch(`${world.server.url}${path}`, { ...init, headers })
  const body = await answer.text()
  const own = [...answer.headers].filter(([name]) => name !== 'date').map((each) => each.join(': '))
  return { status: answer.status, headers: own.join('\n'), body }
}

/** The answer with what differs from one request to the next put out: ids of requests, times, and what was asked for. */
function masked({ body, headers, status }: Read, ...names: readonly string[]): string {
  let text = `${status}\n${headers}\n${body}`
  text = text.replaceAll(/req_[0-9a-f]{32}/g, 'REQUEST')
  text = text.replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, 'TIME')
  // Made of what was asked for as well.
  text = text.replaceAll(/etag: "[0-9a-f]{32}"/g, 'TAG')
  for (const name of names) text = text.replaceAll(name, 'NAME')
  return text
}

const guarded = ROUTE_RULES.filter(({ subject }) => subject !== 'nothing' && subject !== 'browser')
const nameOf = ({ method, path }: RouteRule) => `${method} ${path}`

/** The ways to name what is a tenant's, by the marker of it. */
const WAYS: readonly ((marker: string) => Named)[] = [
  (marker) => ({ ...both(marker), model: namesOf(marker).alias }),
  (marker) => ({ ...both(marker), model: namesOf(marker).direct, id: namesOf(marker).batch }),
  (marker) => ({ ...both(marker), model: namesOf(marker).model, id: namesOf(marker).response }),
]

function both(marker: string): Omit<Named, 'model'> {
  const { file, provider } = namesOf(marker)
  return { provider, id: file }
}

describe('what is another tenant’s', () => {
  for (const rule of guarded) {
    test(`${nameOf(rule)} answers as for what is nowhere`, async () => {
      for (const way of WAYS) {
        const theirs = requestTo(rule, way(MARKERS.a))
        const none = requestTo(rule, way(NOBODYS))
        for (const who of ['nobody', ...OF_B] as const) {
          const found = masked(await ask(who, theirs), MARKERS.a)
          expect(found, who).toBe(masked(await ask(who, none), NOBODYS))
        }
      }
    })
  }

  test('and the same holds the other way round, for an auditor too', async () => {
    for (const rule of guarded) {
      for (const way of WAYS) {
        for (const who of OF_A) {
          const found = masked(await ask(who, requestTo(rule, way(MARKERS.b))), MARKERS.b)
          const none = masked(await ask(who, requestTo(rule, way(NOBODYS))), NOBODYS)
          expect(found, `${nameOf(rule)} ${who}`).toBe(none)
        }
      }
    }
  }, 30_000)

  test('is there for its own: the comparison would see it', async () => {
    const seen = new Set<string>()
    for (const rule of guarded) {
      if (rule.method === 'DELETE') continue
      for (const way of WAYS) {
        for (const who of ['aMember', 'aAdmin'] as const) {
          const own = masked(await ask(who, requestTo(rule, way(MARKERS.a))), MARKERS.a)
          const none = masked(await ask(who, requestTo(rule, way(NOBODYS))), NOBODYS)
          if (own !== none) seen.add(nameOf(rule))
        }
      }
    }
    const unseen = guarded
      .filter(({ method, subject }) => method !== 'DELETE' && subject === 'model')
      .map(nameOf)
      .filter(
        (name) => !seen.has(name) && !/\/models$|\/snippets$|\/tags$|\/ps$|\/version$/.test(name),
      )
    expect(unseen).toEqual([])
    for (const name of ['GET /v1/files/:id', 'GET /v1/batches/:id', 'GET /v1/responses/:id']) {
      expect(seen.has(name), name).toBe(true)
    }
    expect(seen.has('GET /proxy/:provider/*')).toBe(true)
    expect(seen.has('POST /admin/models/refresh')).toBe(true)
  }, 30_000)
})

const chat = (who: Who, body: object, headers: Record<string, string> = {}) =>
  ask(who, {
    path: '/v1/chat/completions',
    init: {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify({ messages: [{ role: 'user', content: 'Hello.' }], ...body }),
    },
  })

const get = (who: Who, path: string, headers: Record<string, string> = {}) =>
  ask(who, { path, init: { method: 'GET', headers } })

const post = (who: Who, path: string, body: object) =>
  ask(who, {
    path,
    init: {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    },
  })

describe('a name of both', () => {
  test('is each one’s own', async () => {
    for (const model of ['same', 'same/m']) {
      const [a, b] = await Promise.all([chat('aMember', { model }), chat('bMember', { model })])
      expect(a.body).toContain(MARKERS.a)
      expect(a.body).not.toContain(MARKERS.b)
      expect(b.body).toContain(MARKERS.b)
      expect(b.body).not.toContain(MARKERS.a)
    }
  })

  test('has health, turns and lists of its own', async () => {
    const { directory, health, snapshot, turns } = world.gateway.deps
    const [a, b] = (['a', 'b'] as const).map((id) => snapshot().of(id).providers.get('same')!)
    for (let count = 0; count < 20; count += 1) health.begin(a!, 'circuit')?.failed()
    expect(health.view(a!, 'circuit').circuit).toBe('open')
    expect(health.view(b!, 'circuit').circuit).toBe('closed')
    health.limit(a!, 'limited', Number.MAX_SAFE_INTEGER)
    expect(health.limitedForMs(b!, 'limited')).toBe(0)
    turns.take('a', 'same')
    expect(turns.next('b', 'same')).toBe(0)
    expect(directory.listed(a!)?.map(({ id }) => id)).toEqual([namesOf(MARKERS.a).model])
    expect(directory.listed(b!)?.map(({ id }) => id)).toEqual([namesOf(MARKERS.b).model])
    expect(directory.statuses(b!)).toMatchObject([{ model: namesOf(MARKERS.b).model }])
  })
})

describe('aliases, fallbacks and wishes that name the other’s', () => {
  test('lead nowhere', async () => {
    const asked = () => world.upstreams.a.requests.length
    for (const who of ['bMember', 'bAdmin'] as const) {
      const before = asked()
      const stray = await chat(who, { model: `stray-${MARKERS.b}` })
      const fallen = await chat(who, { model: `fallen-${MARKERS.b}` })
      expect(stray.status).toBeGreaterThanOrEqual(400)
      expect(fallen.status).toBeGreaterThanOrEqual(400)
      expect(`${stray.body}${fallen.body}`).not.toContain(namesOf(MARKERS.a).alias)
      expect(asked()).toBe(before)
    }
  })

  test('as a target: refused as one that is nowhere', async () => {
    const wish = (marker: string) => ({ 'x-weir-target': namesOf(marker).direct })
    const model = namesOf(MARKERS.b).alias
    const theirs = await chat('bAdmin', { model }, wish(MARKERS.a))
    expect(masked(theirs, MARKERS.a)).toBe(
      masked(await chat('bAdmin', { model }, wish(NOBODYS)), NOBODYS),
    )
    expect(theirs.status).toBe(400)
  })

  test('as the provider of files, of a list or of a batch: 404 as one that is nowhere', async () => {
    for (const path of [
      '/v1/files',
      '/v1/batches',
      '/openai/files',
      `/v1/files/${namesOf(MARKERS.b).file}`,
    ]) {
      const as = async (marker: string) => {
        const answers = [
          await get('bMember', path, { 'x-weir-provider': namesOf(marker).provider }),
          await get('bMember', `${path}?provider=${namesOf(marker).provider}`),
        ]
        return answers.map((answer) => masked(answer, marker)).join('\n')
      }
      expect(await as(MARKERS.a), path).toBe(await as(NOBODYS))
    }
  })

  test('as an answer to go on from, or an input of a batch', async () => {
    const go = (marker: string) =>
      post('bMember', '/v1/responses', {
        model: namesOf(MARKERS.b).alias,
        input: 'x',
        previous_response_id: namesOf(marker).response,
      })
    expect(masked(await go(MARKERS.a), MARKERS.a)).toBe(masked(await go(NOBODYS), NOBODYS))
  })

  test('as a key in the query of a raw request: where the provider is another’s it is no credential', async () => {
    const at = (provider: string, key: string) =>
      ask('nobody', {
        path: `/proxy/${provider}/v1/models?key=${key}`,
        init: { method: 'GET', headers: {} },
      })
    const theirs = await at(namesOf(MARKERS.a).provider, KEYS.bMember)
    expect(masked(theirs, MARKERS.a)).toBe(
      masked(await at(namesOf(NOBODYS).provider, KEYS.bMember), NOBODYS),
    )
  })
})

describe('lists', () => {
  const LISTS: readonly (readonly [string, Record<string, string>])[] = [
    ['/v1/models', {}],
    ['/v1/models', { 'anthropic-version': '2023-06-01' }],
    ['/anthropic/v1/models', {}],
    ['/openai/v1/models', {}],
    ['/openai/models', {}],
    ['/v1beta/models', {}],
    ['/v1alpha/models', {}],
    ['/api/tags', {}],
    ['/api/ps', {}],
  ]
  test.each(LISTS)('%s %j have what both see and one’s own', async (path, headers) => {
    for (const who of ['aMember', 'aAdmin', 'bMember', 'bAdmin'] as const) {
      const [own, other] = who.startsWith('a') ? [MARKERS.a, MARKERS.b] : [MARKERS.b, MARKERS.a]
      const { body, status } = await get(who, path, headers)
      expect(status).toBe(200)
      for (const name of [namesOf(own).alias, namesOf(own).direct, 'same', 'shared/m', 'open']) {
        expect(body).toContain(name)
      }
      expect(body).not.toContain(other)
    }
    const root = await get('platform', path, headers)
    // Whoever runs the installation asks models in a tenant too: their own.
    expect(root.body).not.toMatch(/MARKER/)
    expect((await get('nobody', path, headers)).status).toBe(401)
    expect((await get('guest', path, headers)).status).toBe(403)
  })
})

describe('the management API', () => {
  test.each([
    '/admin/health',
    '/admin/models/status',
    '/admin/keys',
    '/admin/audit',
    '/admin/users',
    '/admin/groups',
    '/admin/teams',
    '/admin/services',
    '/admin/roles',
    '/admin/assignments',
    '/admin/groups/known',
    '/admin/roles/known',
  ])('%s shows each their own, and all of it to whoever runs the installation', async (path) => {
    const a = await get('aAdmin', path)
    const b = await get('bAdmin', path)
    expect([a.status, b.status]).toEqual([200, 200])
    expect(a.body).toContain(MARKERS.a)
    expect(a.body).not.toContain(MARKERS.b)
    expect(b.body).toContain(MARKERS.b)
    expect(b.body).not.toContain(MARKERS.a)
    expect((await get('aMember', path)).status).toBe(403)
    expect((await get('guest', path)).status).toBe(403)
    expect((await get('nobody', path)).status).toBe(401)
  })

  test.each(['/admin/health', '/admin/models/status'])(
    '%s shows the platform all',
    async (path) => {
      const { body } = await get('platform', path)
      expect(body).toContain(MARKERS.a)
      expect(body).toContain(MARKERS.b)
      expect(body).toContain('"tenant":"a"')
    },
  )

  test('names no model that another tenant has asked the common provider for', async () => {
    await chat('aMember', { model: `shared/${MARKERS.a}-private` })
    const seen = (who: Who) => get(who, '/admin/health')
    expect((await seen('platform')).body).toContain(`${MARKERS.a}-private`)
    expect((await seen('bAdmin')).body).not.toContain(MARKERS.a)
    const own = JSON.parse((await seen('bAdmin')).body) as Record<string, unknown>
    expect([own['running'], own['waiting']]).toEqual([null, null])
  })

  test('explains routes of one’s own tenant, with its keys, and of any to whoever runs the installation', async () => {
    const a = namesOf(MARKERS.a)
    const explain = (who: Who, body: object) => post(who, '/admin/route', body)
    expect((await explain('aAdmin', { model: a.alias, key: a.keyName })).status).toBe(200)
    for (const body of [
      { model: a.alias },
      { model: a.alias, tenant: 'a' },
      { model: 'open', tenant: 'a' },
      { model: 'open', key: a.keyName },
      { model: 'open', key: 'id-aMember' },
      { model: 'open', target: a.direct },
    ]) {
      const text = JSON.stringify(body)
      const none = JSON.parse(
        text
          .replaceAll(MARKERS.a, NOBODYS)
          .replace('"a"', '"n"')
          .replace('id-aMember', 'id-nMember'),
      ) as object
      const found = masked(await explain('bAdmin', body), MARKERS.a)
      expect(found, text).toBe(masked(await explain('bAdmin', none), NOBODYS))
    }
    const root = await explain('platform', { model: a.alias, tenant: 'a', key: a.keyName })
    expect(root.status).toBe(200)
    expect(root.body).toContain(a.provider)
  })

  test('tells counters of all to whoever runs the installation alone', async () => {
    for (const who of ['aMember', 'aAdmin', 'aAuditor', 'bMember', 'bAdmin', 'guest'] as const) {
      expect((await get(who, '/metrics')).status).toBe(403)
    }
    const { body, status } = await get('platform', '/metrics')
    expect(status).toBe(200)
    expect(body).toContain(`a:${namesOf(MARKERS.a).provider}`)
    expect(body).toContain('"b:same"')
  })

  test('has no limit, no budget and no guardrail of another tenant', async () => {
    const BELOW: Readonly<Record<string, string>> = {
      '/admin/limits': '/state',
      '/admin/budgets': '/accounts',
    }
    for (const [base, body] of [
      ['/admin/limits', { id: 'theirs', per: 'model', only: MARKERS.a, requests_per_minute: 1 }],
      ['/admin/budgets', { id: 'theirs', per: 'model', only: MARKERS.a, usd: 1 }],
      ['/admin/guardrails', { id: 'theirs', check: 'pii', models: [MARKERS.a] }],
    ] as const) {
      const { id: _id, ...change } = body
      expect((await post('aAdmin', base, body)).status).toBe(201)
      const own = await get('aAdmin', `${base}/theirs`)
      expect(own.body).toContain(MARKERS.a)
      expect((await get('bAdmin', base)).body).not.toContain('theirs')
      for (const [method, below] of [
        ['GET', ''],
        ['PUT', ''],
        ['DELETE', ''],
        ...(BELOW[base] === undefined ? [] : [['GET', BELOW[base]] as const]),
      ] as const) {
        const at = async (id: string) => {
          const init = {
            method,
            headers: { 'content-type': 'application/json' },
            ...(method === 'PUT' ? { body: JSON.stringify(change) } : {}),
          }
          return masked(await ask('bAdmin', { path: `${base}/${id}${below}`, init }), id)
        }
        const found = await at('theirs')
        expect(found, `${method} ${base}${below}`).toBe(await at('nobodys'))
        expect(found.startsWith('404')).toBe(true)
      }
      expect((await get('aAdmin', `${base}/theirs`)).body).toBe(own.body)
    }
  })

  test('has no key of another tenant', async () => {
    for (const [method, below] of [
      ['GET', ''],
      ['PATCH', ''],
      ['DELETE', ''],
      ['POST', '/rotate'],
    ] as const) {
      const at = async (id: string) => {
        const init = {
          method,
          headers: { 'content-type': 'application/json' },
          ...(method === 'GET' || method === 'DELETE' ? {} : { body: '{}' }),
        }
        return masked(await ask('bAdmin', { path: `/admin/keys/${id}${below}`, init }), id)
      }
      expect(await at(keyIds.a), method).toBe(await at(crypto.randomUUID()))
    }
    expect((await store.keys.find('a', keyIds.a))?.revokedMs).toBeUndefined()
  })
})

test('whatever two tenants do in any order, neither reads a marker of the other', async () => {
  await withSeed(async (random) => {
    const pick = <T>(values: readonly T[]): T => values[seededInteger(random, values.length)]!
    const rules = guarded.filter(({ path }) => !path.startsWith('/admin/audit/'))
    let succeeded = 0
    for (let step = 0; step < 2_000; step += 1) {
      const tenantId = pick<TenantName>(['a', 'b'])
      const other = tenantId === 'a' ? 'b' : 'a'
      const who = pick<Who>(tenantId === 'a' ? OF_A : ['bMember', 'bAdmin'])
      const rule = pick(rules)
      // Mostly one's own, now and then a guess at the other's, or a model of the common provider that has one's own marker.
      const about = pick([tenantId, tenantId, tenantId, other, 'shared'] as const)
      const named =
        about === 'shared'
          ? { ...both(MARKERS[tenantId]), model: `shared/${MARKERS[tenantId]}-${step}` }
          : pick(WAYS)(MARKERS[about])
      const answer = await ask(who, requestTo(rule, named))
      if (answer.status < 300) succeeded += 1
      let text = `${answer.headers}\n${answer.body}`
      if (about === other) {
        // What it has just said itself comes back in errors.
        for (const own of Object.values(named)) text = text.replaceAll(own, '')
        for (const own of named.model.split('/')) text = text.replaceAll(own, '')
      }
      const where = `step ${step} of WEIR_SEED=${SEED}: ${who} ${nameOf(rule)}`
      expect(text.includes(MARKERS[other]) ? where : '').toBe('')
    }
    expect(succeeded).toBeGreaterThan(300)
  })
}, 60_000)
