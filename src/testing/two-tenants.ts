// Two tenants on one server, each with a provider, aliases, keys, files and answers of its own, and one provider that both see. Everything
// of a tenant has its marker in it, so that whatever one of them reads can be searched for the other's.

import type { ApiKey, Model } from '../core/catalog.ts'
import { PLATFORM_TENANT_ID, type Directory, type User } from '../core/identity.ts'
import { createTestGateway, testProvider, type TestGateway } from './gateway.ts'
import { targetOf } from './routes.ts'
import {
  startTestServer,
  testKey,
  testTenant,
  type TestServer,
  type TestServerOptions,
} from './server.ts'
import { startUpstream, type Upstream } from './upstream.ts'

export type TenantName = 'a' | 'b'

/** As long as each other, so that answers differ in nothing but these letters. */
export const MARKERS: Readonly<Record<TenantName, string>> = { a: 'aaMARKERaa', b: 'bbMARKERbb' }

/** As a name of nobody: of the same length. */
export const NOBODYS = 'nnMARKERnn'

/** Who asks, by name; `nobody` has no key and `guest` has one without any rights. */
export const KEYS = {
  guest: 'weir_guest00000000000000000000000000000000000000001',
  aMember: 'weir_amember000000000000000000000000000000000000002',
  aAdmin: 'weir_aadmin0000000000000000000000000000000000000003',
  aAuditor: 'weir_aauditor00000000000000000000000000000000000004',
  bMember: 'weir_bmember000000000000000000000000000000000000005',
  bAdmin: 'weir_badmin0000000000000000000000000000000000000006',
  platform: 'weir_platform00000000000000000000000000000000000007',
} as const

export type Who = keyof typeof KEYS | 'nobody'

export interface TwoTenants {
  readonly gateway: TestGateway
  readonly server: TestServer
  /** By tenant, and of the provider that both see. */
  readonly upstreams: Readonly<Record<TenantName | 'shared', Upstream>>
  close(): Promise<void>
}

/** Names of what a tenant has, from its marker. */
export function namesOf(marker: string) {
  return {
    provider: `p-${marker}`,
    model: `m-${marker}`,
    /** Of an alias, to its own provider. */
    alias: `alias-${marker}`,
    /** Of its own provider. */
    direct: `p-${marker}/m-${marker}`,
    file: `file-${marker}`,
    batch: `batch_${marker}`,
    response: `resp_${marker}`,
    keyName: `key-${marker}`,
  }
}

/** @param deps what the server is given in place of a store that is away */
export function startTwoTenants(deps: TestServerOptions['deps'] = {}): TwoTenants {
  const upstreams = {
    a: provider(MARKERS.a),
    b: provider(MARKERS.b),
    shared: provider('shared'),
  }
  const at = (id: string, upstream: Upstream, tenantId?: TenantName) =>
    testProvider({
      id,
      type: 'openai',
      baseUrl: `${upstream.url}/v1`,
      origin: tenantId === undefined ? 'file' : 'store',
      retries: { max: 0, baseMs: 1, capMs: 1 },
      ...(tenantId === undefined ? {} : { tenantId }),
    })
  const tenants: readonly TenantName[] = ['a', 'b']
  const keys = keysOf()
  const gateway = createTestGateway({
    providers: [
      at('shared', upstreams.shared),
      ...tenants.flatMap((id) => [
        at(namesOf(MARKERS[id]).provider, upstreams[id], id),
        // Both have one of this id.
        at('same', upstreams[id], id),
      ]),
    ],
    models: [alias('open', ['shared', 'm']), ...tenants.flatMap(aliasesOf)],
    keys,
    people: PEOPLE,
  })
  const server = startTestServer(gateway, { keys, people: PEOPLE, anonymous: 'never', deps })
  return {
    gateway,
    server,
    upstreams,
    async close() {
      await server.stop(0)
      await Promise.all(Object.values(upstreams).map((one) => one.close()))
    },
  }
}

function alias(
  id: string,
  [providerId, model]: readonly [string, string],
  tenantId?: string,
): Model {
  return {
    id,
    origin: tenantId === undefined ? 'file' : 'store',
    targets: [targetOf(providerId, { model })],
    defaults: {},
    losses: 'report',
    ...(tenantId === undefined ? {} : { tenantId }),
  }
}

function aliasesOf(tenantId: TenantName): Model[] {
  const { alias: name, model, provider: own } = namesOf(MARKERS[tenantId])
  const other = namesOf(MARKERS[tenantId === 'a' ? 'b' : 'a'])
  const stray = alias(`stray-${MARKERS[tenantId]}`, [other.provider, other.model], tenantId)
  return [
    alias(name, [own, model], tenantId),
    alias('same', ['same', model], tenantId),
    alias(`common-${MARKERS[tenantId]}`, ['shared', 'm'], tenantId),
    // Names what is the other's: nobody is there for it.
    stray,
    {
      ...alias(`fallen-${MARKERS[tenantId]}`, ['gone', model], tenantId),
      routing: {
        strategy: 'round_robin',
        fallbacks: { any: [other.alias, other.direct, stray.id] },
        retryRefused: false,
        continuation: false,
      },
    },
  ]
}

function user(id: string, tenantId: string): User {
  return { tenantId, id, issuer: 'local', subject: id, status: 'active', createdMs: 0 }
}

const PEOPLE: Partial<Directory> = {
  tenants: [testTenant('a'), testTenant('b')],
  users: [user('root', 'default'), user('guest', 'b')],
  assignments: [
    {
      id: 'root-owns',
      tenantId: PLATFORM_TENANT_ID,
      roleId: 'owner',
      assignee: { kind: 'user', id: 'root' },
      scope: '/',
      effect: 'allow',
      createdMs: 0,
      origin: 'store',
    },
  ],
}

function keysOf(): ApiKey[] {
  const own = (who: keyof typeof KEYS, tenantId: string, over: Partial<ApiKey>) =>
    testKey(KEYS[who], { id: `id-${who}`, name: who, tenantId, ...over })
  const marked = (id: TenantName) => namesOf(MARKERS[id]).keyName
  return [
    own('guest', 'b', { owner: { kind: 'user', id: 'guest' } }),
    own('aMember', 'a', { name: marked('a') }),
    own('aAdmin', 'a', { roles: ['admin'] }),
    own('aAuditor', 'a', { roles: ['auditor'] }),
    own('bMember', 'b', { name: marked('b') }),
    own('bAdmin', 'b', { roles: ['admin'] }),
    own('platform', 'default', { owner: { kind: 'user', id: 'root' } }),
  ]
}

/** A provider of everything, that says its marker in everything. */
function provider(marker: string): Upstream {
  const { batch, file, model, response } = namesOf(marker)
  const listed = marker === 'shared' ? 'm' : model
  const file_ = { id: file, object: 'file', filename: marker, bytes: 1, purpose: 'batch' }
  const batch_ = { id: batch, object: 'batch', status: 'validating', input_file_id: file }
  const list = (row: object) => Response.json({ object: 'list', data: [row], has_more: false })
  return startUpstream(({ method, target }) => {
    const path = target.replace(/\?.*$/, '').replace(/^\/v1/, '')
    if (path === '/models') return list({ id: listed, object: 'model', created: 1 })
    if (path === '/files') return method === 'GET' ? list(file_) : Response.json(file_)
    if (path.endsWith('/content')) return new Response(marker)
    if (path.startsWith('/files/')) return Response.json({ ...file_, deleted: true })
    if (path === '/batches') return method === 'GET' ? list(batch_) : Response.json(batch_)
    if (path.startsWith('/batches')) return Response.json(batch_)
    if (path.startsWith('/responses')) return Response.json(answered(response, marker))
    if (path === '/embeddings') return Response.json(embedded(marker))
    if (path === '/chat/completions') return Response.json(completed(marker))
    return Response.json({ id: marker, object: 'anything', text: marker, data: [], model: marker })
  })
}

function completed(marker: string) {
  const message = { role: 'assistant', content: `says ${marker}` }
  return {
    id: `chatcmpl-${marker}`,
    object: 'chat.completion',
    created: 1,
    model: `m-${marker}`,
    choices: [{ index: 0, message, finish_reason: 'stop' }],
    usage: { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 },
  }
}

function answered(id: string, marker: string) {
  const content = [{ type: 'output_text', text: `says ${marker}`, annotations: [] }]
  return {
    id,
    object: 'response',
    created_at: 1,
    status: 'completed',
    model: `m-${marker}`,
    output: [
      { type: 'message', id: `msg_${marker}`, role: 'assistant', status: 'completed', content },
    ],
    usage: { input_tokens: 1, output_tokens: 1, total_tokens: 2 },
    data: [],
  }
}

function embedded(marker: string) {
  return {
    object: 'list',
    data: [{ object: 'embedding', index: 0, embedding: [0.5] }],
    model: `m-${marker}`,
    usage: { prompt_tokens: 1, total_tokens: 1 },
  }
}
