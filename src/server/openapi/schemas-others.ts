// What the protocols of Anthropic, Ollama, Gemini and Cohere take and give, as far as a caller needs to know it. What is not named here
// travels on untouched where the provider speaks the same protocol, which `additionalProperties` says.

import {
  anything,
  either,
  integer,
  list,
  number,
  open,
  orNull,
  ref,
  text,
  truth,
  words,
  type Schema,
} from './json-schema.ts'

const BLOCKS = either(text(), list(open(['type'], { type: text(), text: text() })))

const ANTHROPIC_USAGE = open([], {
  input_tokens: integer(),
  output_tokens: integer(),
  cache_read_input_tokens: orNull(integer()),
  cache_creation_input_tokens: orNull(integer()),
})

const ANTHROPIC_INPUT = {
  model: text('An alias, or `provider/model`.'),
  messages: list(open(['role', 'content'], { role: words('user', 'assistant'), content: BLOCKS })),
  system: BLOCKS,
  tools: list(
    open(['name'], {
      name: text(),
      description: text(),
      input_schema: anything('JSON Schema of the input.'),
    }),
  ),
  tool_choice: open(['type'], { type: text() }),
  thinking: open(['type'], { type: text(), budget_tokens: integer() }),
}

const ANTHROPIC: Readonly<Record<string, Schema>> = {
  AnthropicRequest: open(['model', 'messages', 'max_tokens'], {
    ...ANTHROPIC_INPUT,
    max_tokens: integer(undefined, { minimum: 1 }),
    stream: truth('Answer in server-sent events.'),
    temperature: number(),
    top_p: number(),
    top_k: integer(),
    stop_sequences: list(text()),
    metadata: open([], { user_id: orNull(text()) }),
  }),
  AnthropicMessage: open(['id', 'type', 'role', 'content', 'model', 'stop_reason', 'usage'], {
    id: text(),
    type: words('message'),
    role: words('assistant'),
    content: list(open(['type'], { type: text(), text: text() })),
    model: text(),
    stop_reason: orNull(text('`end_turn`, `max_tokens`, `stop_sequence`, `tool_use`, …')),
    stop_sequence: orNull(text()),
    usage: ANTHROPIC_USAGE,
  }),
  AnthropicEvent: open(['type'], {
    type: text('`message_start`, `content_block_delta`, `message_stop`, …'),
  }),
  AnthropicCountRequest: open(['model', 'messages'], ANTHROPIC_INPUT),
  AnthropicCount: open(['input_tokens'], { input_tokens: integer() }),
  AnthropicModel: open(['type', 'id', 'display_name', 'created_at'], {
    type: words('model'),
    id: text(),
    display_name: text(),
    created_at: text(undefined, { format: 'date-time' }),
    max_input_tokens: integer('Where it is known.'),
  }),
  AnthropicModels: open(['data', 'has_more', 'first_id', 'last_id'], {
    data: list(ref('AnthropicModel')),
    has_more: truth(),
    first_id: orNull(text()),
    last_id: orNull(text()),
  }),
  AnthropicError: open(['type', 'error'], {
    type: words('error'),
    error: open(['type', 'message'], { type: text(), message: text('Words for people.') }),
    request_id: orNull(text()),
  }),
}

const OLLAMA_OPTIONS = {
  stream: truth('One JSON document a line; true unless said otherwise.'),
  options: open([], {
    temperature: number(),
    num_predict: integer(),
    top_p: number(),
    seed: integer(),
    stop: either(text(), list(text())),
  }),
  format: either(text('`json`'), open([], {})),
  think: either(truth(), text()),
  keep_alive: either(text(), number()),
}

const OLLAMA_STATS = {
  model: text(),
  created_at: text(),
  done: truth(),
  done_reason: text(),
  prompt_eval_count: integer(),
  eval_count: integer(),
  total_duration: integer('Nanoseconds.'),
}

const OLLAMA_MESSAGE = open(['role'], {
  role: words('system', 'user', 'assistant', 'tool'),
  content: text(),
  thinking: text(),
  images: list(text('Base64.')),
  tool_calls: list(open([], {})),
})

const OLLAMA_DETAILS = open([], { family: text(), format: text(), parameter_size: text() })

const OLLAMA: Readonly<Record<string, Schema>> = {
  OllamaChatRequest: open(['model'], {
    model: text('An alias, or `provider/model`.'),
    messages: list(OLLAMA_MESSAGE, 'None: the model is only loaded.'),
    tools: list(open([], {})),
    ...OLLAMA_OPTIONS,
  }),
  OllamaChatResponse: open(['model', 'created_at', 'message', 'done'], {
    ...OLLAMA_STATS,
    message: OLLAMA_MESSAGE,
  }),
  OllamaGenerateRequest: open(['model'], {
    model: text('An alias, or `provider/model`.'),
    prompt: text('None: the model is only loaded.'),
    suffix: text(),
    system: text(),
    images: list(text('Base64.')),
    raw: truth(),
    ...OLLAMA_OPTIONS,
  }),
  OllamaGenerateResponse: open(['model', 'created_at', 'response', 'done'], {
    ...OLLAMA_STATS,
    response: text(),
    thinking: text(),
  }),
  OllamaEmbedRequest: open(['model', 'input'], {
    model: text(),
    input: either(text(), list(text())),
    truncate: truth(),
    dimensions: integer(),
  }),
  OllamaEmbedResponse: open(['model', 'embeddings'], {
    model: text(),
    embeddings: list(list(number())),
    prompt_eval_count: integer(),
  }),
  OllamaEmbeddingsRequest: open(['model', 'prompt'], { model: text(), prompt: text() }),
  OllamaEmbeddingsResponse: open(['embedding'], { embedding: list(number()) }),
  OllamaModel: open(['name', 'model', 'digest', 'size', 'details'], {
    name: text(),
    model: text(),
    modified_at: text(),
    size: integer('0: nothing of it lies on this disk.'),
    digest: text(),
    details: OLLAMA_DETAILS,
  }),
  OllamaModels: open(['models'], { models: list(ref('OllamaModel')) }),
  OllamaShowRequest: open([], { model: text(), name: text('The older name of `model`.') }),
  OllamaShow: open(['details', 'model_info', 'capabilities'], {
    details: OLLAMA_DETAILS,
    model_info: open([], {}),
    capabilities: list(text()),
    modelfile: text(),
    parameters: text(),
    template: text(),
  }),
  OllamaVersion: open(['version'], { version: text() }),
  OllamaError: open(['error'], { error: text('Words for people.') }),
}

const GEMINI_CONTENT = open([], {
  role: text('`user` or `model`.'),
  parts: list(open([], { text: text() })),
})

const GEMINI_INPUT = {
  contents: list(GEMINI_CONTENT),
  systemInstruction: GEMINI_CONTENT,
  tools: list(open([], {})),
  toolConfig: open([], {}),
  generationConfig: open([], {
    temperature: number(),
    topP: number(),
    topK: number(),
    maxOutputTokens: integer(),
    stopSequences: list(text()),
    responseMimeType: text(),
  }),
}

const GEMINI: Readonly<Record<string, Schema>> = {
  GeminiRequest: open(['contents'], GEMINI_INPUT),
  GeminiResponse: open([], {
    candidates: list(open([], { content: GEMINI_CONTENT, finishReason: text(), index: integer() })),
    usageMetadata: open([], {
      promptTokenCount: integer(),
      candidatesTokenCount: integer(),
      totalTokenCount: integer(),
    }),
    modelVersion: text(),
    responseId: text(),
  }),
  GeminiCountRequest: open([], {
    contents: list(GEMINI_CONTENT),
    generateContentRequest: open([], GEMINI_INPUT),
  }),
  GeminiCount: open(['totalTokens'], { totalTokens: integer() }),
  GeminiEmbedRequest: open(['content'], {
    content: GEMINI_CONTENT,
    taskType: text(),
    outputDimensionality: integer(),
  }),
  GeminiEmbedResponse: open(['embedding'], {
    embedding: open(['values'], { values: list(number()) }),
  }),
  GeminiBatchEmbedRequest: open(['requests'], { requests: list(ref('GeminiEmbedRequest')) }),
  GeminiBatchEmbedResponse: open(['embeddings'], {
    embeddings: list(open(['values'], { values: list(number()) })),
  }),
  GeminiModel: open(['name', 'displayName', 'supportedGenerationMethods'], {
    name: text('`models/` and the name.'),
    version: text(),
    displayName: text(),
    inputTokenLimit: integer('Where it is known.'),
    supportedGenerationMethods: list(text()),
    thinking: truth(),
  }),
  GeminiModels: open(['models'], { models: list(ref('GeminiModel')) }),
  GeminiError: open(['error'], {
    error: open(['code', 'message', 'status'], {
      code: integer('The HTTP status.'),
      message: text('Words for people.'),
      status: text('`INVALID_ARGUMENT`, …'),
    }),
  }),
}

const COHERE: Readonly<Record<string, Schema>> = {
  CohereChatRequest: open(['model', 'messages'], {
    model: text('An alias, or `provider/model`.'),
    messages: list(
      open(['role'], { role: words('system', 'user', 'assistant', 'tool'), content: BLOCKS }),
    ),
    stream: truth('Answer in server-sent events.'),
    max_tokens: integer(),
    temperature: number(),
    p: number(),
    k: integer(),
    stop_sequences: list(text()),
    tools: list(open([], {})),
    response_format: open(['type'], { type: text() }),
  }),
  CohereChatResponse: open(['id', 'finish_reason', 'message'], {
    id: text(),
    finish_reason: text('`COMPLETE`, `MAX_TOKENS`, …'),
    message: open(['role'], { role: words('assistant'), content: list(open([], {})) }),
    usage: open([], {}),
  }),
  CohereEvent: open(['type'], { type: text('`message-start`, `content-delta`, `message-end`, …') }),
  CohereEmbedRequest: open(['model', 'input_type'], {
    model: text(),
    texts: list(text()),
    input_type: text('`search_document`, `search_query`, …'),
    embedding_types: list(text()),
    output_dimension: integer(),
  }),
  CohereEmbedResponse: open(['id', 'embeddings'], {
    id: text(),
    embeddings: open([], { float: list(list(number())) }),
    texts: list(text()),
  }),
  CohereError: open(['message'], { id: text(), message: text('Words for people.') }),
}

/** By the name they have as components. */
export const OTHER_SCHEMAS: Readonly<Record<string, Schema>> = {
  ...ANTHROPIC,
  ...OLLAMA,
  ...GEMINI,
  ...COHERE,
}
