// The document against the routes there are, and against OpenAPI's own rules: nothing is served that is not documented, nothing is documented
// that is not served, and every reference leads somewhere.

import { expect, setDefaultTimeout, test } from 'bun:test'
import { createConfig, lintFromString } from '@redocly/openapi-core'
import { Value } from '@sinclair/typebox/value'
import { isObject, type JsonObject, type JsonValue } from '../../core/json.ts'
import { createTestGateway, testProvider } from '../../testing/gateway.ts'
import { startTestServer, testServerDeps } from '../../testing/server.ts'
import type { RouteDetail } from '../admin/contract.ts'
import { createAdminApp } from '../admin-app.ts'
import { MANAGEMENT_PATHS } from '../management-routes.ts'
import { createApp } from '../router.ts'
import { openApiDocument, undocumented, type RegisteredRoute } from './document.ts'
import { Components } from './json-schema.ts'
import { modelDocs } from './model-docs.ts'
import { plainDocs } from './plain-docs.ts'
import { relayedDocs } from './relayed-docs.ts'

// The linter reads the whole document.
setDefaultTimeout(60_000)

const gateway = createTestGateway({
  providers: [testProvider({ id: 'mock', type: 'mock', baseUrl: 'http://mock', keys: [] })],
})
const deps = testServerDeps(gateway)
const admin: readonly RegisteredRoute[] = createAdminApp(deps).routes
const handedOn: readonly string[] = MANAGEMENT_PATHS
const others = createApp(deps).routes.filter(({ path }) => !handedOn.includes(path))
const document = openApiDocument(admin)
const paths = document['paths'] as Readonly<Record<string, Readonly<Record<string, JsonObject>>>>

/** Registered routes, without their twins under `/k/{key}` and the HEAD that the router adds to a GET. */
const served = new Set(
  [...admin, ...others]
    .filter(({ method, path }) => method !== 'HEAD' || path.includes('/proxy/'))
    .map(({ method, path }) => `${method} ${path.replace(/^\/k\/:key(?=\/)/, '')}`),
)

const operations = Object.entries(paths).flatMap(([path, item]) =>
  Object.entries(item)
    .filter(([method]) => method !== 'servers')
    .map(([method, operation]) => ({ path, method: method.toUpperCase(), operation })),
)

test('every route that is served is documented', () => {
  expect(undocumented(admin)).toEqual([])
  const documented = new Set([
    ...[...plainDocs(), ...modelDocs(), ...relayedDocs()].map(([route]) => route),
    ...admin.filter(isContracted).map(({ method, path }) => `${method} ${path}`),
  ])
  expect([...served].filter((route) => !documented.has(route))).toEqual([])
  expect(operations.length).toBeGreaterThan(150)
})

test('nothing is documented that is not served', () => {
  const tables = [...plainDocs(), ...modelDocs(), ...relayedDocs()]
  expect(tables.map(([route]) => route).filter((route) => !served.has(route))).toEqual([])
  const known = new Set([
    ...admin.filter(isContracted).map(({ method, path }) => `${method} ${templateOf(path)}`),
    ...tables.flatMap(([route, docs]) => {
      const [method = '', path = ''] = route.split(' ')
      return docs.map((doc) => `${method} ${templateOf(doc.path ?? path)}`)
    }),
  ])
  const unserved = operations.filter(({ method, path }) => !known.has(`${method} ${path}`))
  expect(unserved.map(({ method, path }) => `${method} ${path}`)).toEqual([])
})

test('every reference leads somewhere, every tag is described', () => {
  const missing = refsIn(document).filter((ref) => at(document, ref) === undefined)
  expect(missing).toEqual([])
  const tags = document['tags'] as { name: string; description: string }[]
  const described = new Set(
    tags.filter(({ description }) => description.length > 5).map(({ name }) => name),
  )
  const used = operations.flatMap(({ operation }) => operation['tags'] as string[])
  expect(used.filter((tag) => !described.has(tag))).toEqual([])
  expect(tags.filter(({ name }) => !used.includes(name))).toEqual([])
})

test("no schema is one of the framework's own kinds, which take texts for numbers", () => {
  const text = JSON.stringify(document)
  expect(
    /"format":"(?:integer|numeric|boolean|ObjectString|ArrayString)".{0,80}/.exec(text)?.[0],
  ).toBeUndefined()
})

test('the linter of OpenAPI finds nothing wrong', async () => {
  const config = await createConfig({
    extends: ['recommended'],
    rules: {
      // Gemini's own paths hold a method behind a colon, and Azure's a deployment of one part or of two.
      'no-ambiguous-paths': 'off',
      // It is reached where it runs: there is no other address to name.
      'no-server-example.com': 'off',
      // What needs no credential says so by `security: []`; a page or a redirect has no 4xx of its own besides.
      'operation-4xx-response': 'off',
      // A login only ever leads on to somewhere else.
      'operation-2xx-response': 'off',
    },
  })
  const found = await lintFromString({ source: JSON.stringify(document), config })
  const told = found.map(
    ({ location, message, ruleId, severity }) =>
      `${severity} ${ruleId} ${location[0]?.pointer ?? ''}: ${message}`,
  )
  expect(told.filter((line) => line.startsWith('error'))).toEqual([])
  expect(told.filter((line) => !line.startsWith('error')).slice(0, 20)).toEqual([])
}, 30_000)

test('examples of bodies fit their schemas', () => {
  let seen = 0
  for (const { hooks } of admin) {
    const { weir } = (hooks?.detail ?? {}) as { readonly weir?: RouteDetail }
    const { body, examples = {} } = weir?.contract ?? {}
    for (const [name, example] of Object.entries(examples)) {
      seen++
      const first = body && Value.Errors(body, example).First()
      expect([weir?.rule.path, name, first?.path, first?.message]).toEqual([
        weir?.rule.path,
        name,
        undefined,
        undefined,
      ])
    }
  }
  expect(seen).toBeGreaterThanOrEqual(0)
})

test('two schemas of one name are a fault', () => {
  const components = new Components()
  components.use({ $id: 'One', type: 'string' })
  components.use({ $id: 'One', type: 'string' })
  expect(() => components.use({ $id: 'One', type: 'integer' })).toThrow(RangeError)
})

test('a name that looks like a reference inside an example stays as it is', () => {
  const components = new Components()
  expect(components.use({ type: 'object', default: { $id: 'x' } })).toEqual({
    type: 'object',
    default: { $id: 'x' },
  })
  expect(components.all()).toEqual({})
})

test('it is served to anybody, packed, and not again to who has it', async () => {
  await using server = startTestServer(gateway, { anonymous: 'never' })
  const response = await fetch(`${server.url}/openapi.json`)
  expect(response.status).toBe(200)
  expect(response.headers.get('content-type')).toBe('application/json')
  expect(await response.json()).toEqual(document)
  const etag = response.headers.get('etag') ?? ''
  const again = await fetch(`${server.url}/openapi.json`, { headers: { 'if-none-match': etag } })
  expect(again.status).toBe(304)
})

/** `/admin/keys/:id` as `/admin/keys/{id}`. */
function templateOf(path: string): string {
  return path.replaceAll(/(?<=\/):(\w+)/g, '{$1}')
}

function isContracted({ hooks }: RegisteredRoute): boolean {
  const detail = hooks?.detail as { readonly weir?: RouteDetail } | undefined
  return detail?.weir !== undefined
}

function refsIn(value: JsonValue): string[] {
  if (Array.isArray(value)) return value.flatMap(refsIn)
  if (!isObject(value)) return []
  return Object.entries(value).flatMap(([name, member]) =>
    name === '$ref' && typeof member === 'string' ? [member] : refsIn(member as JsonValue),
  )
}

function at(root: JsonObject, ref: string): unknown {
  let value: unknown = root
  for (const part of ref.replace(/^#\//, '').split('/')) {
    value = isObject(value) ? value[part] : undefined
  }
  return value
}
