// The table of routes against the routes there are, and every route against callers without rights: what is missing in the table cannot be
// served, what is in it is served, and nobody gets in anywhere without a credential and a right.

import { describe, expect, test } from 'bun:test'
import { ACTIONS } from '../core/permission.ts'
import { createTestGateway, testProvider } from '../testing/gateway.ts'
import { startTestServer, testKey, testServerDeps } from '../testing/server.ts'
import { requestTo } from '../testing/route-requests.ts'
import { ROUTE_RULES, ruleOf, type RouteRule } from './route-actions.ts'
import { createAdminApp } from './admin-app.ts'
import { MANAGEMENT_PATHS } from './management-routes.ts'
import { createApp } from './router.ts'

const GUEST = 'weir_guest00000000000000000000000000000000000000001'

const mock = testProvider({ id: 'mock', type: 'mock', baseUrl: 'http://mock', keys: [] })

const people = {
  users: [
    {
      tenantId: 'default',
      id: 'u',
      issuer: 'local',
      subject: 'u',
      status: 'active',
      createdMs: 0,
    } as const,
  ],
}

function options() {
  return {
    keys: [testKey(GUEST, { owner: { kind: 'user', id: 'u' } })],
    people,
    anonymous: 'never',
  } as const
}

const deps = testServerDeps(createTestGateway({ providers: [mock] }), options())
const handedOn: readonly string[] = MANAGEMENT_PATHS
const registered = [
  ...createApp(deps).routes.filter(({ path }) => !handedOn.includes(path)),
  ...createAdminApp(deps).routes,
]
  .map(({ method, path }) => ({ method, path }))
  .filter(({ method, path }) => !isHeadOfGet(method, path))

/** The router adds one for some routes; the proxy has its own. */
function isHeadOfGet(method: string, path: string): boolean {
  return method === 'HEAD' && !path.includes('/proxy/')
}

const bare = ({ path }: { readonly path: string }) => path.replace(/^\/k\/:key(?=\/)/, '')
const nameOf = (route: { readonly method: string; readonly path: string }) =>
  `${route.method} ${bare(route)}`

describe('the table', () => {
  test('has a rule for every route that is registered, and there are many', () => {
    const known = new Set(ROUTE_RULES.map(nameOf))
    expect(registered.filter((route) => !known.has(nameOf(route)))).toEqual([])
    expect(registered.length).toBeGreaterThan(200)
  })

  test('has none for what is not', () => {
    const there = new Set(registered.map(nameOf))
    expect(ROUTE_RULES.filter((rule) => !there.has(nameOf(rule))).map(nameOf)).toEqual([])
  })

  test('has one for each, of an action there is, public where and only where nobody has to be known', () => {
    const names = ROUTE_RULES.map(nameOf)
    expect(names.filter((each, at) => names.indexOf(each) !== at)).toEqual([])
    for (const rule of ROUTE_RULES) {
      expect(Object.hasOwn(ACTIONS, rule.action), nameOf(rule)).toBe(true)
      expect(rule.action === 'public.read', nameOf(rule)).toBe(
        rule.subject === 'nothing' || rule.subject === 'browser',
      )
    }
  })

  test('gives no rule for a route without one', () => {
    expect(() => ruleOf('GET', '/admin/secret-door')).toThrow(RangeError)
    expect(() => ruleOf('DELETE', '/health')).toThrow(RangeError)
  })

  test('keeps the management API off the paths with a key in them', () => {
    const withKey = registered.filter(({ path }) => path.startsWith('/k/'))
    expect(withKey.length).toBeGreaterThan(50)
    expect(withKey.filter((route) => /^\/(admin|auth|ui)\b/.test(bare(route)))).toEqual([])
  })
})

describe('every route', () => {
  const guarded = ROUTE_RULES.filter(({ subject }) => subject !== 'nothing')

  async function statuses(url: string, rules: readonly RouteRule[], key: string | undefined) {
    const found: [string, number][] = []
    for (const rule of rules) {
      const { path, init } = requestTo(rule, 'x')
      const headers = new Headers(init.headers)
      if (key !== undefined) headers.set('authorization', `Bearer ${key}`)
      const answer = await fetch(`${url}${path}`, { ...init, headers, redirect: 'manual' })
      await answer.arrayBuffer()
      found.push([nameOf(rule), answer.status])
    }
    return found
  }

  test('is closed to whoever says nothing of themselves (401), and to a key that is none', async () => {
    await using server = startTestServer(createTestGateway({ providers: [mock] }), options())
    for (const key of [undefined, 'weir_nobodys0000000000000000000000000000000000000001']) {
      const open = await statuses(server.url, guarded, key)
      expect(open.filter(([, status]) => status !== 401)).toEqual([])
    }
  })

  test('is closed to a key without any right (403)', async () => {
    await using server = startTestServer(createTestGateway({ providers: [mock] }), options())
    // A session is what those of browsers want, and a key is none.
    const roles = guarded.filter(({ subject }) => subject !== 'browser')
    const open = await statuses(server.url, roles, GUEST)
    expect(open.filter(([, status]) => status !== 403)).toEqual([])
  })

  test('is closed with no or a wrong key in the path', async () => {
    await using server = startTestServer(createTestGateway({ providers: [mock] }), options())
    const twins = new Set(
      registered.filter(({ path }) => path.startsWith('/k/')).map((route) => nameOf(route)),
    )
    for (const rule of guarded.filter((each) => twins.has(nameOf(each)))) {
      const { path, init } = requestTo(rule, 'x')
      const answer = await fetch(`${server.url}/k/weir_nobodys${path}`, init)
      await answer.arrayBuffer()
      expect(answer.status, nameOf(rule)).toBe(401)
    }
  })

  test('that is public is open', async () => {
    await using server = startTestServer(createTestGateway({ providers: [mock] }), options())
    const open = ROUTE_RULES.filter(({ subject }) => subject === 'nothing')
    const found = await statuses(server.url, open, undefined)
    expect(found.filter(([, status]) => status === 401 || status === 403)).toEqual([])
  })
})
