// Reading the management API's answers: what must not be believed first (addresses, ids), then what is read of the rest.

import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import type { EntraCloud, EntraSettings } from '../core/catalog.ts'
import { checkParameters } from '../testing/seed.ts'
import {
  accountModelsUrl,
  accountsUrl,
  deploymentFacts,
  deploymentsUrl,
  readAccountModels,
  readAccounts,
  readDeployments,
  readSubscriptions,
  subscriptionsUrl,
} from './azure-management.ts'

const entra: EntraSettings = { tenant: 't', clientId: 'c', clientSecret: 's', cloud: 'public' }
const ID =
  '/subscriptions/s-1/resourceGroups/r/providers/Microsoft.CognitiveServices/accounts/team-eu'

function account(over: object = {}, properties: object = {}) {
  return {
    id: ID,
    name: 'team-eu',
    kind: 'OpenAI',
    location: 'swedencentral',
    properties: { endpoint: 'https://team-eu.openai.azure.com/', ...properties },
    ...over,
  }
}

const accountOf = (row: object) => readAccounts({ value: [row] } as never, entra).items[0]
const deploymentOf = (row: object) => readDeployments({ value: [row] } as never, entra).items[0]

describe('a page that goes on', () => {
  const foreign = [
    'https://management.azure.com.evil.example/subscriptions?api-version=1',
    'https://evil.example/subscriptions',
    'http://management.azure.com/subscriptions',
    'https://management.azure.com:8443/subscriptions',
    'https://user:pw@management.azure.com/subscriptions',
    'https://management.azure.com@evil.example/',
    'https://management.usgovcloudapi.net/subscriptions',
    '//evil.example/x',
    'subscriptions?page=2',
    'file:///etc/passwd',
  ]
  for (const link of foreign) {
    test(`is not followed to ${link}`, () => {
      expect(readSubscriptions({ value: [], nextLink: link }, entra).next).toEqual({
        kind: 'foreign',
      })
    })
  }

  test('is followed within the service alone, whatever the text', () => {
    fc.assert(
      fc.property(fc.oneof(fc.webUrl(), fc.string()), (nextLink) => {
        const { next } = readSubscriptions({ value: [], nextLink }, entra)
        if (next.kind !== 'more') return
        expect(new URL(next.url).origin).toBe('https://management.azure.com')
      }),
      checkParameters(300),
    )
    const nextLink = 'https://management.azure.com/subscriptions?api-version=1&$skiptoken=2'
    expect(readSubscriptions({ value: [], nextLink }, entra).next).toEqual({
      kind: 'more',
      url: nextLink,
    })
    for (const end of [undefined, '', null]) {
      const body = { value: [], ...(end === undefined ? {} : { nextLink: end }) }
      expect(readSubscriptions(body, entra).next).toEqual({ kind: 'end' })
    }
  }, 60_000)
})

describe('an account', () => {
  test('without a fit id or address is left out', () => {
    const rows = [
      account({ id: `${ID}/../../x` }),
      account({ id: `${ID}?x` }),
      account({ id: `https://evil.example${ID}` }),
      account({ id: '/subscriptions/a/resourceGroups/b%2f/providers/X/accounts/c' }),
      account({ name: undefined }),
      account({ kind: 'SpeechServices' }),
      account({}, { endpoint: 'http://team-eu.openai.azure.com/' }),
      account({}, { endpoint: 'https://user:pw@team-eu.openai.azure.com/' }),
      account({}, { endpoint: 'nowhere' }),
      account({}, { endpoint: undefined }),
    ]
    for (const row of rows) expect(accountOf(row)).toBeUndefined()
  })

  test('is read with its OpenAI address where it has several', () => {
    expect(accountOf(account())).toEqual({
      resourceId: ID,
      name: 'team-eu',
      kind: 'OpenAI',
      location: 'swedencentral',
      endpoint: 'https://team-eu.openai.azure.com',
      takesTokens: true,
    })
    const many = account(
      { kind: 'AIServices' },
      {
        endpoint: 'https://team-eu.cognitiveservices.azure.com/',
        endpoints: {
          'Azure AI Model Inference API': 'https://team-eu.services.ai.azure.com/',
          'OpenAI Language Model Instance API': 'https://team-eu.openai.azure.com/',
        },
      },
    )
    expect(accountOf(many)?.endpoint).toBe('https://team-eu.openai.azure.com')
    const regional = account({}, { endpoint: 'https://westeurope.api.cognitive.microsoft.com/' })
    expect(accountOf(regional)?.takesTokens).toBe(false)
  })
})

test('disabled subscriptions and rows that are none are left out', () => {
  const value = [
    { subscriptionId: 'a', displayName: 'A', state: 'Enabled' },
    { subscriptionId: 'b', state: 'Disabled' },
    { subscriptionId: '../c', state: 'Enabled' },
    { displayName: 'no id' },
    null,
    'text',
    { subscriptionId: 'd', state: 'Warned' },
  ]
  expect(readSubscriptions({ value }, entra).items).toEqual([
    { id: 'a', name: 'A' },
    { id: 'd', name: 'd' },
  ])
  for (const body of [null, [], 'x', {}, { value: {} }]) {
    expect(readSubscriptions(body, entra)).toEqual({ items: [], next: { kind: 'end' } })
  }
})

describe('a deployment', () => {
  const row = {
    name: 'gpt4o-prod',
    sku: { name: 'GlobalStandard', capacity: 0 },
    properties: {
      model: { format: 'OpenAI', name: 'gpt-4o', version: '2024-11-20' },
      provisioningState: 'Succeeded',
      capabilities: {
        chatCompletion: 'true',
        jsonSchemaResponse: 'true',
        maxContextToken: '128000',
      },
      rateLimits: [{ key: 'token', renewalPeriod: 60, count: 10_000 }, { key: 'odd' }],
    },
  }

  test('is read whole, a capacity of 0 too', () => {
    expect(deploymentOf(row)).toEqual({
      name: 'gpt4o-prod',
      model: { name: 'gpt-4o', version: '2024-11-20', format: 'OpenAI' },
      sku: 'GlobalStandard',
      capacity: 0,
      state: 'Succeeded',
      capabilities: {
        chatCompletion: 'true',
        jsonSchemaResponse: 'true',
        maxContextToken: '128000',
      },
      rateLimits: [{ key: 'token', count: 10_000, periodSeconds: 60 }],
    })
  })

  test('of which little is said is read as well', () => {
    expect(deploymentOf({ name: 'a', properties: { model: { name: 'ada' } } })).toEqual({
      name: 'a',
      model: { name: 'ada' },
      state: 'unknown',
      capabilities: {},
      rateLimits: [],
    })
    expect(deploymentOf({ name: '', properties: { model: { name: 'ada' } } })).toBeUndefined()
    expect(deploymentOf({ name: 'a', properties: {} })).toBeUndefined()
  })

  test('gives facts, with those of its model where it has none itself', () => {
    const [model] = readAccountModels(
      {
        value: [
          {
            format: 'OpenAI',
            name: 'gpt-4o',
            version: '2024-11-20',
            capabilities: { maxContextToken: '1', maxOutputToken: '16384' },
            deprecation: { inference: '2027-03-01T00:00:00Z' },
          },
        ],
      },
      entra,
    ).items
    expect(deploymentFacts(deploymentOf(row)!, model)).toEqual({
      baseModel: 'gpt-4o',
      version: '2024-11-20',
      status: 'Succeeded',
      capabilities: ['completion', 'tools', 'vision'],
      contextWindow: 128_000,
      retiresMs: Date.UTC(2027, 2, 1),
    })
  })

  const CAPABLE: readonly [
    string,
    string,
    Record<string, string>,
    readonly string[] | undefined,
  ][] = [
    ['embeddings', 'text-embedding-3-large', { embeddings: 'true' }, ['embedding']],
    ['a completion', 'gpt-35-turbo-instruct', { completion: 'true' }, ['completion']],
    ['a chat of unknown name', 'corp-model', { chatCompletion: 'true' }, ['completion', 'tools']],
    ['nothing said', 'whisper', {}, undefined],
    ['nothing said of a known one', 'gpt-4o', {}, ['completion', 'tools', 'vision']],
  ]
  for (const [name, model, capabilities, words] of CAPABLE) {
    test(`with ${name} can do what that means`, () => {
      const properties = { model: { name: model }, capabilities }
      expect(deploymentFacts(deploymentOf({ name: 'd', properties })!).capabilities).toEqual(
        words as string[],
      )
    })
  }
})

test('each cloud is asked at its own address, and a private one at that of the settings', () => {
  const hosts: Record<EntraCloud, string> = {
    public: 'https://management.azure.com',
    us_government: 'https://management.usgovcloudapi.net',
    china: 'https://management.chinacloudapi.cn',
  }
  for (const [cloud, host] of Object.entries(hosts) as [EntraCloud, string][]) {
    expect(subscriptionsUrl({ ...entra, cloud })).toBe(
      `${host}/subscriptions?api-version=2022-12-01`,
    )
  }
  const own = { ...entra, management: 'https://arm.corp.example/' }
  expect(accountsUrl(own, 's-1')).toBe(
    'https://arm.corp.example/subscriptions/s-1/providers/Microsoft.CognitiveServices/accounts?api-version=2024-10-01',
  )
  const found = accountOf(account())!
  expect(deploymentsUrl(own, found)).toBe(
    `https://arm.corp.example${ID}/deployments?api-version=2024-10-01`,
  )
  expect(accountModelsUrl(own, found)).toBe(
    `https://arm.corp.example${ID}/models?api-version=2024-10-01`,
  )
  const next = 'https://arm.corp.example/subscriptions?x'
  expect(readSubscriptions({ value: [], nextLink: next }, own).next.kind).toBe('more')
})
