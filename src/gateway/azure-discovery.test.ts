// Discovery and import against a small strict Azure: what is forbidden, foreign or throttled first, then that everything is found once
// and taken over once.

import { describe, expect, test } from 'bun:test'
import { EntraTokens } from '../auth/entra-tokens.ts'
import type { EntraSettings, Model, Provider } from '../core/catalog.ts'
import { systemClock, systemIds } from '../system.ts'
import { AzureCloud, type CloudAccount, type CloudOptions } from '../testing/azure-cloud.ts'
import { testProvider } from '../testing/gateway.ts'
import { SILENT_LOGGER } from '../telemetry/log.ts'
import { createTransport } from '../transport/http-transport.ts'
import { AzureDeployments } from './azure-deployments.ts'
import { discoverAzure, type EntraProvider } from './azure-discovery.ts'
import { importAzure, type Existing } from './azure-import.ts'
import { onboardAzure } from './azure-onboarding.ts'
import { AzureFailure } from './azure-questions.ts'

const TEST_ACTOR = { kind: 'system', id: 'test' } as const

const TENANT = 'tenant-1'
const SECRET = 'secret-of-the-app-1'

function accountNamed(name: string, deployments = 3): CloudAccount {
  return {
    name,
    endpoint: `https://${name}.openai.azure.com`,
    deployments: Array.from({ length: deployments }, (_, index) => ({
      name: `${name}-d${index}`,
      model: index % 2 === 0 ? 'gpt-4o' : 'text-embedding-3-small',
      capabilities: index % 2 === 0 ? { chatCompletion: 'true' } : { embeddings: 'true' },
    })),
  }
}

function cloudWith(over: Partial<CloudOptions> = {}): AzureCloud {
  return new AzureCloud({
    application: { tenant: TENANT, clientId: 'app-1', secret: SECRET },
    subscriptions: [
      { id: 'sub-1', name: 'One', accounts: ['a1', 'a2', 'a3'].map((name) => accountNamed(name)) },
      { id: 'sub-2', name: 'Two', isForbidden: true, accounts: [accountNamed('b1')] },
      {
        id: 'sub-3',
        name: 'Three',
        accounts: [
          accountNamed('c1', 5),
          { ...accountNamed('face'), kind: 'Face' },
          {
            ...accountNamed('old', 1),
            endpoint: 'https://westeurope.api.cognitive.microsoft.com',
          },
        ],
      },
    ],
    ...over,
  })
}

function entraOf({ authority, management }: AzureCloud): EntraSettings {
  return {
    tenant: TENANT,
    clientId: 'app-1',
    clientSecret: SECRET,
    cloud: 'public',
    authority,
    management,
  }
}

function providerOf(cloud: AzureCloud, over: Partial<Provider> = {}): EntraProvider {
  const entra = entraOf(cloud)
  const baseUrl = 'https://a1.openai.azure.com'
  return { ...testProvider({ id: 'azure', type: 'azure', baseUrl, keys: [], ...over }), entra }
}

function portsOf() {
  const transport = createTransport(systemClock)
  const ports = { transport, clock: systemClock, ids: systemIds, logger: SILENT_LOGGER }
  return { clock: systemClock, tokens: new EntraTokens(ports), transport: () => transport }
}

/** A store in memory. */
function storeWith(providers: Provider[] = [], models: Model[] = []) {
  const put = <T extends { readonly id: string }>(list: T[], item: T) => {
    const at = list.findIndex(({ id }) => id === item.id)
    if (at < 0) list.push(item)
    else list[at] = item
    return Promise.resolve()
  }
  return {
    existing: { providers, models } satisfies Existing,
    ports: {
      providers: { save: (_tenant: string, provider: Provider) => put(providers, provider) },
      models: { save: (_tenant: string, model: Model) => put(models, model) },
    },
  }
}

describe('discovery', () => {
  test('finds every deployment of three subscriptions, tells what is forbidden, and asks no other', async () => {
    await using cloud = cloudWith()
    const { accounts, problems } = await discoverAzure(providerOf(cloud), undefined, portsOf())
    expect(accounts.map(({ deployments, name }) => [name, deployments.length])).toEqual([
      ['a1', 3],
      ['a2', 3],
      ['a3', 3],
      ['c1', 5],
      ['old', 1],
    ])
    expect(problems).toEqual([
      {
        where: 'subscription Two',
        reason: '403 AuthorizationFailed: The client has no authorization.',
      },
    ])
    expect(accounts[3]!.deployments[1]!.facts).toEqual({
      baseModel: 'text-embedding-3-small',
      version: '1',
      status: 'Succeeded',
      capabilities: ['embedding'],
      contextWindow: 128_000,
      retiresMs: Date.UTC(2030, 0, 31),
    })
    expect(cloud.tokenQuestions).toHaveLength(1)
    expect(new Set(cloud.managementQuestions).size).toBe(cloud.managementQuestions.length)
  })

  test('never follows a list to another server', async () => {
    let asked = 0
    const stranger = Bun.serve({
      port: 0,
      hostname: '127.0.0.1',
      fetch: () => Response.json({ value: [], asked: (asked += 1) }),
    })
    await using cloud = cloudWith()
    cloud.foreignNextLink = `http://127.0.0.1:${stranger.port}/more`
    const { accounts, problems } = await discoverAzure(providerOf(cloud), 'sub-1', portsOf())
    await stranger.stop(true)
    expect(asked).toBe(0)
    expect(accounts.map(({ deployments }) => deployments.length)).toEqual([2, 2, 2])
    expect(problems.map(({ where }) => where)).toEqual(['account a1', 'account a2', 'account a3'])
    expect(problems[0]!.reason).toContain('another server')
  })

  test('an account that two pages name is one account', async () => {
    await using cloud = cloudWith({
      subscriptions: [
        { id: 'sub-1', name: 'One', accounts: [accountNamed('a1'), accountNamed('a1')] },
      ],
    })
    const application = providerOf(cloud, { id: 'template', baseUrl: 'https://apim.corp.example' })
    const discovery = await discoverAzure(application, undefined, portsOf())
    expect(discovery.accounts.map(({ name }) => name)).toEqual(['a1'])
    const store = storeWith()
    const { providers } = await importAzure(
      ...([
        'default',
        discovery,
        application,
        store.existing,
        true,
        store.ports,
        TEST_ACTOR,
      ] as const),
    )
    expect(providers.map(({ id }) => id)).toEqual(['a1'])
  })

  test('a list that goes round ends', async () => {
    await using cloud = cloudWith()
    cloud.foreignNextLink = `${cloud.management}/subscriptions/sub-1/resourceGroups/models/providers/Microsoft.CognitiveServices/accounts/a1/deployments?api-version=2024-10-01`
    const { accounts, problems } = await discoverAzure(providerOf(cloud), 'sub-1', portsOf())
    expect(accounts[0]!.deployments).toHaveLength(2)
    expect(problems[0]!.reason).toContain('too long')
  })

  test('waits when it is told to, and finds all the same', async () => {
    await using cloud = cloudWith()
    cloud.throttled = { times: 2, retryAfterSeconds: 1 }
    const startedMs = performance.now()
    const { accounts } = await discoverAzure(providerOf(cloud), undefined, portsOf())
    expect(accounts).toHaveLength(5)
    expect(performance.now() - startedMs).toBeGreaterThanOrEqual(1_990)
  })

  test('asks for a fresh token once when one is refused', async () => {
    await using cloud = cloudWith()
    const ports = portsOf()
    await discoverAzure(providerOf(cloud), 'sub-1', ports)
    cloud.revokeAll()
    const { accounts } = await discoverAzure(providerOf(cloud), 'sub-1', ports)
    expect(accounts).toHaveLength(3)
    expect(cloud.tokenQuestions).toHaveLength(2)
  })

  test('fails as a whole where nothing can be listed, in words without the secret', async () => {
    await using cloud = cloudWith()
    const provider = providerOf(cloud)
    const wrong = { ...provider, entra: { ...provider.entra, clientSecret: 'wrong-canary' } }
    const failure = await discoverAzure(wrong, undefined, portsOf()).then(
      () => undefined,
      (error: unknown) => error,
    )
    expect(failure).toBeInstanceOf(AzureFailure)
    expect((failure as AzureFailure).message).toContain('AADSTS7000215')
    expect((failure as AzureFailure).message).not.toContain('canary')
  })

  test('says so when the application sees nothing', async () => {
    await using cloud = cloudWith({ subscriptions: [] })
    const { accounts, problems } = await discoverAzure(providerOf(cloud), undefined, portsOf())
    expect(accounts).toEqual([])
    expect(problems[0]!.reason).toContain('Reader')
  })
})

describe('the model list of a provider', () => {
  test('is what is deployed in its account, whichever of its names is its address', async () => {
    await using cloud = cloudWith()
    const deployments = new AzureDeployments(portsOf())
    for (const host of ['openai.azure.com/openai/v1', 'cognitiveservices.azure.com']) {
      const listed = await deployments.of(providerOf(cloud, { baseUrl: `https://c1.${host}` }))
      expect(listed?.isWhole).toBe(true)
      expect(listed?.models.map(({ id }) => id)).toEqual([
        'c1-d0',
        'c1-d1',
        'c1-d2',
        'c1-d3',
        'c1-d4',
      ])
      expect(listed?.models[1]).toMatchObject({
        capabilities: ['embedding'],
        contextWindow: 128_000,
        facts: { baseModel: 'text-embedding-3-small' },
      })
    }
    const subscriptions = cloud.managementQuestions.filter((url) =>
      url.startsWith('/subscriptions?'),
    )
    expect(subscriptions).toHaveLength(2)
  })

  test('is its own where nobody else knows: another address, an application that may not look, a key', async () => {
    await using cloud = cloudWith()
    const deployments = new AzureDeployments(portsOf())
    const elsewhere = providerOf(cloud, { baseUrl: 'https://apim.corp.example' })
    expect(await deployments.of(elsewhere)).toBeUndefined()
    const { entra: _, ...keyed } = providerOf(cloud)
    expect(await deployments.of(keyed)).toBeUndefined()
  })

  test('of which a part could not be had says so: what is missing is not gone', async () => {
    await using cloud = cloudWith()
    cloud.foreignNextLink = 'https://elsewhere.example/more'
    const listed = await new AzureDeployments(portsOf()).of(providerOf(cloud))
    expect(listed?.models).toHaveLength(2)
    expect(listed?.isWhole).toBe(false)
  })

  test('is unknown, not empty, while the service fails', async () => {
    await using cloud = cloudWith()
    cloud.tokenFault = { status: 500, body: {} }
    const failure = await new AzureDeployments(portsOf()).of(providerOf(cloud)).then(
      () => undefined,
      (error: unknown) => error,
    )
    expect(failure).toMatchObject({ kind: 'upstream_error' })
  })
})

describe('import', () => {
  test('adds, then changes nothing, then takes over another credential', async () => {
    await using cloud = cloudWith()
    const application = providerOf(cloud, { id: 'template', baseUrl: 'https://apim.corp.example' })
    const discovery = await discoverAzure(application, undefined, portsOf())
    const taken: Provider = testProvider({
      id: 'a1',
      type: 'openai',
      baseUrl: 'https://api.openai.com/v1',
    })
    const declared: Provider = testProvider({
      id: 'mine',
      type: 'azure',
      baseUrl: 'https://A2.openai.azure.com/openai/v1',
    })
    const store = storeWith([taken, declared])
    const again = (entra = application.entra) =>
      importAzure(
        'default',
        discovery,
        { ...application, entra },
        store.existing,
        true,
        store.ports,
        TEST_ACTOR,
      )
    const first = await again()
    expect(first.providers).toEqual([
      { account: 'a1', id: 'a1-2', action: 'added' },
      {
        account: 'a2',
        id: 'mine',
        action: 'declared',
        reason: 'is declared in the configuration file',
      },
      { account: 'a3', id: 'a3', action: 'added' },
      { account: 'c1', id: 'c1', action: 'added' },
      {
        account: 'old',
        id: 'old',
        action: 'skipped',
        reason: 'has no address of its own, and regional ones take no tokens',
      },
    ])
    expect(first.models.map(({ action, id }) => [id, action])).toEqual([
      ['gpt-4o', 'added'],
      ['text-embedding-3-small', 'added'],
    ])
    const chat = store.existing.models.find(({ id }) => id === 'gpt-4o')!
    expect(chat.targets.map((target) => `${target.providerId}/${target.model}`)).toEqual([
      'a1-2/a1-d0',
      'a1-2/a1-d2',
      'mine/a2-d0',
      'mine/a2-d2',
      'a3/a3-d0',
      'a3/a3-d2',
      'c1/c1-d0',
      'c1/c1-d2',
      'c1/c1-d4',
    ])
    const before = JSON.stringify(store.existing)
    const second = await again()
    expect(new Set(second.providers.map(({ action }) => action))).toEqual(
      new Set(['unchanged', 'declared', 'skipped']),
    )
    expect(second.models.every(({ action }) => action === 'unchanged')).toBe(true)
    expect(JSON.stringify(store.existing)).toBe(before)
    const third = await again({ ...application.entra, clientSecret: 'rotated' })
    expect(third.providers.map(({ action }) => action)).toEqual([
      'updated',
      'declared',
      'updated',
      'updated',
      'skipped',
    ])
    const saved = store.existing.providers.find(({ id }) => id === 'c1')!
    expect(saved).toMatchObject({
      type: 'azure',
      origin: 'store',
      baseUrl: 'https://c1.openai.azure.com',
      keys: [],
      entra: { clientSecret: 'rotated' },
    })
  })

  test('leaves a provider with keys of its own, and one that may be any account of a region', async () => {
    await using cloud = cloudWith()
    const application = providerOf(cloud, { id: 'template', baseUrl: 'https://apim.corp.example' })
    const discovery = await discoverAzure(application, undefined, portsOf())
    const keyed = testProvider({ id: 'k', type: 'azure', baseUrl: 'https://a1.openai.azure.com' })
    const regional = testProvider({
      id: 'region',
      type: 'azure',
      baseUrl: 'https://westeurope.api.cognitive.microsoft.com',
    })
    const store = storeWith([{ ...keyed, origin: 'store' }, regional])
    const before = JSON.stringify(store.existing.providers)
    const { models, providers } = await importAzure(
      ...([
        'default',
        discovery,
        application,
        store.existing,
        true,
        store.ports,
        TEST_ACTOR,
      ] as const),
    )
    expect(keyed.keys.length).toBeGreaterThan(0)
    expect(providers[0]).toEqual({
      account: 'a1',
      id: 'k',
      action: 'unchanged',
      reason: 'is asked with keys of its own',
    })
    expect(providers.at(-1)).toMatchObject({ account: 'old', action: 'skipped' })
    expect(JSON.stringify(store.existing.providers.slice(0, 2))).toBe(before)
    const used = store.existing.models.flatMap(({ targets }) => targets.map((t) => t.providerId))
    expect(models.length).toBeGreaterThan(0)
    expect(used).not.toContain('region')
  })

  test('makes no alias that would stand before another provider’s model, or that nobody could write', async () => {
    const odd = ['openai/gpt-4o', 'a\u001b[31m', ' x', 'x ', 'm'.repeat(300)]
    await using cloud = cloudWith({
      subscriptions: [
        {
          id: 'sub-1',
          name: 'One',
          accounts: [
            {
              ...accountNamed('a1'),
              deployments: [...odd, 'Fit 4.1'].map((model, at) => ({ name: `d${at}`, model })),
            },
          ],
        },
      ],
    })
    const application = providerOf(cloud)
    const discovery = await discoverAzure(application, undefined, portsOf())
    const store = storeWith()
    const { models } = await importAzure(
      ...([
        'default',
        discovery,
        application,
        store.existing,
        true,
        store.ports,
        TEST_ACTOR,
      ] as const),
    )
    expect(store.existing.models.map(({ id }) => id)).toEqual(['Fit 4.1'])
    const skipped = models.filter(({ action }) => action === 'skipped').map(({ id }) => id)
    expect(skipped.toSorted()).toEqual(odd.toSorted())
  })

  test('keeps what somebody set on a model, and leaves declared ones alone', async () => {
    await using cloud = cloudWith()
    const application = providerOf(cloud)
    const discovery = await discoverAzure(application, 'sub-1', portsOf())
    const model = (id: string, origin: Model['origin']): Model => ({
      id,
      origin,
      targets: [{ providerId: 'a1', model: 'a1-d0', order: 3, weight: 7 }],
      defaults: { temperature: 0 },
      losses: 'reject',
    })
    const store = storeWith([], [model('gpt-4o', 'store'), model('text-embedding-3-small', 'file')])
    const { models } = await importAzure(
      ...([
        'default',
        discovery,
        application,
        store.existing,
        true,
        store.ports,
        TEST_ACTOR,
      ] as const),
    )
    expect(models.map(({ action }) => action)).toEqual(['updated', 'declared'])
    const [chat, embedding] = store.existing.models
    expect(chat).toMatchObject({ defaults: { temperature: 0 }, losses: 'reject' })
    expect(chat!.targets[0]).toEqual({ providerId: 'a1', model: 'a1-d0', order: 3, weight: 7 })
    expect(chat!.targets).toHaveLength(6)
    expect(embedding!.targets).toHaveLength(1)
  })

  test('copies of the network what is the provider’s own, not what holds for all', async () => {
    await using cloud = cloudWith()
    const network = { caFile: '/corp/ca.pem', proxy: 'http://proxy.corp:3128', allowPrivate: true }
    const store = storeWith([providerOf(cloud, { network, baseUrl: 'https://apim.corp.example' })])
    const transport = createTransport(systemClock)
    // Reached without that proxy, which is not there.
    const direct = {
      ...portsOf(),
      transport: () => ({
        send: (request: Parameters<typeof transport.send>[0]) =>
          transport.send({ ...request, network: { allowPrivate: true } }),
      }),
    }
    const tokens = new EntraTokens({
      transport: direct.transport(),
      clock: systemClock,
      ids: systemIds,
      logger: SILENT_LOGGER,
    })
    const errand = { application: {}, subscriptionId: 'sub-1', isImport: true, withModels: false }
    const { imported } = await onboardAzure('default', errand, {
      by: { kind: 'system', id: 'test' },
      ...direct,
      tokens,
      existing: () => Promise.resolve(store.existing),
      network: () => ({ isShared: true, caFile: '/corp/ca.pem' }),
      store: (use) => use(store.ports),
    })
    expect(imported?.providers.map(({ action }) => action)).toEqual(['added', 'added', 'added'])
    expect(store.existing.providers[1]!.network).toEqual({
      proxy: 'http://proxy.corp:3128',
      allowPrivate: true,
    })
  })
})
