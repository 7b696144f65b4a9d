// The data plane as one table: path, protocol and operation of every route that reaches a model. The server registers each as it
// stands and under `/k/{key}`; who may ask it is in `route-actions.ts`.

import type { DialectName, Operation } from '../dialects/dialect.ts'

export interface ModelRoute {
  /** Elysia path pattern; `:model` and `*` name the model in the path. */
  readonly path: string
  readonly dialect: DialectName
  readonly operation: Operation
  readonly streamByDefault?: boolean
  readonly legacy?: boolean
  readonly batch?: boolean
  readonly summary: string
}

function openai(prefix: string, where: string): ModelRoute[] {
  return [
    route(`${prefix}/chat/completions`, 'openai-chat', 'chat', `${where}: chat completion`),
    route(
      `${prefix}/completions`,
      'openai-completions',
      'completion',
      `${where}: legacy completion`,
    ),
    route(`${prefix}/embeddings`, 'openai-embeddings', 'embedding', `${where}: embeddings`),
  ]
}

function responses(prefix: string, where: string): ModelRoute[] {
  return [
    route(`${prefix}/responses`, 'openai-responses', 'chat', `${where}: response`),
    route(
      `${prefix}/responses/input_tokens`,
      'openai-responses',
      'token-count',
      `${where}: count input tokens`,
    ),
  ]
}

function route(
  path: string,
  dialect: DialectName,
  operation: Operation,
  summary: string,
  more: Partial<ModelRoute> = {},
): ModelRoute {
  return { path, dialect, operation, summary, ...more }
}

/** Every route that asks a model for something, but Gemini's (`geminiRoute`). */
export const MODEL_ROUTES: readonly ModelRoute[] = [
  ...openai('/v1', 'OpenAI'),
  ...openai('/openai/v1', 'Azure OpenAI, newer paths'),
  ...openai('/openai/deployments/:model', 'Azure OpenAI, deployment paths'),
  // A deployment name cannot hold a slash at Azure; here it may be `provider/model`, which clients send unescaped.
  ...openai('/openai/deployments/:model/:rest', 'Azure OpenAI, deployment of one provider'),
  ...responses('/v1', 'OpenAI'),
  ...responses('/openai/v1', 'Azure OpenAI, newer paths'),
  ...responses('/openai', 'Azure OpenAI, dated versions'),
  route('/v1/messages', 'anthropic', 'chat', 'Anthropic: messages'),
  route('/anthropic/v1/messages', 'anthropic', 'chat', 'Anthropic: messages'),
  ...['/v1/messages/count_tokens', '/anthropic/v1/messages/count_tokens'].map((path) =>
    route(path, 'anthropic', 'token-count', 'Anthropic: count input tokens'),
  ),
  route('/api/chat', 'ollama', 'chat', 'Ollama: chat', { streamByDefault: true }),
  route('/api/generate', 'ollama', 'completion', 'Ollama: generate', { streamByDefault: true }),
  route('/api/embed', 'ollama', 'embedding', 'Ollama: embed'),
  route('/api/embeddings', 'ollama', 'embedding', 'Ollama: embeddings, older form', {
    legacy: true,
  }),
  route('/v2/chat', 'cohere', 'chat', 'Cohere: chat'),
  route('/v2/embed', 'cohere', 'embedding', 'Cohere: embed'),
]

/**
 * Where Gemini's clients ask; all are one protocol. The AI SDK leaves `models/` out before a name with a slash in it, which
 * under `/v1` could be anybody's path.
 */
export const GEMINI_PREFIXES = ['/v1beta', '/v1alpha', '/v1/models'] as const

const GEMINI_METHODS: Readonly<Record<string, ModelRoute>> = {
  generateContent: route('', 'gemini', 'chat', 'Gemini: generate'),
  streamGenerateContent: route('', 'gemini', 'chat', 'Gemini: generate, streamed', {
    streamByDefault: true,
  }),
  countTokens: route('', 'gemini', 'token-count', 'Gemini: count input tokens'),
  embedContent: route('', 'gemini', 'embedding', 'Gemini: embed one content'),
  batchEmbedContents: route('', 'gemini', 'embedding', 'Gemini: embed several contents', {
    batch: true,
  }),
}

/**
 * Gemini puts the method behind the model, after a colon, and model names may hold slashes and colons: so one wildcard route
 * is told apart here.
 * @param prefix one of `GEMINI_PREFIXES`
 * @param rest what follows the prefix, its escapes undone
 */
export function geminiRoute(
  prefix: string,
  rest: string,
): { route: ModelRoute; model: string } | undefined {
  const colon = rest.lastIndexOf(':')
  const method = rest.slice(colon + 1)
  const known = Object.hasOwn(GEMINI_METHODS, method) ? GEMINI_METHODS[method] : undefined
  if (colon <= 0 || known === undefined) return undefined
  const model = rest.slice(0, colon).replace(/^models\//, '')
  if (model === '') return undefined
  const path = `${prefix.replace(/\/models$/, '')}/models/{model}:${method}`
  return { route: { ...known, path }, model }
}

/** The protocol whose error shape a caller of this path expects. */
export function dialectOfPath(path: string, headers: Headers): DialectName {
  const bare = path.replace(/^\/k\/[^/]*/, '')
  if (bare.startsWith('/api/')) return 'ollama'
  if (bare.startsWith('/v2/')) return 'cohere'
  if (/^\/v1(beta|alpha)\/|^\/v1\/models\/[^/].*:\w+$/.test(bare)) return 'gemini'
  if (bare.startsWith('/anthropic/') || bare.startsWith('/v1/messages')) return 'anthropic'
  return headers.has('anthropic-version') ? 'anthropic' : 'openai-chat'
}
