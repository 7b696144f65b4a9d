// What LiteLLM’s configurations mean in Weir, over files of the shapes that its documentation and its users have.

import { describe, expect, test } from 'bun:test'
import type { JsonObject } from '../../core/json.ts'
import type { Account } from './ledger.ts'
import { fromLitellm } from './litellm.ts'
import { resultOf } from './result.ts'

const OPTIONS = { folder: '/', platform: process.platform } as const

function imported(yaml: string) {
  const draft = fromLitellm(Bun.YAML.parse(yaml), OPTIONS)
  const { accounts, needs, yaml: text } = resultOf(draft, 'a test')
  const account = (path: string): Account | undefined => accounts.find((one) => one.path === path)
  return { document: draft.document(), accounts, account, needs, text }
}

const entry = (name: string, params: string) =>
  `{ model_name: ${name}, litellm_params: { ${params} } }`

describe('models', () => {
  test('entries of one name are targets of one model', () => {
    const { document } = imported(`
model_list:
  - ${entry('gpt-4', 'model: azure/prod-gpt4, api_base: "https://team.openai.azure.com/", api_key: os.environ/AZURE_KEY, api_version: "2024-10-21", weight: 3')}
  - ${entry('gpt-4', 'model: openai/gpt-4o, order: 1')}
`)
    expect(document).toEqual({
      providers: [
        {
          id: 'azure',
          type: 'azure',
          base_url: 'https://team.openai.azure.com',
          api_version: '2024-10-21',
          keys: ['${AZURE_KEY}'],
        },
        { id: 'openai', type: 'openai', keys: ['${OPENAI_API_KEY}'] },
      ],
      models: [
        {
          id: 'gpt-4',
          targets: [
            // LiteLLM asks it when none with an order is well.
            { provider: 'azure', model: 'prod-gpt4', weight: 3, order: 2 },
            { provider: 'openai', model: 'gpt-4o', order: 1 },
          ],
        },
      ],
    })
  })

  test.each([
    [
      'groq/llama-3',
      { type: 'custom', compatible: 'openai', base_url: 'https://api.groq.com/openai/v1' },
    ],
    ['anthropic/claude-x', { type: 'anthropic', keys: ['${ANTHROPIC_API_KEY}'] }],
    ['gemini/gemini-x', { type: 'gemini', keys: ['${GEMINI_API_KEY}'] }],
    ['ollama_chat/llama3', { type: 'ollama' }],
    ['hosted_vllm/m', { type: 'custom', base_url: '${HOSTED_VLLM_API_BASE}' }],
    ['command-r', { type: 'cohere' }],
    ['gpt-4o', { type: 'openai' }],
  ])('%s is of its provider', (model, form) => {
    const { document } = imported(`model_list: [${entry('m', `model: ${model}`)}]`)
    expect((document['providers'] as JsonObject[])[0]).toMatchObject(form)
  })

  test('Bedrock is asked in its region with both halves of an access key', () => {
    const { document } = imported(
      `model_list: [${entry('m', 'model: bedrock/converse/anthropic.claude-x, aws_region_name: eu-central-1, aws_access_key_id: os.environ/ID, aws_secret_access_key: os.environ/SECRET')}]`,
    )
    expect(document).toMatchObject({
      providers: [
        {
          base_url: 'https://bedrock-runtime.eu-central-1.amazonaws.com',
          keys: ['${ID}:${SECRET}'],
        },
      ],
      models: [{ targets: [{ model: 'anthropic.claude-x' }] }],
    })
  })

  test('a server of one’s own behind openai/ is a custom provider, and a placeholder no key', () => {
    const { account, document } = imported(
      `model_list: [${entry('m', 'model: openai/local, api_base: "http://localhost:8000/v1", api_key: none')}]`,
    )
    expect((document['providers'] as JsonObject[])[0]).toEqual({
      id: 'openai',
      type: 'custom',
      compatible: 'openai',
      base_url: 'http://localhost:8000/v1',
    })
    expect(account('model_list[0].litellm_params.api_key')?.fate).toBe('left')
  })

  test('what has no counterpart is told as a whole, with the way', () => {
    const { account, document } = imported(
      `model_list: [${entry('m', 'model: vertex_ai/gemini-x, vertex_project: p')}]`,
    )
    expect(document['models']).toBeUndefined()
    expect(account('model_list[0]')).toMatchObject({
      fate: 'left',
      way: expect.stringContaining('gemini'),
    })
  })

  test('a wildcard of a provider’s own name needs no entry; any other is told', () => {
    const { account, document } = imported(
      `model_list: [${entry('groq/*', 'model: groq/*')}, ${entry('"*"', 'model: openai/*')}]`,
    )
    expect((document['providers'] as JsonObject[]).map(({ id }) => id)).toEqual(['groq', 'openai'])
    expect(account('model_list[0].model_name')?.fate).toBe('carried')
    expect(account('model_list[1].model_name')).toMatchObject({
      fate: 'changed',
      note: expect.stringContaining('openai/MODEL'),
    })
  })

  test('limits, prices, context, defaults and times of an entry', () => {
    const { document } = imported(`
model_list:
  - model_name: m
    litellm_params: { model: gpt-4o, rpm: 100, tpm: 5000, temperature: 0.2, timeout: 30, max_retries: 4 }
    model_info: { input_cost_per_token: 0.0000025, output_cost_per_token: 1.0e-5, max_input_tokens: 128000, supports_vision: true }
`)
    expect(document).toMatchObject({
      providers: [{ timeouts: { total: '30s' }, retries: { max: 4 } }],
      models: [
        {
          targets: [{ abilities: { vision: true } }],
          defaults: { temperature: 0.2 },
          context_window: 128_000,
          price: { input: 2.5, output: 10 },
        },
      ],
      limits: [{ per: 'model', only: 'm', requests_per_minute: 100, tokens_per_minute: 5000 }],
    })
  })
})

test.each([
  // Its shuffle draws by weight, else by rpm, else by tpm; who does not say it is never drawn.
  [
    ['rpm: 6', 'rpm: 6', 'rpm: 1440'],
    [1, 1, 240],
  ],
  [
    ['rpm: 60, weight: 2', 'rpm: 30, weight: 1'],
    [2, 1],
  ],
  [
    ['rpm: 60', 'rpm: 30, weight: 9'],
    [2, 1],
  ],
  [
    ['tpm: 3000000', 'tpm: 1'],
    [1000, 1],
  ],
  [
    ['weight: 0.7', 'temperature: 1'],
    [0.7, 0],
  ],
  [
    ['temperature: 1', 'weight: 5', 'rpm: 5'],
    [undefined, undefined, undefined],
  ],
  [
    ['rpm: 60', 'rpm: 60'],
    [undefined, undefined],
  ],
] as const)('%j is drawn as LiteLLM draws', (params, weights) => {
  const list = params.map((more, at) => entry('m', `model: gpt-${at}, ${more}`)).join(', ')
  const { document } = imported(`model_list: [${list}]`)
  const [model] = document['models'] as { targets: { weight?: number }[] }[]
  expect(model?.targets.map(({ weight }) => weight)).toEqual([...weights])
  const busy = imported(
    `model_list: [${list}]\nrouter_settings: { routing_strategy: least-busy }`,
  ).document
  expect(JSON.stringify(busy)).not.toContain('weight')
})

test.each([
  [
    'bedrock/us-west-2/anthropic.claude-x',
    'anthropic.claude-x',
    { region: 'us-west-2', base_url: 'https://bedrock-runtime.us-west-2.amazonaws.com' },
  ],
  ['bedrock/converse/us.anthropic.claude-x', 'us.anthropic.claude-x', { region: '${AWS_REGION}' }],
  ['bedrock/arn:aws:bedrock:x:1:p/abc', 'arn:aws:bedrock:x:1:p/abc', { region: '${AWS_REGION}' }],
  ['openai/responses/gpt-5-codex', 'gpt-5-codex', { type: 'openai' }],
  ['azure/o_series/my-o3', 'my-o3', { type: 'azure' }],
  ['together_ai/meta-llama/Llama-3', 'meta-llama/Llama-3', { type: 'custom' }],
  ['zai/glm-5', 'glm-5', { base_url: 'https://api.z.ai/api/paas/v4' }],
] as const)('%s is asked for as its provider names it', (model, own, form) => {
  const { document } = imported(`model_list: [${entry('m', `model: "${model}"`)}]`)
  expect(document['models']).toMatchObject([{ targets: [{ model: own }] }])
  expect(document['providers']).toMatchObject([form])
})

test('an address that leads to a deployment of Azure names it, and its version', () => {
  const address =
    'https://team.openai.azure.com/openai/deployments/prod-1/chat/completions?api-version=2024-10-21'
  const { document } = imported(
    `model_list: [${entry('m', `model: azure/any, api_base: "${address}", api_key: os.environ/K`)}]`,
  )
  expect(document['models']).toMatchObject([{ targets: [{ model: 'prod-1' }] }])
  expect(document['providers']).toMatchObject([
    { base_url: 'https://team.openai.azure.com', api_version: '2024-10-21' },
  ])
})

test('what is only a hint there and a limit here is told; an alias is limited as its model is', () => {
  const { account, document } = imported(`
model_list: [${entry('m', 'model: gpt-4o, rpm: 9')}]
router_settings: { model_group_alias: { n: m } }
`)
  expect(document['limits']).toEqual([
    { per: 'model', only: 'm', requests_per_minute: 9 },
    { per: 'model', only: 'n', requests_per_minute: 9 },
  ])
  expect(account('model_list[0].litellm_params.rpm')?.note).toContain('refused')
  expect(account('router_settings.model_group_alias.n')?.fate).toBe('changed')
})

test('max_tokens of model_info is what may come out: a long prompt still fits', () => {
  const { document } = imported(`
model_list:
  - model_name: m
    litellm_params: { model: claude-haiku-4-5 }
    model_info: { max_tokens: 8192 }
`)
  expect(document['models']).toEqual([
    { id: 'm', targets: [{ provider: 'anthropic', model: 'claude-haiku-4-5' }] },
  ])
})

test('what litellm_settings say of failures holds as well, the router’s own before it', () => {
  const { document } = imported(`
model_list: [${entry('m', 'model: gpt-4o')}]
litellm_settings: { allowed_fails: 3, cooldown_time: 30 }
router_settings: { cooldown_time: 5 }
`)
  expect(document['providers']).toMatchObject([{ circuit: { failures: 4, open: '5s' } }])
})

test('the way to a first key is a command there is', () => {
  const { account } = imported('general_settings: { master_key: x }')
  expect(account('general_settings.master_key')?.note).toEndWith('weir keys create admin --admin')
})

describe('secrets', () => {
  const SECRET = 'sk-live-0123456789abcdef'
  const { accounts, document, needs, text } = imported(`
model_list:
  - ${entry('a', `model: openai/gpt-4o, api_key: ${SECRET}`)}
  - ${entry('b', `model: openai/gpt-4o-mini, api_key: ${SECRET}`)}
  - ${entry('c', 'model: mistral/m, api_key: os.environ/MISTRAL')}
environment_variables: { MISTRAL: ${SECRET}-2, REST: x }
general_settings: { master_key: ${SECRET}-3 }
`)

  test('in clear they become references, one for one value, and stand nowhere', () => {
    expect((document['providers'] as JsonObject[]).map(({ keys }) => keys)).toEqual([
      ['${WEIR_SECRET_OPENAI_KEY}'],
      ['${MISTRAL}'],
    ])
    expect(text + JSON.stringify(accounts)).not.toContain(SECRET)
  })

  test('their values are at hand for a file of their own, the master key is not among them', () => {
    expect(needs).toEqual([
      { name: 'WEIR_SECRET_OPENAI_KEY', value: SECRET },
      { name: 'MISTRAL', value: `${SECRET}-2` },
    ])
  })

  test('a master key lets nobody in, and nobody comes in without a key', () => {
    expect(document['auth']).toEqual({ anonymous: 'never' })
    expect(document['keys']).toBeUndefined()
  })
})

test('routing, fallbacks, aliases and times of the whole', () => {
  const { account, document } = imported(`
model_list:
  - ${entry('small', 'model: gpt-4o-mini')}
  - ${entry('small', 'model: claude-x')}
  - ${entry('large', 'model: gpt-4o')}
litellm_settings:
  num_retries: 3
  request_timeout: 600
  fallbacks: [{ small: [large, gone] }]
  context_window_fallbacks: [{ small: [large] }]
router_settings:
  routing_strategy: latency-based-routing
  model_group_alias: { tiny: small }
  allowed_fails: 2
  cooldown_time: 60
  retry_policy: { TimeoutErrorRetries: 3 }
`)
  expect(document).toMatchObject({
    models: [
      {
        id: 'small',
        routing: { strategy: 'latency', fallbacks: { any: ['large'], context_length: ['large'] } },
      },
      { id: 'large' },
      { id: 'tiny', targets: [{ model: 'gpt-4o-mini' }, { model: 'claude-x' }] },
    ],
  })
  for (const provider of document['providers'] as JsonObject[]) {
    expect(provider).toMatchObject({
      retries: { max: 3 },
      timeouts: { total: '600s' },
      circuit: { failures: 3, open: '60s' },
    })
  }
  expect(account('litellm_settings.fallbacks[0].small[1]')?.fate).toBe('left')
  expect(account('router_settings.retry_policy')?.way).toContain('providers[].retries')
})

test('cache, callbacks, budget, log and load', () => {
  const { account, document } = imported(`
model_list: [${entry('m', 'model: gpt-4o')}]
litellm_settings:
  cache: true
  cache_params: { type: redis, host: os.environ/REDIS_HOST, port: 6379, password: os.environ/REDIS_PW, ttl: 600 }
  success_callback: [langfuse, s3]
  callbacks: [prometheus, otel]
  max_budget: 100
  budget_duration: 30d
  drop_params: false
general_settings:
  store_prompts_in_spend_logs: true
  maximum_spend_logs_retention_period: 30d
  global_max_parallel_requests: 500
  max_parallel_requests: 50
  alerting: [slack]
`)
  expect(document).toMatchObject({
    server: { max_concurrent: 500 },
    redis: { url: 'redis://:${REDIS_PW}@${REDIS_HOST}:6379' },
    providers: [{ concurrency: { max: 50 } }],
    models: [{ losses: 'reject' }],
    log: { requests: 'content', retention: '30d' },
    budgets: [{ per: 'tenant', usd: 100, window: 'month' }],
    cache: { exact: { enabled: true, store: 'redis', ttl: '600s' } },
    tracing: { endpoint: '${OTEL_EXPORTER_OTLP_ENDPOINT}' },
    exports: [{ type: 'langfuse' }],
  })
  expect(account('litellm_settings.success_callback[1]')?.fate).toBe('left')
  expect(account('general_settings.alerting')?.way).toContain('webhook')
})

test('a guardrail is asked at its stages, and one that has none is told and left out', () => {
  const rule = (name: string, mode: string) =>
    `{ guardrail_name: ${name}, litellm_params: { guardrail: hide-secrets, mode: ${mode}, default_on: true } }`
  const { account, document } = imported(`
guardrails: [${rule('one', '[pre_call, post_call]')}, ${rule('two', '[]')}]
`)
  expect(document['guardrails']).toEqual([
    {
      id: 'one',
      check: 'secrets',
      mode: 'mask',
      stages: ['input', 'tool_result', 'output'],
      enabled: true,
    },
  ])
  expect(account('guardrails[1]')).toMatchObject({ fate: 'left', note: 'is asked at no stage' })
})

test('what stands where something else belongs is told, and nothing breaks', () => {
  const { accounts, document } = imported(`
model_list: [3, { model_name: x }, { model_name: y, litellm_params: { model: 5 } }]
router_settings: none
litellm_settings: [1]
general_settings: { max_parallel_requests: many }
`)
  expect(document['models']).toBeUndefined()
  expect(accounts.every(({ fate }) => fate === 'left')).toBe(true)
})
