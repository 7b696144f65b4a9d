// The documentation of the data plane's other routes: lists of models, kept answers, files and batches, pictures and speech, and raw
// requests to one provider.

import type { JsonObject } from '../../core/json.ts'
import { either, ref, text, type Schema } from './json-schema.ts'
import { modelErrors, tagOf } from './model-docs.ts'
import { json, shared, type BodyDoc, type MediaDoc, type RouteDoc } from './operation.ts'

const OPENAI = ['/v1', '/openai/v1']
const DEPLOYMENTS = ['/openai/deployments/:model', '/openai/deployments/:model/:rest']
const OBJECTS = [...OPENAI, '/openai']

type Docs = Map<string, RouteDoc[]>

const BYTES: Readonly<Record<string, MediaDoc>> = {
  'application/octet-stream': { schema: { type: 'string', format: 'binary' } },
}

/** All of them, by method and path as they are registered. */
export function relayedDocs(): Docs {
  const docs: Docs = new Map()
  addLists(docs)
  addKept(docs)
  addObjects(docs)
  addRelayed(docs)
  addProxy(docs)
  return docs
}

function openaiDoc(
  path: string,
  doc: Pick<RouteDoc, 'summary' | 'answers'> & Partial<RouteDoc>,
): RouteDoc {
  return { tag: tagOf(path, 'openai-chat'), dialect: 'openai-chat', isTwin: true, ...doc }
}

function answer(schema: Schema, description = 'The answer.'): RouteDoc['answers'] {
  return { 200: { description, content: json(schema) } }
}

const MODEL_IN_PATH: JsonObject = {
  name: 'model',
  in: 'path',
  required: true,
  description: 'Its name, whose slashes may be escaped.',
  schema: { type: 'string' },
  example: 'mock/echo',
}

function addLists(docs: Docs): void {
  const list = (base: string, all: Schema, one: Schema, more: Partial<RouteDoc>) => {
    docs.set(`GET ${base}/models`, [
      openaiDoc(base, {
        summary: 'Models',
        answers: answer(all, 'Those that one may ask.'),
        ...more,
      }),
    ])
    docs.set(`GET ${base}/models/*`, [
      openaiDoc(base, {
        summary: 'One model',
        path: `${base}/models/:model`,
        answers: answer(one),
        errors: [404],
        ...more,
        parameters: [MODEL_IN_PATH, ...(more.parameters ?? [])],
      }),
    ])
  }
  const version: JsonObject = {
    name: 'anthropic-version',
    in: 'header',
    description: 'Of Anthropic’s clients, who get their own shape.',
    schema: { type: 'string' },
  }
  const anthropic = { all: ref('AnthropicModels'), one: ref('AnthropicModel') }
  for (const base of OBJECTS) {
    list(
      base,
      either(ref('OpenAIModels'), anthropic.all),
      either(ref('OpenAIModel'), anthropic.one),
      {
        parameters: [version],
        dialect: 'asked',
      },
    )
  }
  list('/anthropic/v1', anthropic.all, anthropic.one, { tag: 'Anthropic', dialect: 'anthropic' })
  for (const base of ['/v1beta', '/v1alpha']) {
    list(base, ref('GeminiModels'), ref('GeminiModel'), { tag: 'Gemini', dialect: 'gemini' })
  }
  const ollama = (path: string, summary: string, schema: Schema) =>
    docs.set(`GET ${path}`, [
      { tag: 'Ollama', summary, dialect: 'ollama', isTwin: true, answers: answer(schema) },
    ])
  ollama('/api/tags', 'Models', ref('OllamaModels'))
  ollama('/api/ps', 'Models that are loaded: all of them, always', ref('OllamaModels'))
  ollama('/api/version', 'The version of Ollama that this speaks as', ref('OllamaVersion'))
  docs.set('POST /api/show', [
    {
      tag: 'Ollama',
      summary: 'One model',
      dialect: 'ollama',
      isTwin: true,
      body: { required: true, content: json(ref('OllamaShowRequest'), { model: 'mock/echo' }) },
      answers: answer(ref('OllamaShow')),
      errors: [404, 408, 413, 415],
    },
  ])
}

const KEPT_ERRORS = [404, 408, 429, 500, 502, 504]

function addKept(docs: Docs): void {
  for (const base of OBJECTS) {
    const one = `${base}/responses/:id`
    const doc = (summary: string, schema: Schema) => [
      openaiDoc(base, { summary, answers: answer(schema), errors: KEPT_ERRORS }),
    ]
    docs.set(`GET ${one}`, doc('A kept answer', ref('OpenAIResponse')))
    docs.set(`DELETE ${one}`, doc('Forget a kept answer', ref('OpenAIDeleted')))
    docs.set(`GET ${one}/input_items`, doc('What a kept answer was asked', ref('OpenAIInputItems')))
    docs.set(`POST ${one}/cancel`, doc('Stop an answer in the background', ref('OpenAIResponse')))
  }
}

const PROVIDER: readonly JsonObject[] = [
  {
    name: 'x-weir-provider',
    in: 'header',
    description: 'The provider that keeps it, where more than one could.',
    schema: { type: 'string' },
  },
  {
    name: 'provider',
    in: 'query',
    description: 'The same, for clients that cannot set a header.',
    schema: { type: 'string' },
  },
]

function addObjects(docs: Docs): void {
  for (const base of OBJECTS) {
    const set = (
      route: string,
      summary: string,
      content: Readonly<Record<string, MediaDoc>>,
      body?: BodyDoc,
    ) =>
      docs.set(route.replace(' ', ` ${base}`), [
        openaiDoc(base, {
          summary,
          parameters: PROVIDER,
          ...(body === undefined ? {} : { body }),
          answers: { 200: { description: 'The answer.', content } },
          errors: modelErrors('openai-chat'),
        }),
      ])
    const form: BodyDoc = {
      required: true,
      content: {
        'multipart/form-data': {
          schema: {
            type: 'object',
            required: ['file', 'purpose'],
            properties: {
              file: { type: 'string', contentMediaType: 'application/octet-stream' },
              purpose: text('`batch`, `assistants`, …'),
            },
          },
        },
      },
    }
    const batch: BodyDoc = { required: true, content: json(ref('OpenAIBatchRequest')) }
    set('POST /files', 'Keep a file at a provider', json(ref('OpenAIFile')), form)
    set('GET /files', 'One’s own files', json(ref('OpenAIFiles')))
    set('GET /files/:id', 'A file', json(ref('OpenAIFile')))
    set('DELETE /files/:id', 'Delete a file', json(ref('OpenAIDeleted')))
    set('GET /files/:id/content', 'What is in a file', BYTES)
    set('POST /batches', 'Begin a batch', json(ref('OpenAIBatch')), batch)
    set('GET /batches', 'One’s own batches', json(ref('OpenAIBatches')))
    set('GET /batches/:id', 'A batch', json(ref('OpenAIBatch')))
    set('POST /batches/:id/cancel', 'Stop a batch', json(ref('OpenAIBatch')))
  }
}

const IMAGES = json(ref('Images'))
const WORDS = { ...json(ref('Transcription')), 'text/plain': { schema: { type: 'string' } } }

function addRelayed(docs: Docs): void {
  const set = (
    bases: readonly string[],
    path: string,
    summary: string,
    body: Readonly<Record<string, MediaDoc>>,
    content: Readonly<Record<string, MediaDoc>>,
  ) => {
    for (const base of bases) {
      docs.set(`POST ${base}${path}`, [
        openaiDoc(base, {
          summary,
          description: 'Handed on to a provider that speaks the same protocol.',
          parameters: [shared('parameters', 'PinnedTarget')],
          body: { required: true, content: body },
          answers: { 200: { description: 'The answer.', content } },
          errors: modelErrors('openai-chat'),
        }),
      ])
    }
  }
  const form = (name: string) => ({ 'multipart/form-data': { schema: ref(name) } })
  const deployed = [...OPENAI, ...DEPLOYMENTS]
  set(deployed, '/images/generations', 'Make images', json(ref('ImageRequest')), IMAGES)
  set(
    deployed,
    '/images/edits',
    'Edit images',
    { ...form('ImageForm'), ...json(ref('ImageRequest')) },
    IMAGES,
  )
  set(deployed, '/audio/transcriptions', 'Transcribe speech', form('AudioForm'), WORDS)
  set(deployed, '/audio/translations', 'Translate speech', form('AudioForm'), WORDS)
  set(deployed, '/audio/speech', 'Speak', json(ref('SpeechRequest')), BYTES)
  set(OPENAI, '/images/variations', 'Vary an image', form('ImageForm'), IMAGES)
  set(OPENAI, '/moderations', 'Moderate', json(ref('ModerationRequest')), json(ref('Moderation')))
  set(OPENAI, '/rerank', 'Rank documents', json(ref('RerankRequest')), json(ref('Rerank')))
  set(
    OPENAI,
    '/responses/compact',
    'Compact a conversation',
    json(ref('OpenAIResponseRequest')),
    json(ref('OpenAIResponse')),
  )
  set([''], '/v2/rerank', 'Cohere: rank documents', json(ref('RerankRequest')), json(ref('Rerank')))
  const [cohere] = docs.get('POST /v2/rerank') ?? []
  if (cohere !== undefined) {
    docs.set('POST /v2/rerank', [{ ...cohere, tag: 'Cohere', dialect: 'cohere' }])
  }
}

function addProxy(docs: Docs): void {
  for (const method of ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE']) {
    for (const path of ['/proxy/:provider', '/proxy/:provider/*']) {
      const hasBody = method !== 'GET' && method !== 'HEAD'
      docs.set(`${method} ${path}`, [
        {
          tag: 'Raw requests',
          summary: 'To one provider, as it is',
          description:
            'Whatever the provider’s own API has: path, query and body travel as they are, under its credential.',
          dialect: 'openai-chat',
          isTwin: true,
          ...(path.endsWith('*')
            ? { path: '/proxy/:provider/:path', parameters: [REST_OF_PATH] }
            : {}),
          ...(hasBody ? { body: { required: false, content: { '*/*': { schema: {} } } } } : {}),
          answers: {
            200: {
              description: 'What the provider answers, under its own status.',
              content: ANYTHING,
            },
          },
          errors: modelErrors('openai-chat'),
        },
      ])
    }
  }
}

const ANYTHING: Readonly<Record<string, MediaDoc>> = { '*/*': { schema: {} } }

const REST_OF_PATH: JsonObject = {
  name: 'path',
  in: 'path',
  required: true,
  description: 'The rest of the path; it may hold slashes.',
  schema: { type: 'string' },
}
