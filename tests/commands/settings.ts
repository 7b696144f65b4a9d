// What a page's commands take for granted, page by page: a configuration beside the usual one, variables that the reader has set, files
// that the reader has. Whatever stands here is what the page itself must tell the reader to have.

export interface PageSettings {
  /** Sections of `weir.yaml` beside providers and discovery. */
  readonly config?: Readonly<Record<string, unknown>>
  readonly env?: Readonly<Record<string, string>>
  /** Of the working folder. */
  readonly files?: Readonly<Record<string, string>>
  /** Run before the page's own, in the same shell: what the reader did before this page. */
  readonly before?: string
  /** An empty database, told as `WEIR_DATABASE_URL`. */
  readonly postgres?: true
  /** The archive of a release, with its sums, as somebody downloaded it. */
  readonly archive?: true
  /** Parts of the repository that the page names, copied into the working folder. */
  readonly copies?: readonly string[]
}

/** Where the provider of these tests listens. */
export const PROVIDER_PORT = 18_080

const ANN = "printf 'a long password of hers' | weir users create ann@example.com"

const HELLO = {
  id: 'fast',
  targets: [{ provider: 'openai', model: 'gpt-5-mini' }],
  price: { input: 1, output: 2 },
}

export const SETTINGS: Readonly<Record<string, PageSettings>> = {
  'docs/authorization.md': { before: ANN },
  'docs/budgets.md': {
    config: { models: [HELLO], budgets: [{ per: 'tenant', usd: 50, window: 'month' }] },
    files: { 'costs.csv': 'date,model,cost\n2026-11-01,gpt-5-mini,0\n' },
    before: [
      `curl http://127.0.0.1:9347/v1/chat/completions -H 'content-type: application/json' -d '{"model": "fast", "messages": [{"role": "user", "content": "Hi"}]}'`,
      'sleep 1; weir budgets list --json > budgets.json',
      'BUDGET=$(jq -r ".[0].id" budgets.json) SUBJECT=$(jq -r ".[0].accounts[0].subject" budgets.json)',
    ].join('\n'),
  },
  'docs/content-and-retention.md': {
    before: [
      ANN,
      'USER_ID=$(weir users list --json | jq -r ".[0].id")',
      'HOLD_ID=$(weir holds create user "$USER_ID" --reason "an older case" | grep -oE "[0-9a-f-]{36}")',
    ].join('\n'),
  },
  'docs/feature-flags.md': {
    before: [
      'weir tenants create acme',
      'WEIR_KEY=$(weir keys create flags)',
      'weir assign owner to key:flags at /',
      'sleep 1',
    ].join('\n'),
  },
  'docs/guardrails.md': {
    config: {
      guardrails: [
        { id: 'no-projects', check: 'words', words: ['Falcon'], mode: 'flag', stages: ['output'] },
      ],
    },
  },
  'docs/containers.md': { copies: ['deploy'], env: { OPENAI_API_KEY: 'sk-example-0123456789' } },
  'docs/desktop.md': {
    env: { FEED: `http://127.0.0.1:${PROVIDER_PORT}/feed` },
    files: { weir: 'what was unpacked' },
  },
  'docs/install.md': { archive: true },
  'docs/kubernetes.md': { copies: ['deploy'], env: { OPENAI_API_KEY: 'sk-example-0123456789' } },
  'docs/keycloak.md': { config: { models: [HELLO] }, env: { SECRET: 'client-secret' } },
  'docs/entra-id.md': {
    env: { TENANT: '8f6e…', JOB: 'job', SECRET: 'client-secret', WEIR: 'weir' },
  },
  'docs/operations.md': {
    before: 'export WEIR_KEY=$(weir keys create operations); sleep 1',
    files: { 'talk.mp3': 'no sound', 'lines.jsonl': '{}\n' },
  },
  'docs/team.md': { postgres: true },
  'docs/upgrading.md': { postgres: true },
}
