// Every dialect by its name: the one place that knows them all. Adding a protocol is a folder and a line here.

import type { DialectName } from '../core/ir/request.ts'
import { anthropic } from './anthropic/index.ts'
import type { Dialect } from './dialect.ts'
import { ollama } from './ollama/index.ts'
import { openaiChat } from './openai-chat/index.ts'
import { openaiCompletions } from './openai-completions/index.ts'
import { openaiEmbeddings } from './openai-embeddings/index.ts'

export const dialects: Readonly<Record<DialectName, Dialect>> = {
  'openai-chat': openaiChat,
  'openai-completions': openaiCompletions,
  'openai-embeddings': openaiEmbeddings,
  anthropic,
  ollama,
}
