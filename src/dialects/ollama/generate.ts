// `/api/generate` requests: one prompt with its images and at most one system text, as a completion in the IR. Its answers
// and streams differ from chat's only in where the text stands, so `response.ts` and `stream.ts` do both.

import { type Encoded, LossList } from '../../core/ir/loss.ts'
import type { Block, ChatRequest, Message } from '../../core/ir/request.ts'
import { type JsonObject, asString, optional } from '../../core/json.ts'
import type { EncodeTarget, RequestHints } from '../dialect.ts'
import { imageRefused, sortBlocks } from './encode-request.ts'
import { decodeStreamFlag } from './request.ts'
import { decodeSettings, encodeSettings } from './settings.ts'
import { GENERATE_REQUEST_MEMBERS, decodeImages, decodeModel, takeExtras } from './wire.ts'

const NOTHING: ReadonlySet<string> = new Set()

/**
 * Decodes the body of `/api/generate`: form `completion`, an optional system message and one user message. `context`,
 * `raw` and `template` are extras. Throws `invalid_request` naming `param`.
 */
export function decodeGenerateRequest(body: JsonObject, hints: RequestHints): ChatRequest {
  const messages: Message[] = []
  const system = optional(body, 'system', asString, 'a string') ?? ''
  if (system !== '') {
    messages.push({ role: 'system', content: [{ type: 'text', text: system }] })
  }
  const content: Block[] = decodeImages(body['images'], 'images')
  const prompt = optional(body, 'prompt', asString, 'a string') ?? ''
  if (prompt !== '') content.push({ type: 'text', text: prompt })
  messages.push({ role: 'user', content })
  const request: ChatRequest = {
    form: 'completion',
    model: decodeModel(body, hints),
    messages,
    stream: decodeStreamFlag(body),
    ...decodeSettings(body, GENERATE_REQUEST_MEMBERS),
  }
  const suffix = optional(body, 'suffix', asString, 'a string') ?? ''
  if (suffix !== '') request.suffix = suffix
  return request
}

/**
 * Encodes the body of `/api/generate`. A conversation of several turns becomes one prompt (loss `turns`); tools have no
 * place here. Throws GatewayError `unsupported` for an image that is not base64.
 */
export function encodeGenerateRequest(
  request: ChatRequest,
  target: EncodeTarget,
): Encoded<JsonObject> {
  const losses = new LossList()
  const settings = encodeSettings(request, target, GENERATE_REQUEST_MEMBERS, losses)
  if (request.tools !== undefined) losses.dropped('tools', 'tools')
  if (request.toolChoice !== undefined) losses.dropped('tool-choice', 'toolChoice')
  const { system, prompt, images } = encodePrompt(request.messages, losses)
  const value: JsonObject = {
    ...settings,
    model: target.model,
    prompt,
    stream: request.stream,
    ...(system === '' ? {} : { system }),
    ...(images.length === 0 ? {} : { images }),
    ...(request.suffix === undefined ? {} : { suffix: request.suffix }),
  }
  return { value, losses: losses.items }
}

interface Prompt {
  readonly system: string
  readonly prompt: string
  readonly images: string[]
}

function encodePrompt(messages: readonly Message[], losses: LossList): Prompt {
  const system: string[] = []
  const prompt: string[] = []
  const images: string[] = []
  let turns = 0
  messages.forEach((message, index) => {
    const path = `messages[${index}]`
    reportMessage(message, path, losses)
    const parts = sortBlocks(flatten(message.content), `${path}.content`, losses, {
      onImage: imageRefused,
      answer: false,
    })
    if (parts.thinking.length > 0) losses.dropped('thinking', path)
    if (parts.calls.length > 0) losses.dropped('tool-use', path)
    const isSystem = message.role === 'system' || message.role === 'developer'
    if (isSystem && index > 0) losses.adapted('system-position', path, 'joined')
    if (!isSystem) turns++
    if (parts.texts.length > 0) (isSystem ? system : prompt).push(parts.texts.join('\n\n'))
    images.push(...parts.images)
  })
  if (turns > 1) losses.adapted('turns', 'messages', 'one prompt')
  return { system: system.join('\n\n'), prompt: prompt.join('\n\n'), images }
}

function reportMessage(message: Message, path: string, losses: LossList): void {
  if (message.name !== undefined) losses.dropped('name', `${path}.name`)
  if (message.role === 'developer') losses.adapted('developer-role', `${path}.role`, 'system')
  if (message.role === 'assistant' || message.role === 'tool') {
    losses.adapted('role', `${path}.role`, 'prompt text')
  }
  const own = takeExtras(message.extras, NOTHING, `${path}.extras`, losses)
  for (const key of Object.keys(own))
    losses.dropped('unknown-field', `${path}.extras.ollama.${key}`)
}

/** Tool results give their content to the prompt; the loss `role` has told of it. */
function flatten(blocks: readonly Block[]): Block[] {
  return blocks.flatMap((block) => (block.type === 'tool-result' ? block.content : [block]))
}
