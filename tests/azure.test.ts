// Azure as enterprises run it, through the executable: a small strict Azure behind TLS of a private authority, an application with a
// secret and with a certificate, tokens asked for as seldom as can be, and accounts found and taken over.

import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { AzureCloud, type CloudApplication, type CloudOptions } from '../src/testing/azure-cloud.ts'
import { makeCertificate, type RsaCertificate } from '../src/testing/rsa-certificate.ts'
import { makeCertificates, type Certificates } from './harness/certificates.ts'
import { squidPath, startSquid } from './harness/squid.ts'
import { startWeir, type Weir } from './harness/weir.ts'

setDefaultTimeout(240_000)

const TENANT = '11111111-2222-3333-4444-555555555555'
const CLIENT = '99999999-8888-7777-6666-555555555555'
const SECRET = 'secret~Of-the_application.1'
const LIFE_SECONDS = 8
/** How long what comes by itself may take; it is due within a second. */
const WAIT_LIMIT_MS = 60_000

let certificates: Certificates
let application: RsaCertificate
const folder = mkdtempSync(join(tmpdir(), 'weir-azure-'))

beforeAll(() => {
  certificates = makeCertificates()
  application = makeCertificate(folder, { name: 'application' })
})
afterAll(() => {
  certificates.remove()
  rmSync(folder, { recursive: true, force: true })
})

function account(name: string, deployments: readonly string[]) {
  return {
    name,
    deployments: deployments.map((deployment) => ({
      name: deployment,
      model: deployment.includes('embed') ? 'text-embedding-3-small' : 'gpt-4o',
    })),
  }
}

function cloudWith(over: Partial<CloudOptions> = {}, proof: Partial<CloudApplication> = {}) {
  return new AzureCloud({
    application: { tenant: TENANT, clientId: CLIENT, secret: SECRET, ...proof },
    tls: {
      cert: readFileSync(certificates.server.certFile, 'utf8'),
      key: readFileSync(certificates.server.keyFile, 'utf8'),
    },
    subscriptions: [
      {
        id: 'sub-1',
        name: 'Production',
        accounts: [account('team-eu', ['chat-a', 'chat-b', 'embed'])],
      },
      { id: 'sub-2', name: 'Locked', isForbidden: true, accounts: [account('secret', ['x'])] },
      {
        id: 'sub-3',
        name: 'Research',
        accounts: [
          account('lab-1', ['chat-c']),
          account('lab-2', ['chat-d']),
          account('lab-3', []),
        ],
      },
    ],
    pageRows: 1,
    ...over,
  })
}

interface Setup {
  readonly entra?: object
  readonly models?: object[]
}

function configFor(cloud: AzureCloud, setup: Setup = {}) {
  const { authority, management } = cloud
  return {
    network: { ca_file: certificates.caFile },
    providers: [
      {
        id: 'azure',
        type: 'azure',
        base_url: cloud.endpoint('team-eu'),
        retries: { max: 0 },
        entra: {
          tenant: TENANT,
          client_id: CLIENT,
          client_secret: SECRET,
          authority,
          management,
          ...setup.entra,
        },
      },
    ],
    ...(setup.models === undefined ? {} : { models: setup.models }),
  }
}

async function chat(weir: Weir, model: string): Promise<Response> {
  return await fetch(`${weir.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ model, messages: [{ role: 'user', content: 'hi' }] }),
  })
}

async function contentOf(response: Response): Promise<string> {
  const body = (await response.json()) as { choices?: { message: { content: string } }[] }
  return body.choices?.[0]?.message.content ?? JSON.stringify(body)
}

/** Questions for tokens to ask models with. */
function modelTokens(cloud: AzureCloud): number {
  return cloud.tokenQuestions.filter(({ scope }) => scope === cloud.modelsScope).length
}

function everythingSaid(weir: Weir): string {
  return `${weir.stdout()}\n${weir.stderr()}\n${JSON.stringify(weir.rows())}`
}

describe('an application that is refused', () => {
  test('is a 502 to the client; the code is in the log, the secret nowhere', async () => {
    await using cloud = cloudWith()
    const config = configFor(cloud, { entra: { client_secret: 'canary-wrong-secret' } })
    const weir = await startWeir({ config })
    const response = await chat(weir, 'azure/chat-a')
    expect(response.status).toBe(502)
    const text = await response.text()
    expect(JSON.parse(text)).toMatchObject({ error: { code: 'upstream_auth_error' } })
    expect(text).not.toContain('AADSTS')
    const row = await weir.row(response.headers.get('x-request-id')!)
    expect(row['error_kind']).toBe('upstream_auth')
    expect(String(row['error_text'])).toContain('AADSTS7000215')
    expect(weir.stderr() + weir.stdout()).toContain('AADSTS7000215')
    expect(everythingSaid(weir)).not.toContain('canary')
    expect(await weir.stop()).toBe(0)
  })
})

describe('an application with a secret', () => {
  test('asks for one token for many chats, and a fresh one once when it is refused', async () => {
    await using cloud = cloudWith()
    const weir = await startWeir({ config: configFor(cloud) })
    const first = await Promise.all(Array.from({ length: 60 }, () => chat(weir, 'azure/chat-a')))
    expect(new Set(first.map(({ status }) => status))).toEqual(new Set([200]))
    expect(await contentOf(first[0]!)).toBe('from team-eu')
    expect(modelTokens(cloud)).toBe(1)
    expect(new Set(cloud.chatTokens).size).toBe(1)
    cloud.revokeAll()
    const later = await Promise.all(Array.from({ length: 60 }, () => chat(weir, 'azure/chat-a')))
    expect(new Set(later.map(({ status }) => status))).toEqual(new Set([200]))
    expect(modelTokens(cloud)).toBe(2)
    for (const token of cloud.chatTokens) expect(everythingSaid(weir)).not.toContain(token)
    expect(everythingSaid(weir)).not.toContain(SECRET)
    expect(await weir.stop()).toBe(0)
  })

  test('renews its token before it ends: no chat fails or waits for a refusal', async () => {
    // Renewed after half of it: the other half is for what holds up a renewal, or a chat on its way.
    await using cloud = cloudWith({ lifeSeconds: LIFE_SECONDS })
    const startedMs = performance.now()
    const weir = await startWeir({ config: configFor(cloud) })
    let chats = 0
    while (modelTokens(cloud) < 3) {
      const response = await chat(weir, 'azure/chat-a')
      expect(response.status).toBe(200)
      await response.body?.cancel()
      chats += 1
      await Bun.sleep(20)
    }
    const halves = (performance.now() - startedMs) / (LIFE_SECONDS * 500)
    expect(modelTokens(cloud)).toBeLessThanOrEqual(1 + halves)
    // No chat had to be sent twice.
    expect(cloud.chatTokens).toHaveLength(chats)
    expect(await weir.stop()).toBe(0)
  })

  test('lists as models what is deployed', async () => {
    await using cloud = cloudWith()
    const weir = await startWeir({ config: configFor(cloud) })
    let ids: string[] = []
    const endMs = performance.now() + WAIT_LIMIT_MS
    while (ids.length === 0 && performance.now() < endMs) {
      const list = (await (await fetch(`${weir.url}/v1/models`)).json()) as {
        data: { id: string }[]
      }
      ids = list.data.map(({ id }) => id).filter((id) => id.startsWith('azure/'))
      await Bun.sleep(10)
    }
    expect(ids).toEqual(['azure/chat-a', 'azure/chat-b', 'azure/embed'])
    const cli = await weir.runCli('models', 'list', '--all', '--provider', 'azure')
    expect(cli.stdout).toContain('azure/chat-b')
    expect(cli.stdout).toContain('128000')
    expect(await weir.stop()).toBe(0)
  })
})

test('an application with a certificate signs what the service accepts, with an encrypted key', async () => {
  await using cloud = cloudWith({}, { certificate: application.pem })
  const weir = await startWeir({
    config: configFor(cloud, {
      entra: {
        client_secret: undefined,
        cert_file: application.certFile,
        key_file: application.encryptedKeyFile,
        key_passphrase: application.passphrase,
      },
    }),
  })
  const response = await chat(weir, 'azure/chat-a')
  expect(await contentOf(response)).toBe('from team-eu')
  expect(cloud.tokenQuestions.every((question) => 'client_assertion' in question)).toBe(true)
  expect(everythingSaid(weir)).not.toContain(application.passphrase)
  expect(await weir.stop()).toBe(0)
})

test('a sovereign cloud is asked for its own scope, and its authority must be trusted', async () => {
  await using cloud = cloudWith({ modelsScope: 'https://cognitiveservices.azure.us/.default' })
  const config = configFor(cloud, { entra: { cloud: 'us_government' } })
  const weir = await startWeir({ config })
  expect(await contentOf(await chat(weir, 'azure/chat-a'))).toBe('from team-eu')
  expect(await weir.stop()).toBe(0)
  const asked = cloud.tokenQuestions.length
  const untrusting = await startWeir({ config: { ...config, network: {} } })
  expect((await chat(untrusting, 'azure/chat-a')).status).toBe(502)
  expect(cloud.tokenQuestions).toHaveLength(asked)
  expect(await untrusting.stop()).toBe(0)
})

test.skipIf(squidPath() === undefined)(
  'behind a forward proxy, tokens, lists and chats all go through it',
  async () => {
    const host = 'cloud.upstream.test'
    await using cloud = cloudWith({ host })
    const squid = await startSquid({ user: 'weir', password: 'canary-proxy', hosts: [host] })
    const config = configFor(cloud)
    const network = {
      ...config.network,
      proxy: `http://weir:canary-proxy@127.0.0.1:${squid.port}`,
    }
    const weir = await startWeir({ config: { ...config, network } })
    expect(await contentOf(await chat(weir, 'azure/chat-a'))).toBe('from team-eu')
    const shown = await weir.runCli('providers', 'discover', 'azure')
    expect(shown.stdout).toContain('lab-2')
    expect(everythingSaid(weir)).not.toContain('canary')
    expect(await weir.stop()).toBe(0)
    // Squid writes a tunnel down when it has ended.
    const wanted = [cloud.authority, cloud.management, cloud.endpoint('team-eu')]
    const missing = () => {
      const log = squid.log().join('\n')
      return wanted.filter((address) => !log.includes(`CONNECT ${new URL(address).host} 200`))
    }
    for (
      const endMs = performance.now() + WAIT_LIMIT_MS;
      missing().length > 0;
      await Bun.sleep(20)
    ) {
      if (performance.now() > endMs) break
    }
    expect(missing()).toEqual([])
    await squid.stop()
  },
)

describe('discovery', () => {
  test('shows three subscriptions page by page, and imports what a running server then serves', async () => {
    await using cloud = cloudWith()
    const weir = await startWeir({ config: configFor(cloud) })
    const shown = await weir.runCli('providers', 'discover', 'azure', '--provider', 'azure')
    expect(shown.code).toBe(0)
    for (const word of [
      'team-eu',
      'lab-1',
      'lab-2',
      'lab-3',
      'chat-d',
      'gpt-4o',
      'Succeeded',
      'westeurope',
    ]) {
      expect(shown.stdout).toContain(word)
    }
    expect(shown.stderr).toContain('4 accounts, 5 deployments')
    expect(shown.stderr).toContain('subscription Locked: 403 AuthorizationFailed')
    const looked = await weir.runCli('providers', 'list', '--json')
    expect(JSON.parse(looked.stdout)).toHaveLength(2)

    const taken = await weir.runCli('providers', 'discover', 'azure', '--import', '--models')
    expect(taken.stdout).toContain('provider azure (team-eu): declared: it is declared in the')
    for (const id of ['lab-1', 'lab-2', 'lab-3']) {
      expect(taken.stdout).toContain(`provider ${id} (${id}): added`)
    }
    expect(taken.stdout).toContain('model gpt-4o: added')
    const again = await weir.runCli(
      'providers',
      'discover',
      'azure',
      '--provider',
      'azure',
      '--import',
      '--json',
    )
    const { imported } = JSON.parse(again.stdout) as {
      imported: { providers: { action: string }[] }
    }
    expect(imported.providers.map(({ action }) => action).toSorted()).toEqual([
      'declared',
      'unchanged',
      'unchanged',
      'unchanged',
    ])

    let response = await chat(weir, 'lab-1/chat-c')
    for (
      const endMs = performance.now() + WAIT_LIMIT_MS;
      response.status === 404 && performance.now() < endMs;
    ) {
      await Bun.sleep(20)
      response = await chat(weir, 'lab-1/chat-c')
    }
    expect(await contentOf(response)).toBe('from lab-1')
    expect(await contentOf(await chat(weir, 'gpt-4o'))).toStartWith('from ')
    const stored = readFileSync(join(weir.dataFolder, 'weir.db'), 'latin1')
    expect(stored).not.toContain(SECRET)
    for (const { stderr, stdout } of [shown, taken, again])
      expect(stdout + stderr).not.toContain(SECRET)
    expect(await weir.stop()).toBe(0)
  })

  test('through the admin API needs an administrator, and takes an application of its own', async () => {
    await using cloud = cloudWith()
    const { authority, management } = cloud
    const weir = await startWeir({ config: { network: { ca_file: certificates.caFile } } })
    const { stdout: key } = await weir.runCli('keys', 'create', 'user')
    const ask = (body: object, headers: Record<string, string> = {}) =>
      fetch(`${weir.url}/admin/discovery/azure`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...headers },
        body: JSON.stringify(body),
      })
    const entra = {
      tenant: TENANT,
      client_id: CLIENT,
      client_secret: SECRET,
      authority,
      management,
    }
    const asUser = () => ask({ entra }, { authorization: `Bearer ${key.trim()}` })
    let refused = await asUser()
    // The running server knows a new key within a second.
    for (const endMs = performance.now() + WAIT_LIMIT_MS; refused.status === 401;) {
      if (performance.now() > endMs) break
      await Bun.sleep(20)
      refused = await asUser()
    }
    expect(refused.status).toBe(403)
    const wrong = await ask({ entra: { ...entra, client_secret: 'canary-wrong' } })
    expect(wrong.status).toBe(502)
    const words = await wrong.text()
    expect(words).toContain('AADSTS7000215')
    expect(words).not.toContain('canary')
    expect((await ask({})).status).toBe(400)
    expect((await ask({ entra: { ...entra, cert_file: '/etc/passwd' } })).status).toBe(400)
    const answer = await ask({ entra, subscription: 'sub-3', import: true, models: true })
    expect(answer.status).toBe(200)
    const text = await answer.text()
    expect(text).not.toContain(SECRET)
    expect(JSON.parse(text)).toMatchObject({
      accounts: [
        {
          name: 'lab-1',
          location: 'westeurope',
          deployments: [{ name: 'chat-c', model: 'gpt-4o', context_window: 128_000 }],
        },
        { name: 'lab-2' },
        { name: 'lab-3', deployments: [] },
      ],
      problems: [],
      imported: {
        providers: [
          { id: 'lab-1', action: 'added' },
          { id: 'lab-2', action: 'added' },
          { id: 'lab-3', action: 'added' },
        ],
        models: [{ id: 'gpt-4o', action: 'added' }],
      },
    })
    let response = await chat(weir, 'gpt-4o')
    for (
      const endMs = performance.now() + WAIT_LIMIT_MS;
      response.status === 404 && performance.now() < endMs;
    ) {
      await Bun.sleep(20)
      response = await chat(weir, 'gpt-4o')
    }
    expect(await contentOf(response)).toMatch(/^from lab-[12]$/)
    expect(everythingSaid(weir)).not.toContain(SECRET)
    expect(await weir.stop()).toBe(0)
  })
})
