// What a raw request is, as far as it can be told from its path: which dialect its answer is in, whether it asks a model, and
// every model it names. A key that is held to some models is judged by this, so what is not known here names none.

import type { DialectName } from '../../core/ir/request.ts'
import { asString, type JsonObject } from '../../core/json.ts'
import { percentDecoded } from '../../core/percent.ts'
import type { RawAsked } from '../admit.ts'
import { namedBeside } from '../named-models.ts'
import type { FormFields } from './multipart-scanner.ts'

export interface ProxyShape {
  /** The dialect of the answer, where it is an answer of one. */
  readonly dialect?: DialectName
  /** What is asked of a model, where the path tells and it is paid by tokens. */
  readonly operation?: RawAsked['operation']
  /** The path asks a model for something, and does nothing else. */
  readonly asksModel: boolean
  /** The model in the path. */
  readonly modelInPath?: string
}

const MODEL_PATHS: readonly (readonly [RegExp, DialectName | undefined, RawAsked['operation']?])[] =
  [
    [/\/chat\/completions$/, 'openai-chat', 'chat'],
    // Before OpenAI's: its path ends as theirs does.
    [/\/api\/(?:embed|embeddings)$/, 'ollama', 'embedding'],
    [/\/completions$/, 'openai-completions', 'completion'],
    [/\/responses$/, 'openai-responses', 'chat'],
    [/\/embeddings$/, 'openai-embeddings', 'embedding'],
    [/\/v1\/messages$/, 'anthropic', 'chat'],
    [/\/v1\/messages\/count_tokens$/, 'anthropic', 'token-count'],
    [/\/api\/(?:chat|generate)$/, 'ollama', 'chat'],
    [/\/v2\/chat$/, 'cohere', 'chat'],
    [/\/v2\/embed$/, 'cohere', 'embedding'],
    [/\/(?:v1\/|v2\/)?rerank$/, undefined, 'rerank'],
    [/\/moderations$/, undefined, 'moderation'],
    [/\/images\/(?:generations|edits|variations)$/, undefined],
    [/\/audio\/(?:transcriptions|translations|speech)$/, undefined],
    [/\/responses\/compact$/, undefined],
  ]

const GEMINI =
  /\/models\/([^/:]+):(generateContent|streamGenerateContent|countTokens|embedContent|batchEmbedContents)$/
const DEPLOYMENT = /\/deployments\/([^/]+)\//

/**
 * @param path of the whole target URL
 * @param method of the request; only a POST asks a model
 */
export function proxyShape(path: string, method: string): ProxyShape {
  const plain = path.replace(/\/+$/, '')
  const gemini = GEMINI.exec(plain)
  if (gemini !== null) {
    const modelInPath = percentDecoded(gemini[1]!)
    const asked = { operation: geminiOperation(gemini[2]!), asksModel: true } as const
    return {
      dialect: 'gemini',
      ...(method === 'POST' ? asked : { asksModel: false }),
      modelInPath,
    }
  }
  const known = MODEL_PATHS.find(([pattern]) => pattern.test(plain))
  const deployment = DEPLOYMENT.exec(plain)?.[1]
  return {
    ...(known?.[1] === undefined ? {} : { dialect: known[1] }),
    ...(known?.[2] === undefined || method !== 'POST' ? {} : { operation: known[2] }),
    asksModel: method === 'POST' && known !== undefined,
    ...(deployment === undefined ? {} : { modelInPath: percentDecoded(deployment) }),
  }
}

/**
 * Every model that a request may be answered by; empty where that cannot be told, which only one who may use the whole
 * provider may ask.
 */
export function modelsNamed(
  shape: ProxyShape,
  body: JsonObject | undefined,
  fields: FormFields | undefined,
): string[] {
  if (!shape.asksModel) return []
  const names = new Set<string>()
  if (shape.modelInPath !== undefined) names.add(shape.modelInPath)
  const named = asString(body?.['model']) ?? fields?.get('model')?.value
  if (named !== undefined) names.add(shape.dialect === 'gemini' ? bareGemini(named) : named)
  const beside = namedBeside(body ?? {}, named ?? '')
  if (beside.open !== undefined) return []
  for (const { name } of beside.names) names.add(name)
  return [...names]
}

/** The model to name in the log, where one is named. */
export function modelShown(shape: ProxyShape, named: readonly string[], body?: JsonObject): string {
  return shape.modelInPath ?? named[0] ?? asString(body?.['model']) ?? ''
}

function geminiOperation(method: string): RawAsked['operation'] {
  if (method === 'countTokens') return 'token-count'
  return method.toLowerCase().includes('embed') ? 'embedding' : 'chat'
}

function bareGemini(name: string): string {
  return name.replace(/^models\//, '')
}
