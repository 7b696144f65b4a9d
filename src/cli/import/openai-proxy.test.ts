// What an OpenAI proxy’s JSON means in Weir: groups, models, providers, network; and that nothing of it opens what was closed.

import { expect, test } from 'bun:test'
import type { Account } from './ledger.ts'
import { fromOpenaiProxy } from './openai-proxy.ts'
import { resultOf } from './result.ts'

function imported(source: object) {
  const draft = fromOpenaiProxy(source, { folder: '/', platform: process.platform })
  const { accounts, needs, yaml } = resultOf(draft, 'a test')
  const account = (path: string): Account | undefined => accounts.find((one) => one.path === path)
  return { document: draft.document(), account, needs, yaml }
}

const SOURCE = {
  groups: {
    engineers: ['gpt-4', 'claude'],
    research: { models: ['gpt-4'], monthly_budget: 50 },
  },
  providers: {
    openai: {
      type: 'openai',
      base_url: 'https://api.openai.com',
      api_keys: ['sk-one', 'sk-two'],
      timeout: 60,
    },
    azure: {
      type: 'azure',
      base_url: 'https://team.openai.azure.com',
      api_key: '${AZURE_KEY}',
      api_version: '2024-10-21',
    },
    anthropic: { type: 'anthropic', api_key: 'os.environ/ANTHROPIC' },
  },
  models: {
    'gpt-4': { provider: 'azure', deployment: 'gpt4-prod', endpoints: ['chat', 'completions'] },
    claude: { provider: 'anthropic', model: 'claude-x' },
    lost: { provider: 'openai', model: 'gpt-4o' },
    'in-short': 'openai/gpt-4o-mini',
  },
  network: {
    proxy: 'http://user:pw@proxy:3128',
    no_proxy: 'localhost,.corp',
    verify: true,
    timeout: 120,
  },
}

test('groups, providers, models and network', () => {
  const { account, document, needs, yaml } = imported(SOURCE)
  expect(document).toEqual({
    network: { proxy: '${WEIR_SECRET_PROXY}', no_proxy: ['localhost', '.corp'], verify: true },
    providers: [
      {
        id: 'openai',
        type: 'openai',
        base_url: 'https://api.openai.com/v1',
        keys: ['${WEIR_SECRET_OPENAI_KEY}', '${WEIR_SECRET_OPENAI_KEY_2}'],
        timeouts: { total: '60s' },
      },
      {
        id: 'azure',
        type: 'azure',
        base_url: 'https://team.openai.azure.com',
        keys: ['${AZURE_KEY}'],
        api_version: '2024-10-21',
        timeouts: { total: '120s' },
      },
      { id: 'anthropic', type: 'anthropic', keys: ['${ANTHROPIC}'], timeouts: { total: '120s' } },
    ],
    models: [
      {
        id: 'gpt-4',
        targets: [{ provider: 'azure', model: 'gpt4-prod' }],
        access: ['group:engineers', 'group:research'],
      },
      {
        id: 'claude',
        targets: [{ provider: 'anthropic', model: 'claude-x' }],
        access: ['group:engineers'],
      },
      { id: 'lost', targets: [{ provider: 'openai', model: 'gpt-4o' }], access: [] },
      { id: 'in-short', targets: [{ provider: 'openai', model: 'gpt-4o-mini' }], access: [] },
    ],
  })
  expect(account('groups.research.monthly_budget')?.way).toContain('per: team')
  expect(needs.map(({ name }) => name)).toContain('AZURE_KEY')
  expect(yaml).not.toContain('sk-one')
  expect(yaml).not.toContain('user:pw')
})

test('without groups models are everybody’s, as they were', () => {
  const { groups: _groups, ...rest } = SOURCE
  const { document } = imported(rest)
  for (const model of document['models'] as object[]) expect(model).not.toHaveProperty('access')
})

test('the shape with model_configs, proxy, ssl, Redis and one limit of the day', () => {
  const { account, document } = imported({
    model_configs: [
      {
        url: 'https://x.openai.azure.com',
        provider: 'azure',
        api_version: '2024-06-01',
        technical_name: 'azure_x',
        name: 'Azure X',
        api_key: '',
        tenant_id: 't-1',
        client_id: 'c-1',
        client_secret: 'very-secret',
        subscription_id: 's',
      },
      {
        url: 'http://10.0.0.5:8000/v1',
        provider: 'openai',
        technical_name: 'inner',
        name: 'Inner',
        api_key: 'k-1',
        rate_limit: 60,
      },
    ],
    db_url: 'postgresql://a:b@c/d',
    proxy: {
      enabled: true,
      https_proxy: 'http://proxy:3128',
      http_proxy: 'http://proxy:3128',
      no_proxy: ['localhost'],
    },
    ssl: { verify: false },
    redis_cache: {
      enabled: true,
      host: 'localhost',
      port: 6379,
      db: 0,
      password: null,
      ttl_seconds: 30,
    },
    rate_limits: {
      global: {
        enabled: true,
        windows: [{ from_time: '00:00', to_time: '23:59', max_requests: 1000, max_tokens: -1 }],
      },
    },
    observability: { otlp_endpoint: 'http://otel:4317' },
  })
  expect(document).toMatchObject({
    network: { proxy: '${WEIR_SECRET_PROXY}', no_proxy: ['localhost'], verify: false },
    redis: { url: 'redis://localhost:6379/0' },
    providers: [
      {
        id: 'azure_x',
        type: 'azure',
        entra: {
          tenant: 't-1',
          client_id: 'c-1',
          client_secret: '${WEIR_SECRET_AZURE_X_CLIENT_SECRET}',
        },
      },
      { id: 'inner', type: 'custom', compatible: 'openai', base_url: 'http://10.0.0.5:8000/v1' },
    ],
    limits: [
      { per: 'provider', only: 'inner', requests_per_minute: 60 },
      { per: 'global', requests_per_day: 1000 },
    ],
  })
  expect(account('ssl.verify')).toMatchObject({
    fate: 'changed',
    note: expect.stringContaining('warns'),
  })
  expect(account('observability.otlp_endpoint')?.way).toContain('4318')
  expect(account('db_url')?.way).toContain('storage.url')
})
