// The admin route of discovery: who may not, what is refused, and that what is asked for arrives as it was meant.

import { describe, expect, test } from 'bun:test'
import { GatewayError } from '../../core/error.ts'
import type { AzureErrand, AzureReport } from '../../gateway/azure-onboarding.ts'
import { createTestGateway, testProvider } from '../../testing/gateway.ts'
import { startTestServer, testKey } from '../../testing/server.ts'

const USER = 'weir_user5678901234567890123456789012345678900000'
const ADMIN = 'weir_admin678901234567890123456789012345678900001'
const NOTHING: AzureReport = { discovery: { accounts: [], problems: [] } }

function serverWith(answer: () => Promise<AzureReport> = () => Promise.resolve(NOTHING)) {
  const errands: { readonly tenantId: string; readonly errand: AzureErrand }[] = []
  const mock = testProvider({
    id: 'mock',
    type: 'mock',
    baseUrl: 'http://mock.invalid/v1',
    keys: [],
  })
  const server = startTestServer(createTestGateway({ providers: [mock] }), {
    anonymous: 'never',
    keys: [testKey(USER), testKey(ADMIN, { roles: ['admin'] })],
    deps: {
      discovery: {
        azure: (tenantId, errand) => {
          errands.push({ tenantId, errand })
          return answer()
        },
      },
    },
  })
  const ask = (body: unknown, key: string | undefined = ADMIN, type = 'application/json') =>
    fetch(`${server.url}/admin/discovery/azure`, {
      method: 'POST',
      headers: { 'content-type': type, authorization: `Bearer ${key}` },
      body: typeof body === 'string' ? body : JSON.stringify(body),
    })
  return { server, errands, ask }
}

const APP = { tenant: 't', client_id: 'c', client_secret: 'canary-secret' }

describe('is refused', () => {
  test('to whoever is no administrator', async () => {
    const { ask, errands, server } = serverWith()
    await using _ = server
    expect((await ask({}, 'weir_nobody')).status).toBe(401)
    expect((await ask({}, USER)).status).toBe(403)
    expect(errands).toEqual([])
  })

  test('as a form, which a page of the web could send', async () => {
    const { ask, errands, server } = serverWith()
    await using _ = server
    expect((await ask('{}', ADMIN, 'text/plain')).status).toBe(415)
    expect(errands).toEqual([])
  })

  const WRONG: readonly [unknown, string | null][] = [
    ['[]', null],
    ['{', null],
    [{ provder: 'x' }, 'provder'],
    [{ provider: 5 }, 'provider'],
    [{ provider: '' }, 'provider'],
    [{ import: 'yes' }, 'import'],
    [{ models: true }, 'models'],
    [{ subscription: '..' }, 'subscription'],
    [{ subscription: 'a?b' }, 'subscription'],
    [{ provider: 'a', entra: APP }, 'entra'],
    [{ entra: 'x' }, 'entra'],
    [{ entra: { ...APP, tenant: '../x' } }, 'entra.tenant'],
    [{ entra: { ...APP, client_id: undefined } }, 'entra.client_id'],
    [{ entra: { ...APP, client_secret: undefined } }, 'entra.client_secret'],
    [{ entra: { ...APP, cert_file: '/etc/passwd' } }, 'entra.cert_file'],
    [{ entra: { ...APP, cloud: 'moon' } }, 'entra.cloud'],
    [{ entra: { ...APP, authority: 'http://sts.example' } }, 'entra.authority'],
    [{ entra: { ...APP, management: 'https://u:p@arm.example' } }, 'entra.management'],
    [{ entra: { ...APP, management: 'https://arm.example?x' } }, 'entra.management'],
  ]
  for (const [body, param] of WRONG) {
    test(`${JSON.stringify(body)}`, async () => {
      const { ask, errands, server } = serverWith()
      await using _ = server
      const response = await ask(body)
      expect(response.status).toBe(400)
      const text = await response.text()
      expect(JSON.parse(text)).toMatchObject({ param })
      expect(text).not.toContain('canary')
      expect(errands).toEqual([])
    })
  }
})

test('what is asked for arrives whole, and what is left out is off', async () => {
  const { ask, errands, server } = serverWith()
  await using _ = server
  const empty = await ask('')
  expect(await empty.json()).toEqual({ accounts: [], problems: [], imported: null })
  const entra = { ...APP, cloud: 'china', authority: 'https://sts.example/', scope: 's/.default' }
  await ask({ entra, subscription: 'sub', import: true, models: true })
  await ask({ provider: 'azure' })
  expect(errands).toEqual([
    {
      tenantId: 'default',
      errand: { application: {}, isImport: false, withModels: false, isOwnOnly: false },
    },
    {
      tenantId: 'default',
      errand: {
        application: {
          entra: {
            tenant: 't',
            clientId: 'c',
            clientSecret: 'canary-secret',
            cloud: 'china',
            authority: 'https://sts.example',
            scope: 's/.default',
          },
        },
        subscriptionId: 'sub',
        isImport: true,
        withModels: true,
        isOwnOnly: false,
      },
    },
    {
      tenantId: 'default',
      errand: {
        application: { providerId: 'azure' },
        isImport: false,
        withModels: false,
        isOwnOnly: false,
      },
    },
  ])
})

test('a failure of Azure is told with its status and words', async () => {
  const { ask, server } = serverWith(() =>
    Promise.reject(
      new GatewayError('upstream_error', { message: 'Azure could not be asked: 403' }),
    ),
  )
  await using _ = server
  const response = await ask({})
  expect(response.status).toBe(502)
  expect(await response.json()).toMatchObject({
    detail: 'Azure could not be asked: 403',
  })
})
