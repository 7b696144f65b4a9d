// The parts of `docs/errors.md` that are made from the code: how each protocol shows one error, the contract of every kind, and what each
// code means. They stand there between marks; what is around them is written by hand.

import { ERROR_KINDS, type ErrorKind, type ErrorKindInfo, GatewayError } from '../core/error.ts'
import type { DialectName } from '../core/ir/request.ts'
import { asObject, asString } from '../core/json.ts'
import { dialects } from '../dialects/registry.ts'
import { CODE_TEXTS, type ErrorPlace, NOT_FOUND } from './error-code-texts.ts'
import { KIND_TEXTS } from './error-texts.ts'
import { withPart } from './part.ts'

/** Of the examples. */
export const REQUEST_ID = 'req_019f'

const PROTOCOLS: readonly (readonly [title: string, DialectName])[] = [
  ['OpenAI Chat Completions, Completions, Embeddings', 'openai-chat'],
  ['OpenAI Responses', 'openai-responses'],
  ['Anthropic', 'anthropic'],
  ['Gemini', 'gemini'],
  ['Cohere', 'cohere'],
  ['Ollama', 'ollama'],
]

const PLACES: Readonly<Record<ErrorPlace, string>> = {
  models: 'Of model requests',
  admin: 'Of the management API',
  login: 'Of logins and sessions',
}

/** The page with what the code says now. @throws RangeError where a mark is missing */
export function withErrorTables(page: string): string {
  const parts = { shapes: shapes(), contract: contract(), kinds: kindSections(), codes: codes() }
  return Object.entries(parts).reduce((text, [name, part]) => withPart(text, name, part), page)
}

/** Kinds in the order of the page. */
export const KINDS = Object.keys(KIND_TEXTS) as ErrorKind[]

function shapes(): string {
  const error = new GatewayError('model_not_found', { param: 'model' })
  const whole = PROTOCOLS.map(([title, name]) => {
    const { errors } = dialects[name]
    const body = JSON.stringify(errors.encode(error, REQUEST_ID))
    const inStream = errors.encodeStream(error, REQUEST_ID).trim()
    return `### ${title}\n\n\`\`\`text\n${body}\n\`\`\`\n\nInside a stream:\n\n\`\`\`text\n${inStream}\n\`\`\``
  })
  return whole.join('\n\n')
}

function contract(): string {
  const rows = KINDS.map((kind) => {
    const info: ErrorKindInfo = ERROR_KINDS[kind]
    const { anthropicStatus, anthropicType, code, shouldRetry, status, type } = info
    const own = anthropicStatus === undefined ? '' : `${anthropicStatus} `
    return `| [\`${code}\`](#${code}) | ${status} | \`${type}\` | ${own}\`${anthropicType}\` | \`${geminiStatus(kind)}\` | ${shouldRetry ? 'yes' : 'no'} |`
  })
  return [
    '| code | HTTP | OpenAI `type` | Anthropic | Gemini | `x-should-retry` |',
    '| --- | --- | --- | --- | --- | --- |',
    ...rows,
  ].join('\n')
}

function geminiStatus(kind: ErrorKind): string {
  const body = dialects.gemini.errors.encode(new GatewayError(kind), REQUEST_ID)
  return asString(asObject(body['error'])?.['status']) ?? ''
}

/** One section for each code; kinds that share one stand in it together. */
function kindSections(): string {
  const byCode = Map.groupBy(KINDS, (kind) => ERROR_KINDS[kind].code)
  return [...byCode]
    .map(([code, kinds]) => `### \`${code}\`\n\n${kinds.map(kindText).join('\n\n')}`)
    .join('\n\n')
}

function kindText(kind: ErrorKind): string {
  const { message, status } = ERROR_KINDS[kind]
  const { means, todo } = KIND_TEXTS[kind]
  return `**${status}** “${message}”\n\n${means}\n\nWhat to do: ${todo}`
}

function codes(): string {
  return (Object.keys(PLACES) as ErrorPlace[])
    .map((place) => {
      const rows = Object.entries(CODE_TEXTS)
        .filter(([, { at }]) => at === place)
        .map(([code, { means, todo }]) => `| \`${code}\` | ${means} | ${todo} |`)
        .concat(place === 'admin' ? [notFoundRow()] : [])
        .toSorted()
      const head = ['| code | meaning | what to do |', '| --- | --- | --- |']
      return `### ${PLACES[place]}\n\n${[...head, ...rows].join('\n')}`
    })
    .join('\n\n')
}

function notFoundRow(): string {
  const things = NOT_FOUND.map((thing) => `\`${thing}\``).join(', ')
  return `| \`THING_not_found\` | Not there, or another tenant’s, which is not told apart. The thing is one of ${things}. | Look at the list. |`
}
