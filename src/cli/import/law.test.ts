// Laws of every import, over configurations that nobody wrote: each leaf of the source is told of exactly once, what comes of it is a valid
// configuration, no secret is in it or in what is told, and nothing breaks, whatever stands where.

import { expect, test } from 'bun:test'
import fc from 'fast-check'
import { LIMITS } from '../../core/limits.ts'
import { checkParameters } from '../../testing/seed.ts'
import type { Draft } from './draft.ts'
import { fromEnvironment } from './environment.ts'
import { KNOWN_VARIABLES } from './environment-names.ts'
import { fromLitellm } from './litellm.ts'
import { LITELLM_PROVIDERS } from './litellm-providers.ts'
import { SourceError } from './ledger.ts'
import { fromOpenaiProxy } from './openai-proxy.ts'
import { reportJson, reportText } from './report.ts'
import { resultOf } from './result.ts'
import { unprovenIn } from './run-import.ts'

const OPTIONS = { folder: '/', platform: process.platform } as const
const CANARY = 'canary-5f1c0d-secret'

/** Leaves by a walk of its own: what the ledger says is held against it. */
function leavesOf(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 1
  const members = Object.values(value)
  return members.length === 0 ? 1 : members.reduce<number>((sum, one) => sum + leavesOf(one), 0)
}

function expectLaws(draft: Draft, source: unknown, set: Record<string, string> = {}): void {
  expect(draft.ledger.twice).toEqual([])
  const covered = draft.ledger.coverage()
  const isEmpty = typeof source === 'object' && Object.keys(source ?? {}).length === 0
  expect(covered.length).toBe(isEmpty ? 0 : leavesOf(source))
  const result = resultOf(draft, 'a test')
  const told = new Set(result.accounts.map(({ path }) => path))
  expect(covered.filter(({ account }) => !told.has(account))).toEqual([])
  const surroundings = {
    environment: set,
    platform: process.platform,
    home: '/nowhere',
    workingFolder: '/nowhere',
  }
  expect(unprovenIn(result, surroundings)).toEqual([])
  const shown = result.yaml + reportText(result) + JSON.stringify(reportJson(result))
  expect(shown).not.toContain(CANARY)
}

/** Anything, where something else was expected. */
const junk = fc.oneof(
  fc.jsonValue({ maxDepth: 2 }),
  fc.constantFrom('os.environ/SOME_NAME', '${NAME}', '$${x', 'a/b/c', '*', '', ' ', 'true', '12'),
)
const rare = <T>(usual: fc.Arbitrary<T>): fc.Arbitrary<unknown> =>
  fc.oneof(
    { weight: 12, arbitrary: usual as fc.Arbitrary<unknown> },
    { weight: 1, arbitrary: junk },
  )

const name = fc.constantFrom(
  'gpt-4',
  'gpt-3.5-turbo',
  'claude',
  'fast',
  'groq/*',
  '*',
  'ünï ',
  'a.b[0]',
)
const seconds = fc.oneof(
  fc.integer({ min: -1, max: 100_000 }),
  fc.double({ min: 0, max: 10, noNaN: true }),
)
const address = fc.constantFrom(
  'https://team.openai.azure.com/openai/deployments/x',
  'http://localhost:8000/v1',
  'os.environ/SOME_BASE',
  'no address',
  'https://user:pw@host.example',
)
const params = fc.record(
  {
    model: rare(
      fc.oneof(
        fc.constantFrom(...Object.keys(LITELLM_PROVIDERS)).map((prefix) => `${prefix}/m-1`),
        fc.constantFrom(
          'gpt-4o',
          'claude-x',
          'sagemaker/x',
          'vertex_ai/y',
          'openai/*',
          'unknown',
          'bedrock/converse/a.b',
        ),
      ),
    ),
    api_key: rare(fc.constantFrom(CANARY, 'os.environ/SOME_KEY', 'none')),
    api_base: rare(address),
    api_version: rare(fc.constantFrom('2024-10-21', 'os.environ/SOME_VERSION')),
    rpm: rare(fc.integer({ min: -5, max: 10_000 })),
    tpm: rare(fc.integer({ min: 0, max: 1_000_000 })),
    order: rare(fc.integer({ min: -1, max: 2_000 })),
    weight: rare(fc.integer({ min: -1, max: 10 })),
    timeout: rare(seconds),
    stream_timeout: rare(seconds),
    max_retries: rare(fc.integer({ min: 0, max: 100 })),
    organization: rare(fc.constant('org-1')),
    extra_headers: rare(
      fc.dictionary(fc.constantFrom('x-key', 'host', 'X-Other', '__proto__'), fc.constant(CANARY)),
    ),
    temperature: rare(fc.double({ min: 0, max: 2, noNaN: true })),
    tags: rare(fc.array(fc.constantFrom('free', 'two words', ''))),
    input_cost_per_token: rare(fc.double({ min: 0, max: 0.001, noNaN: true })),
    litellm_credential_name: rare(fc.constantFrom('shared', 'absent')),
    aws_region_name: rare(fc.constantFrom('eu-central-1', 'nowhere')),
    aws_secret_access_key: rare(fc.constant(CANARY)),
    ssl_verify: rare(fc.boolean()),
    tenant_id: fc.constant('t'),
    client_id: fc.constant('c'),
    client_secret: fc.constant(CANARY),
    odd: junk,
  },
  { requiredKeys: ['model'] },
)
const fallbacks = rare(
  fc.array(fc.dictionary(name, fc.array(name, { maxLength: 2 }), { maxKeys: 2 }), { maxLength: 2 }),
)
const litellm = fc.record(
  {
    model_list: rare(
      fc.array(
        rare(
          fc.record({
            model_name: rare(name),
            litellm_params: rare(params),
            model_info: rare(
              fc.record(
                {
                  id: fc.string(),
                  mode: fc.constant('chat'),
                  max_tokens: rare(fc.nat()),
                  supports_vision: rare(fc.boolean()),
                  input_cost_per_token: rare(fc.double({ min: 0, max: 1, noNaN: true })),
                },
                { requiredKeys: [] },
              ),
            ),
          }),
        ),
        { maxLength: 5 },
      ),
    ),
    router_settings: rare(
      fc.record(
        {
          routing_strategy: rare(fc.constantFrom('simple-shuffle', 'least-busy', 'no-such')),
          fallbacks,
          context_window_fallbacks: fallbacks,
          num_retries: rare(fc.integer({ min: -1, max: 50 })),
          timeout: rare(seconds),
          allowed_fails: rare(fc.integer({ min: -2, max: 2_000 })),
          cooldown_time: rare(seconds),
          model_group_alias: rare(
            fc.dictionary(
              name,
              rare(fc.oneof(name, fc.record({ model: name, hidden: fc.boolean() }))),
              { maxKeys: 2 },
            ),
          ),
          redis_host: rare(fc.constantFrom('localhost', 'os.environ/REDIS_HOST', 'a b')),
          redis_port: rare(fc.constantFrom(6379, '6379', 'os.environ/REDIS_PORT')),
          redis_password: rare(fc.constantFrom(CANARY, 'os.environ/REDIS_PASSWORD')),
        },
        { requiredKeys: [] },
      ),
    ),
    litellm_settings: rare(
      fc.record(
        {
          drop_params: rare(fc.boolean()),
          cache: rare(fc.boolean()),
          cache_params: rare(
            fc.record(
              {
                type: rare(fc.constantFrom('local', 'redis', 's3', 'redis-semantic', 'disk')),
                host: rare(fc.constant('localhost')),
                password: rare(fc.constant(CANARY)),
                ttl: rare(seconds),
                mode: rare(fc.constant('default_off')),
              },
              { requiredKeys: [] },
            ),
          ),
          callbacks: rare(fc.array(fc.constantFrom('langfuse', 'otel', 'prometheus', 'sentry'))),
          success_callback: rare(fc.array(fc.constantFrom('langfuse', 'datadog'))),
          request_timeout: rare(seconds),
          num_retries: rare(fc.nat()),
          default_fallbacks: rare(fc.array(name)),
          max_budget: rare(fc.double({ noNaN: true })),
          budget_duration: rare(fc.constantFrom('30d', '1d', '5m')),
          ssl_verify: rare(fc.oneof(fc.boolean(), fc.constant('/no/such.pem'))),
          json_logs: rare(fc.boolean()),
        },
        { requiredKeys: [] },
      ),
    ),
    general_settings: rare(
      fc.record(
        {
          master_key: rare(fc.constant(CANARY)),
          database_url: rare(fc.constant(`postgres://u:${CANARY}@h/d`)),
          max_parallel_requests: rare(fc.integer()),
          global_max_parallel_requests: rare(fc.integer()),
          background_health_checks: rare(fc.boolean()),
          health_check_interval: rare(seconds),
          store_prompts_in_spend_logs: rare(fc.boolean()),
          disable_spend_logs: rare(fc.boolean()),
          maximum_spend_logs_retention_period: rare(fc.constantFrom('30d', '1s', 'x')),
          max_request_size_mb: rare(fc.nat()),
        },
        { requiredKeys: [] },
      ),
    ),
    guardrails: rare(
      fc.array(
        fc.record({
          guardrail_name: rare(fc.constantFrom('one', 'two words')),
          litellm_params: rare(
            fc.record({
              guardrail: rare(
                fc.constantFrom('presidio', 'lakera', 'hide-secrets', 'openai_moderation'),
              ),
              mode: rare(fc.constantFrom('pre_call', 'post_call', 'during_call')),
              default_on: rare(fc.boolean()),
              api_key: fc.constant(CANARY),
            }),
          ),
        }),
        { maxLength: 2 },
      ),
    ),
    environment_variables: rare(
      fc.dictionary(fc.constantFrom('SOME_KEY', 'REDIS_HOST', 'OTHER'), rare(fc.constant(CANARY))),
    ),
    credential_list: rare(
      fc.array(
        fc.record({
          credential_name: rare(fc.constant('shared')),
          credential_values: rare(
            fc.record({ api_key: rare(fc.constant(CANARY)), api_base: rare(address) }),
          ),
        }),
        { maxLength: 2 },
      ),
    ),
    include: junk,
    other: junk,
  },
  { requiredKeys: [] },
)

test('of LiteLLM’s configuration every leaf is told of once, and what comes of it is valid', () => {
  fc.assert(
    fc.property(litellm, (source) => expectLaws(fromLitellm(source, OPTIONS), source)),
    checkParameters(120),
  )
})

const group = rare(
  fc.oneof(
    fc.array(name),
    fc.record(
      { models: rare(fc.array(name)), budget: rare(fc.nat()), description: fc.string() },
      { requiredKeys: [] },
    ),
  ),
)
const network = fc.record(
  {
    proxy: rare(fc.constantFrom(`http://u:${CANARY}@proxy:3128`, 'socks5://x')),
    https_proxy: rare(fc.constant('http://proxy:3128')),
    no_proxy: rare(
      fc.oneof(fc.constant('localhost, .corp'), fc.array(fc.constantFrom('localhost', 'a b'))),
    ),
    verify: rare(fc.boolean()),
    ca_file: rare(fc.constant('no-such.pem')),
    client_cert_path: rare(fc.constant('c.pem')),
    timeout: rare(seconds),
    enabled: rare(fc.boolean()),
  },
  { requiredKeys: [] },
)
const provider = fc.record(
  {
    name: rare(fc.constantFrom('Main', 'Azure OpenAI', 'mock')),
    provider: rare(fc.constantFrom('azure', 'openai', 'anthropic', 'google', 'vllm', 'nobody')),
    url: rare(address),
    api_key: rare(fc.constantFrom(CANARY, '${SOME_KEY}', '')),
    api_keys: rare(fc.array(fc.constantFrom(CANARY, 'os.environ/SOME_KEY'))),
    api_version: rare(fc.constant('2024-06-01')),
    tenant_id: rare(fc.constantFrom('', 't', 'a b')),
    client_id: rare(fc.constant('c')),
    client_secret: rare(fc.constant(CANARY)),
    rate_limit: rare(fc.integer()),
    timeout: rare(seconds),
    network: rare(network),
    enabled: rare(fc.boolean()),
  },
  { requiredKeys: [] },
)
const list = <T>(item: fc.Arbitrary<T>) =>
  rare(fc.oneof(fc.array(item, { maxLength: 3 }), fc.dictionary(name, item, { maxKeys: 3 })))
const proxy = fc.record(
  {
    providers: list(rare(provider)),
    models: list(
      rare(
        fc.oneof(
          name,
          fc.record(
            {
              alias: rare(name),
              provider: rare(fc.constantFrom('Main', 'gpt-4')),
              model: rare(name),
              groups: rare(fc.array(fc.constantFrom('team', 'x y'))),
              endpoints: fc.constant(['chat']),
              enabled: rare(fc.boolean()),
            },
            { requiredKeys: [] },
          ),
        ),
      ),
    ),
    groups: list(group),
    network: rare(network),
    proxy: rare(network),
    ssl: rare(network),
    redis_cache: rare(
      fc.record({
        enabled: rare(fc.boolean()),
        host: rare(fc.constant('localhost')),
        port: rare(fc.nat()),
        password: rare(fc.constant(CANARY)),
      }),
    ),
    rate_limits: rare(
      fc.record({
        global: rare(
          fc.record({
            enabled: fc.boolean(),
            windows: rare(
              fc.array(
                fc.record({
                  from_time: fc.constant('00:00'),
                  to_time: fc.constant('23:59'),
                  max_requests: rare(fc.integer()),
                  max_tokens: rare(fc.nat()),
                }),
                { maxLength: 2 },
              ),
            ),
          }),
        ),
      }),
    ),
    observability: rare(
      fc.record(
        {
          otlp_endpoint: rare(fc.constantFrom('http://c:4318', 'http://c:4317')),
          service_name: rare(fc.constant('x')),
          traces_enabled: rare(fc.boolean()),
        },
        { requiredKeys: [] },
      ),
    ),
    db_url: junk,
  },
  { requiredKeys: [] },
)

test('of an OpenAI proxy’s configuration every leaf is told of once, and what comes of it is valid', () => {
  fc.assert(
    fc.property(proxy, (source) => expectLaws(fromOpenaiProxy(source, OPTIONS), source)),
    checkParameters(120),
  )
})

test('where there are groups, no model that was somebody’s becomes everybody’s', () => {
  fc.assert(
    fc.property(proxy, (source) => {
      const draft = fromOpenaiProxy(source, OPTIONS)
      const groups = (source as { groups?: unknown }).groups
      const isGuarded =
        typeof groups === 'object' && groups !== null && Object.keys(groups).length > 0
      const hasGroups = draft.ledger.root
        .get('groups')
        .members()
        .some(([, at]) => at.isMapping || at.isList)
      if (!isGuarded || !hasGroups || Array.isArray(groups)) return
      for (const model of draft.models.values()) expect(model.access).toBeDefined()
    }),
    checkParameters(100),
  )
})

test('of variables every one that concerns models is told of once', () => {
  const value = fc.constantFrom(
    'http://proxy:3128',
    'localhost',
    '/no/such',
    'eu-central-1',
    'https://h.example/v1',
    '2024-10-21',
    '${HOME}',
  )
  const names = fc.constantFrom(...KNOWN_VARIABLES, 'PATH', 'OTHER')
  const variables = fc
    .dictionary(names, value, { maxKeys: 25 })
    .map((all) =>
      Object.fromEntries(
        Object.entries(all).map(([one, text]) => [
          one,
          /KEY|SECRET|TOKEN/.test(one) ? CANARY : text,
        ]),
      ),
    )
  fc.assert(
    fc.property(variables, variables, (environment, file) => {
      const known = Object.entries(environment).filter(([one]) => KNOWN_VARIABLES.has(one))
      expectLaws(
        fromEnvironment({ environment, file }, OPTIONS),
        Object.fromEntries([...known, ...Object.entries(file)]),
        { ...environment, ...file },
      )
    }),
    checkParameters(120),
  )
})

test('a document too deep, too large or in a circle is refused', () => {
  // What aliases make of a few lines: the parser shares it, and whoever walks it must stop.
  let bomb: unknown = 'x'
  for (let level = 0; level < 12; level += 1) bomb = Array(10).fill(bomb)
  const circle: unknown[] = []
  circle.push(circle)
  let deep: unknown = 1
  for (let at = 0; at < LIMITS.configDepthMax + 1; at += 1) deep = [deep]
  for (const source of [{ a: bomb }, { a: circle }, { a: deep }]) {
    expect(() => fromLitellm(source, OPTIONS)).toThrow(SourceError)
    expect(() => fromOpenaiProxy(source, OPTIONS)).toThrow(SourceError)
  }
})
