// One route of the management API as an operation of the document: everything comes from the contract and the rule that the registered route
// carries, so what is documented is what is checked. Only words that hold for every route are added here.

import type { TSchema } from '@sinclair/typebox'
import type { JsonObject, JsonValue } from '../../core/json.ts'
import type { RouteContract, RouteDetail } from '../admin/contract.ts'
import { operationId, type DescribedRoute, type Operation } from './generate.ts'
import type { Components, Schema } from './json-schema.ts'
import { BY_KEY, errorAnswers, shared } from './operation.ts'

/** The tags of `AdminTag`, described. */
export const ADMIN_TAGS: Readonly<Record<RouteContract['tag'], string>> = {
  Providers: 'Upstreams, their keys, and what they list.',
  Models: 'Names clients ask for, and where they lead.',
  Keys: 'API keys of clients.',
  People: 'Users, groups, teams, services, tenants, roles and who has them.',
  Guardrails: 'What may be said, and what is done about what may not.',
  'Limits and budgets': 'How much is let through, and how much may be spent.',
  Usage: 'What was used and spent.',
  Requests: 'The request log.',
  Content: 'Which content of requests is kept, held and erased.',
  Audit: 'Who changed what.',
  Settings: 'Settings, export and import of configuration, secrets.',
  Health: 'How providers fare.',
  Playground: 'Trying things out.',
  Me: 'What belongs to whoever asks.',
}

/** The route in the framework's terms: its schemas for the library, and what holds for every route of management added after it. */
export function adminRoute(detail: RouteDetail, components: Components): DescribedRoute {
  const { contract, rule } = detail
  const { answers, body, description, query, summary, tag } = contract
  const isNobody = rule.subject === 'nothing'
  const needs = isNobody ? '' : `Needs \`${rule.action}\`.`
  const used = (schema: TSchema) => components.use(schema)
  return {
    method: rule.method,
    path: rule.path,
    hooks: {
      detail: {
        tags: [tag],
        summary,
        description: [description, needs]
          .filter((part) => part !== undefined && part !== '')
          .join('\n\n'),
        operationId: operationId(rule),
        'x-weir-action': rule.action,
        security: isNobody ? [] : security(rule.method),
      },
      ...(query === undefined ? {} : { query: used(query) }),
      ...(body === undefined ? {} : { body: used(body) }),
      response: Object.fromEntries(
        Object.entries(answers).map(([status, schema]) => [status, used(schema)]),
      ),
    },
    finish: (made) => ({
      ...made,
      parameters: [...parametersOf(made).map(described), ...sharedParameters(detail)],
      ...(body === undefined ? {} : { requestBody: bodyOf(made, body, contract) }),
      responses: {
        ...answersOf(made, detail),
        ...errorAnswers(errorsOf(detail), 'problem', components),
      },
    }),
  }
}

/** What the library made of path and query. */
export function parametersOf({ parameters }: Operation): readonly JsonObject[] {
  return (parameters ?? []) as readonly JsonObject[]
}

/** Changes of a browser need more than its cookie. */
function security(method: string): JsonObject[] {
  const session = method === 'GET' ? { session: [] } : { session: [], csrf: [] }
  return [...BY_KEY, session]
}

function sharedParameters({ contract, rule }: RouteDetail): JsonObject[] {
  const isTenants =
    rule.subject !== 'own' && rule.subject !== 'process' && rule.subject !== 'nothing'
  const isNamed = Object.hasOwn(contract.query?.properties ?? {}, 'tenant')
  return [
    ...(isTenants && !isNamed ? [shared('parameters', 'Tenant')] : []),
    ...(contract.once === true ? [shared('parameters', 'IdempotencyKey')] : []),
    ...(contract.versioned === true
      ? [shared('parameters', rule.method === 'GET' ? 'IfNoneMatch' : 'IfMatch')]
      : []),
  ]
}

/** Words stand where pages that show the document look for them; lists are written with commas. */
function described(parameter: JsonObject): JsonObject {
  const { description, ...schema } = parameter['schema'] as Schema
  return {
    ...parameter,
    ...(description === undefined ? {} : { description }),
    ...(schema['type'] === 'array' ? { style: 'form', explode: false } : {}),
    schema,
  }
}

function bodyOf(made: Operation, body: TSchema, { examples }: RouteContract): JsonObject {
  const { content } = made['requestBody'] as { readonly content: Readonly<Record<string, Schema>> }
  const entries = Object.entries(examples ?? {}).map(([name, value]) => [name, { value }] as const)
  const more = entries.length === 0 ? {} : { examples: Object.fromEntries(entries) }
  return {
    required: isBodyRequired(body),
    content: { 'application/json': { ...content['application/json'], ...more } },
  }
}

/** An empty body is an empty object: it is wanted only where some member is. */
function isBodyRequired(body: TSchema): boolean {
  const { required } = body
  return Array.isArray(required) ? required.length > 0 : body['type'] !== 'object'
}

interface MadeAnswer {
  readonly description: string
  readonly content: Readonly<Record<string, { readonly schema: Schema }>>
}

function answersOf(made: Operation, { contract, rule }: RouteDetail): JsonObject {
  const { media, once, versioned } = contract
  const answers: Record<string, JsonValue> = {}
  const headers: JsonObject = {
    'x-request-id': shared('headers', 'x-request-id'),
    ...(versioned === true && rule.method !== 'DELETE' ? { etag: shared('headers', 'etag') } : {}),
    ...(once === true ? { 'idempotency-replayed': shared('headers', 'idempotency-replayed') } : {}),
  }
  for (const [status, answer] of Object.entries(made['responses'] as Record<string, unknown>)) {
    const { content, description } = answer as MadeAnswer
    const types = media?.[Number(status)]
    const { type } = contract.answers[Number(status)] as { readonly type?: unknown }
    const isEmpty = type === 'void' || type === 'undefined'
    const schema = Object.values(content)[0]?.schema ?? {}
    answers[status] = {
      description,
      headers,
      // Of an empty one the library makes media types called `type` and `description`.
      ...(isEmpty
        ? {}
        : { content: types === undefined ? { ...content } : contentOf([types].flat(), schema) }),
    }
  }
  if (versioned === true && rule.method === 'GET') {
    answers['304'] = {
      description: 'It is the version that is held already.',
      headers: { etag: shared('headers', 'etag') },
    }
  }
  return answers
}

/** Of several types JSON is a document by itself, whatever the others are; a stream is made of events. */
function contentOf(media: readonly string[], schema: Schema): JsonObject {
  const isOne = media.length === 1
  const schemaOf = (type: string): Schema => {
    if (type === 'text/event-stream') return { description: 'Server-sent events.' }
    return type === 'application/json' && !isOne && schema['type'] === 'string'
      ? { type: 'object' }
      : schema
  }
  return Object.fromEntries(media.map((type) => [type, { schema: schemaOf(type) }]))
}

function errorsOf({ contract, rule }: RouteDetail): number[] {
  const { body, errors = [], once, versioned } = contract
  const isChange = rule.method !== 'GET'
  const isNamed = rule.path.includes(':') || (rule.subject !== 'own' && rule.subject !== 'process')
  return [
    400,
    ...(rule.subject === 'nothing' ? [] : [401, 403]),
    ...(isNamed && rule.subject !== 'nothing' ? [404] : []),
    ...(body === undefined ? [] : [408, 413, 415]),
    ...(once === true ? [409] : []),
    ...(versioned === true && isChange ? [412] : []),
    ...(rule.subject === 'nothing' ? [] : [429]),
    431,
    503,
    ...errors,
  ].toSorted((one, other) => one - other)
}
