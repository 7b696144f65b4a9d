// The wire names of OpenAI's legacy Completions: which members of a request have a word in the IR. Everything else is kept
// in `extras` under this dialect's own name.

export const DIALECT = 'openai-completions' as const

export const REQUEST_MEMBERS: ReadonlySet<string> = new Set([
  'model',
  'prompt',
  'suffix',
  'echo',
  'stream',
  'stream_options',
  'temperature',
  'top_p',
  'seed',
  'frequency_penalty',
  'presence_penalty',
  'max_tokens',
  'stop',
  'n',
  'logprobs',
  'user',
])
