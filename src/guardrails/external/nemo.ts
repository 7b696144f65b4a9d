// NVIDIA NeMo Guardrails: its server's `POST /v1/checks` (0.24.1), which runs the input or output rails of one of its configurations and asks
// no model of its own beyond what those rails ask. It judges the last message alone, so every text is a question of its own.
// The older way over `/v1/chat/completions` is not used for checks: it would have the server's own model answer.

import type { Guard, GuardJudgement, GuardQuestion, GuardrailRule } from '../../core/guardrail.ts'
import { asObject, asString, type JsonObject, type JsonValue } from '../../core/json.ts'
import { LIMITS } from '../../core/limits.ts'
import type { Clock } from '../../core/ports.ts'
import { isOperators, OptionReader, wrong } from './options.ts'
import { categoryNames, eachAtOnce, lastUserText, textParts, type TextPart } from './parts.ts'
import { PassedTexts } from './passed-texts.ts'
import type { GuardServer, GuardServers } from './servers.ts'
import { unavailable, withinTime } from './unavailable.ts'

/** What its runtime says in place of an answer when one of its actions has failed; it comes with the status `blocked`. */
const INTERNAL_ERROR = "I'm sorry, an internal error has occurred."

const PART_CHARS = 100_000

interface Checked {
  readonly status: 'blocked' | 'passed' | 'modified'
  readonly content: string
  readonly rail: string | undefined
}

interface Asking {
  readonly server: GuardServer
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly guardrails: JsonObject
  readonly model: string
  readonly timeoutMs: number
  readonly partChars: number
  readonly passed: PassedTexts
}

/**
 * A guard that asks a NeMo Guardrails server.
 * @throws GatewayError `invalid_request` for options that cannot be used
 */
export function nemoGuard(rule: GuardrailRule, servers: GuardServers, clock: Clock): Guard {
  const read = new OptionReader(rule)
  const base = read.baseUrl('url').replace(/\/v1$/, '')
  const ids = read.texts('config_ids')
  const id = read.text('config_id')
  if (id !== undefined && ids !== undefined) throw wrong('config_ids', 'stands beside config_id')
  const key = read.text('key')
  const asking: Asking = {
    server: servers.at({
      url: base,
      isOperators: isOperators(rule),
      tenantId: rule.tenantId,
      own: read.network(),
    }),
    url: `${base}/v1/checks`,
    headers: key === undefined ? {} : { authorization: `Bearer ${key}` },
    guardrails: {
      ...(id === undefined ? {} : { config_id: id }),
      ...(ids === undefined ? {} : { config_ids: [...ids] }),
    },
    // Empty: the model of its configuration. Any other name replaces that one, and each name is loaded and kept by the server.
    model: read.text('model') ?? '',
    timeoutMs: rule.timeoutMs,
    partChars: read.partChars(PART_CHARS),
    passed: new PassedTexts(clock, read.rememberMs()),
  }
  return {
    rule,
    reversible: false,
    sees: 'piece',
    judge: (question) =>
      withinTime(rule, question, (signal) => judged(asking, { ...question, signal })),
  }
}

async function judged(asking: Asking, question: GuardQuestion): Promise<GuardJudgement> {
  const { partChars, passed } = asking
  // What is said of an answer depends on its question, and it comes but once.
  const remembers = question.stage !== 'output'
  const parts = textParts(question.texts, partChars).filter(
    ({ text }) => !remembers || !passed.has(text),
  )
  const results = await eachAtOnce(
    parts,
    (part) => checked(asking, question, part),
    ({ status }) => status === 'blocked',
  )
  if (remembers) {
    for (const [at, result] of results.entries()) {
      if (result?.status === 'passed') passed.add(parts[at]!.text)
    }
  }
  const blocked = results.find((result) => result?.status === 'blocked')
  if (blocked !== undefined) {
    return { hit: true, categories: categoryNames([blocked.rail ?? ''], 'blocked') }
  }
  const modified = results.flatMap((result, at) =>
    result?.status === 'modified' ? [{ part: parts[at]!, content: result.content }] : [],
  )
  if (modified.length === 0) return { hit: false, categories: [] }
  const judgement = { hit: true, categories: ['modified'] }
  // Of a text that was asked in parts it is not known where the changed ones belong.
  if (modified.some(({ part }) => !part.isWhole)) return judgement
  const rewritten = question.texts.map(({ text }) => text)
  for (const { content, part } of modified) rewritten[part.index] = content
  return { ...judgement, rewritten }
}

async function checked(
  { guardrails, headers, model, partChars, server, timeoutMs, url }: Asking,
  question: GuardQuestion,
  { text }: TextPart,
): Promise<Checked> {
  const { signal, stage } = question
  const isOutput = stage === 'output'
  const answer = await server.ask({
    url,
    headers,
    body: JSON.stringify({
      model,
      messages: isOutput
        ? [
            { role: 'user', content: lastUserText(question, partChars) ?? '' },
            { role: 'assistant', content: text },
          ]
        : [{ role: 'user', content: text }],
      guardrails: { ...guardrails, rail_types: [isOutput ? 'output' : 'input'] },
    }),
    timeoutMs,
    signal,
  })
  if (answer.status !== 200) throw unavailable(refusal(answer.status, answer.body))
  const result = readChecked(answer.body)
  if (result === undefined) throw unavailable('its answer is none of /v1/checks')
  if (result.content === INTERNAL_ERROR) throw unavailable('one of its rails failed')
  // Seen where a rail left no message behind.
  if (result.status === 'modified' && (result.content === 'None' || result.content === '')) {
    throw unavailable('it has lost the text that it was to judge')
  }
  return result
}

/** Why it refuses, in words of ours: its own may repeat paths of its machine and texts of the request. */
function refusal(status: number, body: JsonValue | undefined): string {
  const message = asString(asObject(asObject(body)?.['error'])?.['message']) ?? ''
  if (/has no configured rails/.test(message)) {
    return 'its configuration has no rails for this stage'
  }
  if (/^Invalid config path|Invalid config_id|No valid rails|configuration ids/.test(message)) {
    return 'it has no configuration of that id'
  }
  if (/No guardrails config_id/.test(message)) return 'it has no default configuration'
  if (/Colang 2/.test(message))
    return 'its configuration is written in Colang 2, which it cannot check'
  if (status === 404) return 'it has no /v1/checks: it is older than NeMo Guardrails 0.24, or none'
  return `it answered with status ${status}`
}

function readChecked(body: JsonValue | undefined): Checked | undefined {
  const object = asObject(body)
  const status = object?.['status']
  const content = asString(object?.['content'])
  if (status !== 'blocked' && status !== 'passed' && status !== 'modified') return undefined
  if (content === undefined || content.length > LIMITS.guardAnswerBytesMax) return undefined
  return { status, content, rail: asString(object?.['rail']) }
}
