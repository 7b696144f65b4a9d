// `/openapi.json`: the whole surface as one OpenAPI 3.1 document. The management API describes itself by the contracts of its routes; the
// other routes are looked up in the tables beside this file. A route that nothing is known of is left out, and a test fails for it.

import type { JsonObject } from '../../core/json.ts'
import { VERSION } from '../../core/version.ts'
import { ProblemSchema, type RouteDetail } from '../admin/contract.ts'
import { ROUTE_RULES, type RouteRule } from '../route-actions.ts'
import { ADMIN_TAGS, adminRoute, parametersOf } from './admin-operation.ts'
import {
  generate,
  OPENAPI_VERSION,
  operationId,
  type DescribedRoute,
  type Operation,
} from './generate.ts'
import { Components } from './json-schema.ts'
import { modelDocs } from './model-docs.ts'
import { BY_KEY, COMMON_ERRORS, errorAnswers, SHARED, shared, type RouteDoc } from './operation.ts'
import { PLAIN_SCHEMAS, plainDocs } from './plain-docs.ts'
import { relayedDocs } from './relayed-docs.ts'
import { OPENAI_SCHEMAS } from './schemas-openai.ts'
import { OTHER_SCHEMAS } from './schemas-others.ts'

/** What an app says of its routes. */
export interface RegisteredRoute {
  readonly method: string
  readonly path: string
  readonly hooks?: { readonly detail?: object }
}

const TAGS: Readonly<Record<string, string>> = {
  OpenAI: 'For clients of OpenAI’s API. Any model answers, whichever protocol its provider speaks.',
  Anthropic: 'For clients of Anthropic’s API.',
  Ollama: 'For clients of Ollama’s API.',
  'Azure OpenAI': 'For clients of Azure OpenAI, by its newer and older paths.',
  Gemini: 'For clients of Gemini’s API.',
  Cohere: 'For clients of Cohere’s API.',
  'Raw requests': 'One provider’s own API, with our keys, limits and log.',
  ...ADMIN_TAGS,
  Login: 'Browsers that log in and out.',
  Process: 'How the process fares.',
  Pages: 'For people.',
}

const DESCRIPTION = `Weir answers clients of OpenAI, Anthropic, Ollama, Azure OpenAI, Gemini and Cohere with any model of any provider, and is managed below \`/admin\`.

A credential may stand in any of the places below; where the configuration says so, a client on the same machine needs none. What one may do is decided by roles: \`x-weir-action\` names what an operation needs. Errors of the protocols have each protocol’s own shape, those of \`/admin\` are problem details (RFC 9457). Lists of \`/admin\` come in pages: \`next_cursor\` is the \`cursor\` of the next one.`

/** @param admin the routes of the management API, as its app registers them */
export function openApiDocument(admin: readonly RegisteredRoute[]): JsonObject {
  const components = new Components()
  for (const schemas of [OPENAI_SCHEMAS, OTHER_SCHEMAS, PLAIN_SCHEMAS]) {
    for (const [name, schema] of Object.entries(schemas)) components.add(name, schema)
  }
  components.use(ProblemSchema)
  const tables = tableRoutes(components)
  const contracted = [...detailsOf(admin).values()].map((detail) => adminRoute(detail, components))
  const { paths, schemas } = generate([...tables, ...contracted], components)
  const twins = new Set(
    tables.filter((route) => route.isTwin).map(({ hooks }) => hooks.detail.operationId),
  )
  const isTwin = (item: Readonly<Record<string, Operation>>) =>
    Object.values(item).some(({ operationId: id }) => twins.has(id))
  const used = new Set(
    [...tables, ...contracted].flatMap(({ hooks }) => hooks.detail['tags'] as string[]),
  )
  return {
    openapi: OPENAPI_VERSION,
    info: {
      title: 'Weir',
      version: VERSION,
      description: DESCRIPTION,
      license: { name: 'Apache 2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: '/', description: 'This one.' }],
    security: [...BY_KEY],
    tags: Object.entries(TAGS)
      .filter(([name]) => used.has(name))
      .map(([name, description]) => ({ name, description })),
    paths: Object.fromEntries(
      Object.entries(paths).map(([path, item]) => [
        path,
        isTwin(item) ? { servers: TWIN_SERVERS, ...item } : item,
      ]),
    ),
    components: {
      ...SHARED,
      schemas,
      responses: components.responses(),
    },
  }
}

/** Routes that are served and not documented, as `GET /admin/x`: there should be none. */
export function undocumented(admin: readonly RegisteredRoute[]): string[] {
  const known = new Set([
    ...plainDocs().keys(),
    ...modelDocs().keys(),
    ...relayedDocs().keys(),
    ...detailsOf(admin).keys(),
  ])
  return ROUTE_RULES.map(({ method, path }) => `${method} ${path}`).filter(
    (route) => !known.has(route),
  )
}

/** A client that can send no header has its key in front of the path. */
const TWIN_SERVERS: JsonObject[] = [
  { url: '/', description: 'This one.' },
  {
    url: '/k/{key}',
    description: 'This one, for clients that can send no header.',
    variables: { key: { default: 'anonymous', description: 'An API key.' } },
  },
]

function detailsOf(admin: readonly RegisteredRoute[]): Map<string, RouteDetail> {
  const details = new Map<string, RouteDetail>()
  for (const { hooks, method, path } of admin) {
    const detail = hooks?.detail as { readonly weir?: RouteDetail } | undefined
    if (detail?.weir?.rule.method === method) details.set(`${method} ${path}`, detail.weir)
  }
  return details
}

interface TableRoute extends DescribedRoute {
  readonly isTwin: boolean
}

/** The routes that say nothing of themselves. Their protocols' words are nothing the framework checks, so they are whole already. */
function tableRoutes(components: Components): TableRoute[] {
  const docs = new Map([...plainDocs(), ...modelDocs(), ...relayedDocs()])
  return ROUTE_RULES.flatMap((rule) =>
    (docs.get(`${rule.method} ${rule.path}`) ?? []).map((doc) => tableRoute(doc, rule, components)),
  )
}

function tableRoute(doc: RouteDoc, rule: RouteRule, components: Components): TableRoute {
  const { answers, body, description, dialect, errors = [], isTwin = false, summary, tag } = doc
  const { action, method } = rule
  const path = doc.path ?? rule.path
  const own = doc.parameters ?? []
  const named = new Set(own.map(({ in: place, name }) => `${place} ${name}`))
  const common = rule.subject === 'nothing' ? [400, 403, 431] : COMMON_ERRORS
  const detail = {
    tags: [tag],
    summary,
    ...(description === undefined ? {} : { description }),
    operationId: operationId({ method, path }),
    'x-weir-action': action,
    security: securityOf(doc, rule),
    ...(body === undefined ? {} : { requestBody: { ...body } as unknown as JsonObject }),
    responses: {
      ...errorAnswers(
        [...common, ...errors].toSorted((a, b) => a - b),
        dialect,
        components,
      ),
      ...answersOf(answers),
    },
  }
  return {
    method,
    path,
    isTwin,
    hooks: { detail },
    finish: (made) => ({
      ...made,
      parameters: [
        ...parametersOf(made).filter(({ in: place, name }) => !named.has(`${place} ${name}`)),
        ...own,
      ],
    }),
  }
}

function securityOf({ dialect }: RouteDoc, { method, path, subject }: RouteRule): JsonObject[] {
  if (subject === 'nothing') return []
  if (subject === 'browser') {
    return [method === 'GET' ? { session: [] } : { session: [], csrf: [] }]
  }
  const isGemini = dialect.startsWith('gemini') || path.startsWith('/proxy/')
  return isGemini ? [...BY_KEY, { key: [] }] : [...BY_KEY]
}

function answersOf(answers: RouteDoc['answers']): JsonObject {
  return Object.fromEntries(
    Object.entries(answers).map(([status, { content, description, headers }]) => [
      status,
      {
        description,
        headers: { 'x-request-id': shared('headers', 'x-request-id'), ...headers },
        ...(content === undefined ? {} : { content: content as unknown as JsonObject }),
      },
    ]),
  )
}
