import { describe, expect, test } from 'bun:test'
import type { ApiKey } from '../core/catalog.ts'
import { ACTIONS } from '../core/permission.ts'
import { createTestGateway, testProvider } from '../testing/gateway.ts'
import { startTestServer, testKey, testTenant, type TestServerOptions } from '../testing/server.ts'

const SECRET = 'secret-of-a-key-that-is-long-enough-0001'

interface Rights {
  readonly authenticated: boolean
  readonly caller?: { readonly kind: string; readonly name: string | null }
  readonly tenant?: string
  readonly many_tenants?: boolean
  readonly actions?: readonly string[]
  readonly platform_actions?: readonly string[]
}

async function rights(options: TestServerOptions, secret?: string): Promise<Rights> {
  const gateway = createTestGateway({
    providers: [testProvider({ id: 'mock', type: 'mock', baseUrl: 'mock:' })],
  })
  await using server = startTestServer(gateway, options)
  const headers = secret === undefined ? {} : { authorization: `Bearer ${secret}` }
  const answer = await fetch(`${server.url}/auth/session`, { headers })
  expect(answer.status).toBe(200)
  expect(answer.headers.get('cache-control')).toBe('no-store')
  return (await answer.json()) as Rights
}

function ofKey(over: Partial<ApiKey>, options: TestServerOptions = {}): Promise<Rights> {
  return rights({ anonymous: 'never', keys: [testKey(SECRET, over)], ...options }, SECRET)
}

describe('what one may do, as /auth/session tells it', () => {
  test('nobody is told nothing', async () => {
    const answer = await rights({ anonymous: 'never' })
    expect(answer).toEqual({ authenticated: false, issuers: [], local: false } as object as Rights)
  })

  test('a wrong key is nobody', async () => {
    const answer = await rights({ anonymous: 'never' }, 'no-key-of-ours')
    expect(answer.actions).toBeUndefined()
    expect(answer.caller).toBeUndefined()
  })

  test('whoever sits at the machine may everything', async () => {
    const answer = await rights({ anonymous: 'loopback' })
    expect(answer.authenticated).toBe(false)
    expect(answer.caller).toEqual({ kind: 'anonymous', name: null })
    expect(answer.actions?.toSorted()).toEqual(Object.keys(ACTIONS).toSorted())
    expect(answer.many_tenants).toBe(false)
  })

  test('a key may what its roles give it, and nothing anywhere else', async () => {
    const member = await ofKey({ name: 'ci', roles: ['member'] })
    expect(member.caller).toEqual({ kind: 'key', name: 'ci' })
    expect(member.actions).toContain('model.invoke')
    expect(member.actions).not.toContain('key.read')
    expect(member.platform_actions).toEqual(['public.read'])
    const auditor = await ofKey({ roles: ['auditor'] })
    expect(auditor.actions).toContain('audit.read')
    expect(auditor.actions).not.toContain('request.content.read')
  })

  test('a narrowed key may no more than it is narrowed to', async () => {
    const { actions } = await ofKey({ roles: ['admin'], actions: ['usage.*'] })
    expect(actions).toEqual(['public.read', 'usage.read', 'usage.self'])
  })

  test('a key tells its own tenant alone', async () => {
    const people = { tenants: [testTenant('a'), testTenant('b')] }
    const answer = await ofKey({ tenantId: 'a', roles: ['admin'] }, { people })
    expect([answer.tenant, answer.many_tenants]).toEqual(['a', true])
    expect(JSON.stringify(answer)).not.toContain('"b"')
  })
})
