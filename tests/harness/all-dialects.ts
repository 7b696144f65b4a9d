// The least request of each client protocol, and how its stream ends: well, and with an error. For tests that ask the same of all of
// them.

export interface ProtocolRequest {
  readonly path: string
  readonly body: object
}

export interface Protocol {
  readonly name: string
  ask(model: string, text: string, stream: boolean): ProtocolRequest
  /** In the text of a stream that ended well, and in no other. */
  readonly terminator: RegExp
  /** In the text of a stream that was broken off because this server stops. */
  readonly stopping: RegExp
  /** In the body of an error; by the code where the protocol has codes. */
  readonly overloaded: RegExp
  readonly overloadedStatus: number
}

const messages = (text: string) => [{ role: 'user', content: text }]
const STOPPING = 'This server is shutting down\\.'

export const PROTOCOLS: readonly Protocol[] = [
  {
    name: 'openai-chat',
    ask: (model, text, stream) => ({
      path: '/v1/chat/completions',
      body: { model, stream, messages: messages(text) },
    }),
    terminator: /data: \[DONE\]/,
    stopping: /^data: \{"error":\{.*"code":"server_shutting_down"/m,
    overloaded: /"code":"overloaded"/,
    overloadedStatus: 503,
  },
  {
    name: 'openai-responses',
    ask: (model, text, stream) => ({
      path: '/v1/responses',
      body: { model, stream, store: false, input: text },
    }),
    terminator: /response\.completed/,
    stopping: /"code":"server_shutting_down"/,
    overloaded: /"code":"overloaded"/,
    overloadedStatus: 503,
  },
  {
    name: 'anthropic',
    ask: (model, text, stream) => ({
      path: '/v1/messages',
      body: { model, stream, max_tokens: 50, messages: messages(text) },
    }),
    terminator: /message_stop/,
    stopping: new RegExp(`^event: error\\ndata: .*"overloaded_error".*${STOPPING}`, 'm'),
    overloaded: /"type":"overloaded_error"/,
    overloadedStatus: 529,
  },
  {
    name: 'ollama',
    ask: (model, text, stream) => ({
      path: '/api/chat',
      body: { model, stream, messages: messages(text) },
    }),
    terminator: /"done":true/,
    stopping: new RegExp(`^\\{"error":"${STOPPING}"`, 'm'),
    overloaded: /^\{"error":"This server is overloaded\."/,
    overloadedStatus: 503,
  },
  {
    name: 'gemini',
    ask: (model, text, stream) => ({
      path: `/v1beta/models/${model}:${stream ? 'streamGenerateContent?alt=sse' : 'generateContent'}`,
      body: { contents: [{ role: 'user', parts: [{ text }] }] },
    }),
    terminator: /"finishReason":"STOP"/,
    stopping: new RegExp(`"error":\\{.*${STOPPING}`),
    overloaded: /"status":"UNAVAILABLE"/,
    overloadedStatus: 503,
  },
  {
    name: 'cohere',
    ask: (model, text, stream) => ({
      path: '/v2/chat',
      body: { model, stream, messages: messages(text) },
    }),
    terminator: /"finish_reason":"COMPLETE"/,
    stopping: new RegExp(`"finish_reason":"ERROR".*${STOPPING}`),
    overloaded: /"message":"This server is overloaded\."/,
    overloadedStatus: 503,
  },
]

let counter = 0

/** Sends a request under an id of its own, on a connection of its own unless told otherwise. */
export async function send(
  url: string,
  request: ProtocolRequest,
  options: {
    readonly key?: string
    readonly signal?: AbortSignal
    readonly keepalive?: boolean
  } = {},
): Promise<{ readonly response: Response; readonly requestId: string }> {
  counter += 1
  const requestId = `all-${process.pid}-${counter}`
  const response = await fetch(`${url}${request.path}`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      'x-request-id': requestId,
      ...(options.key === undefined ? {} : { authorization: `Bearer ${options.key}` }),
    },
    body: JSON.stringify(request.body),
    keepalive: options.keepalive ?? false,
    ...(options.signal === undefined ? {} : { signal: options.signal }),
  })
  return { response, requestId }
}
