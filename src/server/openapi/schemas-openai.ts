// What OpenAI's protocol takes and gives, as far as a caller needs to know it: the members that must be there and those that are common.
// What is not named here travels on untouched, which `additionalProperties` says.

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

const USAGE = open(['prompt_tokens', 'completion_tokens', 'total_tokens'], {
  prompt_tokens: integer(),
  completion_tokens: integer(),
  total_tokens: integer(),
  prompt_tokens_details: open([], { cached_tokens: integer() }),
  completion_tokens_details: open([], { reasoning_tokens: integer() }),
})

const TOOL_CALL = open(['id', 'type', 'function'], {
  id: text(),
  type: text(),
  function: open(['name', 'arguments'], { name: text(), arguments: text('JSON, as text.') }),
})

const FINISH = orNull(text('`stop`, `length`, `tool_calls`, `content_filter`.'))

const CHAT_OPTIONS = {
  stream: truth('Answer in server-sent events.'),
  temperature: orNull(number(undefined, { minimum: 0 })),
  top_p: orNull(number()),
  stop: orNull(either(text(), list(text()))),
  seed: orNull(integer()),
  n: orNull(integer('Answers; not every provider has more than one.', { minimum: 1 })),
  presence_penalty: orNull(number()),
  frequency_penalty: orNull(number()),
  user: text(),
  stream_options: orNull(open([], { include_usage: truth() })),
}

const CHAT: Readonly<Record<string, Schema>> = {
  OpenAIChatMessage: open(['role'], {
    role: words('system', 'developer', 'user', 'assistant', 'tool', 'function'),
    content: orNull(either(text(), list(open(['type'], { type: text(), text: text() })))),
    tool_calls: list(TOOL_CALL),
    tool_call_id: text(),
    name: text(),
  }),
  OpenAIChatRequest: open(['model', 'messages'], {
    model: text('An alias, or `provider/model`.'),
    messages: list(ref('OpenAIChatMessage')),
    max_completion_tokens: orNull(integer()),
    max_tokens: orNull(integer('The older name of `max_completion_tokens`.')),
    tools: list(
      open(['type', 'function'], {
        type: words('function'),
        function: open(['name'], {
          name: text(),
          description: text(),
          parameters: anything('JSON Schema of the arguments.'),
        }),
      }),
    ),
    tool_choice: either(words('none', 'auto', 'required'), open([], {})),
    parallel_tool_calls: truth(),
    response_format: open(['type'], {
      type: words('text', 'json_object', 'json_schema'),
      json_schema: open([], { name: text(), schema: anything('JSON Schema.'), strict: truth() }),
    }),
    reasoning_effort: orNull(text('`minimal`, `low`, `medium`, `high`.')),
    ...CHAT_OPTIONS,
  }),
  OpenAIChatResponse: open(['id', 'object', 'created', 'model', 'choices'], {
    id: text(),
    object: words('chat.completion'),
    created: integer('Unix seconds.'),
    model: text(),
    choices: list(
      open(['index', 'message', 'finish_reason'], {
        index: integer(),
        message: ref('OpenAIChatMessage'),
        finish_reason: FINISH,
      }),
    ),
    usage: USAGE,
  }),
  OpenAIChatChunk: open(['id', 'object', 'created', 'model', 'choices'], {
    id: text(),
    object: words('chat.completion.chunk'),
    created: integer('Unix seconds.'),
    model: text(),
    choices: list(
      open(['index', 'delta'], {
        index: integer(),
        delta: open([], { role: text(), content: orNull(text()), tool_calls: list(open([], {})) }),
        finish_reason: FINISH,
      }),
    ),
    usage: orNull(USAGE),
  }),
  OpenAICompletionRequest: open(['model', 'prompt'], {
    model: text('An alias, or `provider/model`.'),
    prompt: either(text(), list(text()), list(integer()), list(list(integer()))),
    max_tokens: orNull(integer()),
    suffix: orNull(text()),
    echo: orNull(truth()),
    ...CHAT_OPTIONS,
  }),
  OpenAICompletionResponse: open(['id', 'object', 'created', 'model', 'choices'], {
    id: text(),
    object: words('text_completion'),
    created: integer('Unix seconds.'),
    model: text(),
    choices: list(
      open(['index', 'text'], { index: integer(), text: text(), finish_reason: FINISH }),
    ),
    usage: USAGE,
  }),
  OpenAIEmbeddingRequest: open(['model', 'input'], {
    model: text(),
    input: either(text(), list(text()), list(integer()), list(list(integer()))),
    dimensions: integer(undefined, { minimum: 1 }),
    encoding_format: words('float', 'base64'),
  }),
  OpenAIEmbeddingResponse: open(['object', 'data', 'model'], {
    object: words('list'),
    data: list(
      open(['object', 'index', 'embedding'], {
        object: words('embedding'),
        index: integer(),
        embedding: either(list(number()), text('Base64 of little-endian floats.')),
      }),
    ),
    model: text(),
    usage: open(['prompt_tokens', 'total_tokens'], {
      prompt_tokens: integer(),
      total_tokens: integer(),
    }),
  }),
}

const RESPONSES: Readonly<Record<string, Schema>> = {
  OpenAIResponseRequest: open(['model'], {
    model: text('An alias, or `provider/model`.'),
    input: either(text(), list(open([], { type: text(), role: text() }))),
    instructions: orNull(text()),
    max_output_tokens: orNull(integer()),
    previous_response_id: orNull(text('An answer that was kept.')),
    store: orNull(truth('Whether the answer is kept; it is unless said otherwise.')),
    stream: orNull(truth('Answer in server-sent events.')),
    temperature: orNull(number()),
    top_p: orNull(number()),
    tools: list(open(['type'], { type: text(), name: text() })),
    tool_choice: either(text(), open([], {})),
    reasoning: orNull(open([], { effort: orNull(text()), summary: orNull(text()) })),
    text: open([], { format: open(['type'], { type: text() }) }),
    metadata: orNull(open([], {})),
  }),
  OpenAIResponse: open(['id', 'object', 'status', 'output'], {
    id: text(),
    object: words('response'),
    created_at: number('Unix seconds.'),
    status: text('`completed`, `incomplete`, `failed`, `cancelled`, `in_progress`, `queued`.'),
    model: text(),
    output: list(open(['type'], { type: text(), id: text(), status: text() })),
    usage: orNull(
      open(['input_tokens', 'output_tokens', 'total_tokens'], {
        input_tokens: integer(),
        output_tokens: integer(),
        total_tokens: integer(),
      }),
    ),
    error: orNull(open([], {})),
    previous_response_id: orNull(text()),
  }),
  OpenAIResponseEvent: open(['type'], {
    type: text('`response.created`, `response.output_text.delta`, `response.completed`, …'),
    sequence_number: integer(),
  }),
  OpenAIInputTokens: open(['object', 'input_tokens'], {
    object: words('response.input_tokens'),
    input_tokens: integer(),
  }),
  OpenAIInputItems: open(['object', 'data', 'has_more'], {
    object: words('list'),
    data: list(open([], {})),
    first_id: orNull(text()),
    last_id: orNull(text()),
    has_more: truth(),
  }),
  OpenAIDeleted: open(['id', 'deleted'], { id: text(), object: text(), deleted: truth() }),
}

const OBJECTS: Readonly<Record<string, Schema>> = {
  OpenAIFile: open(['id', 'object'], {
    id: text(),
    object: words('file'),
    bytes: integer(),
    created_at: integer('Unix seconds.'),
    filename: text(),
    purpose: text(),
  }),
  OpenAIFiles: open(['object', 'data'], { object: words('list'), data: list(ref('OpenAIFile')) }),
  OpenAIBatchRequest: open(['input_file_id', 'endpoint', 'completion_window'], {
    input_file_id: text('A file that was sent here before.'),
    endpoint: text('`/v1/chat/completions`, …'),
    completion_window: text('`24h`'),
    metadata: orNull(open([], {})),
  }),
  OpenAIBatch: open(['id', 'object', 'status'], {
    id: text(),
    object: words('batch'),
    endpoint: text(),
    input_file_id: text(),
    output_file_id: orNull(text()),
    status: text(),
  }),
  OpenAIBatches: open(['object', 'data'], {
    object: words('list'),
    data: list(ref('OpenAIBatch')),
    has_more: truth(),
  }),
  OpenAIModel: open(['id', 'object', 'created', 'owned_by'], {
    id: text(),
    object: words('model'),
    created: integer('Unix seconds; 0 where it is not known.'),
    owned_by: text('The provider.'),
    context_window: integer('In tokens, where it is known.'),
    capabilities: list(text()),
  }),
  OpenAIModels: open(['object', 'data'], {
    object: words('list'),
    data: list(ref('OpenAIModel')),
  }),
}

const RELAYED: Readonly<Record<string, Schema>> = {
  ImageRequest: open(['prompt'], {
    model: text(),
    prompt: text(),
    n: orNull(integer(undefined, { minimum: 1 })),
    size: orNull(text('`1024x1024`')),
    response_format: orNull(words('url', 'b64_json')),
  }),
  ImageForm: open(['image'], {
    image: text(undefined, { contentMediaType: 'application/octet-stream' }),
    model: text(),
    prompt: text(),
    n: integer(undefined, { minimum: 1 }),
    size: text(),
  }),
  Images: open(['data'], {
    created: integer('Unix seconds.'),
    data: list(open([], { url: text(), b64_json: text(), revised_prompt: text() })),
  }),
  AudioForm: open(['file', 'model'], {
    file: text(undefined, { contentMediaType: 'application/octet-stream' }),
    model: text(),
    language: text(),
    prompt: text(),
    response_format: text('`json`, `text`, `srt`, `verbose_json`, `vtt`'),
    temperature: number(),
  }),
  Transcription: open([], { text: text() }),
  SpeechRequest: open(['model', 'input'], {
    model: text(),
    input: text(),
    voice: either(text(), open([], {})),
    response_format: text('`mp3`, `opus`, `wav`, …'),
    speed: number(),
  }),
  ModerationRequest: open(['input'], {
    model: text(),
    input: either(text(), list(either(text(), open([], {})))),
  }),
  Moderation: open(['results'], {
    id: text(),
    model: text(),
    results: list(open([], { flagged: truth() })),
  }),
  RerankRequest: open(['model', 'query', 'documents'], {
    model: text(),
    query: text(),
    documents: list(either(text(), open([], { text: text() }))),
    top_n: integer(undefined, { minimum: 1 }),
  }),
  Rerank: open(['results'], {
    id: text(),
    results: list(
      open(['index', 'relevance_score'], { index: integer(), relevance_score: number() }),
    ),
  }),
}

const ERROR: Readonly<Record<string, Schema>> = {
  OpenAIError: open(['error'], {
    error: open(['message', 'type', 'param', 'code'], {
      message: text('Words for people.'),
      type: text(),
      param: orNull(text('The member that is wrong.')),
      code: orNull(text('Stable; programs act upon it.')),
    }),
  }),
}

/** By the name they have as components. */
export const OPENAI_SCHEMAS: Readonly<Record<string, Schema>> = {
  ...CHAT,
  ...RESPONSES,
  ...OBJECTS,
  ...RELAYED,
  ...ERROR,
}
