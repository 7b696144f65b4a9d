// What providers of every kind list, through the executable: all pages of it, what became of models that vanish, and what is known
// when a provider has not answered yet. A model that is gone is marked and asked for all the same, since the provider's word is final.

import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import type { Server } from 'bun'
import { startWeir, type Weir } from './harness/weir.ts'

setDefaultTimeout(240_000)

const PER_PAGE = 2
const CONFIG_ENV = { WEIR_ADMIN: 'admin-secret-0123456789-0123456789-0123' }

/** How one kind lists its models: the path, and one page of names with the token of the next. */
interface Listing {
  readonly path: string
  /** Query parameter with the token; absent: one page. */
  readonly parameter?: string
  page(names: readonly string[], next: string | undefined): object
}

const openaiPage = (names: readonly string[]) => ({
  object: 'list',
  data: names.map((id) => ({ id, object: 'model', created: 1 })),
})

const LISTINGS: Readonly<Record<string, Listing>> = {
  openai: { path: '/models', page: openaiPage },
  mistral: { path: '/models', page: openaiPage },
  openrouter: { path: '/models', page: openaiPage },
  lmstudio: { path: '/models', page: openaiPage },
  custom: { path: '/models', page: openaiPage },
  azure: { path: '/openai/v1/models', page: openaiPage },
  anthropic: {
    path: '/v1/models',
    parameter: 'after_id',
    page: (names, next) => ({
      data: names.map((id) => ({ type: 'model', id })),
      has_more: next !== undefined,
      last_id: next ?? names.at(-1) ?? null,
    }),
  },
  gemini: {
    path: '/v1beta/models',
    parameter: 'pageToken',
    page: (names, next) => ({
      models: names.map((name) => ({
        name: `models/${name}`,
        supportedGenerationMethods: ['generateContent'],
      })),
      ...(next === undefined ? {} : { nextPageToken: next }),
    }),
  },
  cohere: {
    path: '/v1/models',
    parameter: 'page_token',
    page: (names, next) => ({
      models: names.map((name) => ({ name, endpoints: ['chat'] })),
      ...(next === undefined ? {} : { next_page_token: next }),
    }),
  },
  ollama: { path: '/api/tags', page: (names) => ({ models: names.map((model) => ({ model })) }) },
  bedrock: {
    path: '/foundation-models',
    page: (names) => ({
      modelSummaries: names.map((modelId) => ({ modelId, inferenceTypesSupported: ['ON_DEMAND'] })),
    }),
  },
}
const KINDS = Object.keys(LISTINGS)
const NAMES = ['alpha', 'beta', 'gamma', 'delta', 'epsilon']

/** One provider of each kind behind one address, each below a path of its own. */
class Providers {
  readonly names = new Map(KINDS.map((kind) => [kind, [...NAMES]]))
  /** Kinds whose pages after the first fail. */
  readonly broken = new Set<string>()
  /** Kinds that answer 200 without a list. */
  readonly lying = new Set<string>()
  readonly asked: string[] = []
  readonly server: Server<undefined>

  constructor() {
    this.server = Bun.serve({
      hostname: '127.0.0.1',
      port: 0,
      fetch: (request) => this.answer(request),
    })
  }

  url(kind: string): string {
    return `http://127.0.0.1:${this.server.port}/${kind}${kind === 'gemini' ? '/v1beta' : ''}`
  }

  private answer(request: Request): Response {
    const { pathname, searchParams } = new URL(request.url)
    const [, kind = '', ...rest] = pathname.split('/')
    const listing = LISTINGS[kind]
    if (listing === undefined || `/${rest.join('/')}` !== listing.path) {
      this.asked.push(pathname)
      const error = {
        message: 'no such model here',
        type: 'invalid_request_error',
        code: 'model_not_found',
      }
      return Response.json({ error }, { status: 404 })
    }
    if (this.lying.has(kind)) return Response.json({ error: { message: 'try again later' } })
    const { parameter } = listing
    const names = this.names.get(kind) ?? []
    if (parameter === undefined) return Response.json(listing.page(names, undefined))
    const start = Number(searchParams.get(parameter) ?? '0')
    if (start > 0 && this.broken.has(kind)) return new Response('no', { status: 500 })
    const end = start + PER_PAGE
    const next = end < names.length ? String(end) : undefined
    return Response.json(listing.page(names.slice(start, end), next))
  }
}

interface Status {
  readonly provider: string
  readonly model: string
  readonly state: string
  readonly gone_since: string | null
}

describe('models of every kind of provider', () => {
  const providers = new Providers()
  let weir: Weir

  const config = () => ({
    keys: [{ name: 'admin', key: '${WEIR_ADMIN}', roles: ['admin'] }],
    providers: KINDS.map((kind) => ({
      id: kind,
      type: kind,
      base_url: providers.url(kind),
      ...(['ollama', 'lmstudio'].includes(kind) ? {} : { keys: ['sk-provider-0123456789-0123'] }),
      ...(kind === 'custom' ? { compatible: 'openai' } : {}),
      ...(kind === 'bedrock' ? { region: 'eu-central-1' } : {}),
      retries: { max: 0 },
    })),
  })
  const admin = async (path: string, body?: object) => {
    const response = await fetch(`${weir.url}/admin/models/${path}`, {
      headers: {
        authorization: `Bearer ${CONFIG_ENV.WEIR_ADMIN}`,
        'content-type': 'application/json',
      },
      ...(body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) }),
    })
    return { status: response.status, body: (await response.json()) as { data: Status[] } }
  }
  const listed = async (url = weir.url) => {
    const response = await fetch(`${url}/v1/models`, {
      headers: { authorization: `Bearer ${CONFIG_ENV.WEIR_ADMIN}` },
    })
    const { data } = (await response.json()) as { data: { id: string }[] }
    return data.map(({ id }) => id)
  }
  const namesOf = (statuses: readonly Status[], state: string) =>
    statuses
      .filter((each) => each.state === state)
      .map(({ model, provider }) => `${provider}/${model}`)

  beforeAll(async () => {
    weir = await startWeir({ config: config(), env: CONFIG_ENV })
  })
  afterAll(async () => {
    expect(await weir.stop()).toBe(0)
    await providers.server.stop(true)
  })

  test('every page of every list is read, and all of it is available', async () => {
    const refreshed = await admin('refresh', {})
    expect(refreshed).toMatchObject({ status: 200 })
    expect(refreshed.body.data.filter(({ provider }) => provider !== 'mock')).toEqual(
      KINDS.map((provider) =>
        expect.objectContaining({ provider, answered: true, whole: true, models: NAMES.length }),
      ),
    )
    const all = KINDS.flatMap((kind) => NAMES.map((name) => `${kind}/${name}`)).toSorted()
    const { body } = await admin('status?state=available')
    const available = namesOf(body.data, 'available').filter((id) => !id.startsWith('mock/'))
    expect(available.toSorted()).toEqual(all)
    expect((await listed()).filter((id) => !id.startsWith('mock/')).toSorted()).toEqual(all)
  })

  test('what vanishes from a whole list is marked; from a part of one, or no list at all, nothing is', async () => {
    for (const [kind, names] of providers.names) providers.names.set(kind, names.slice(0, -1))
    providers.broken.add('gemini')
    providers.lying.add('mistral')
    await admin('refresh', {})
    const gone = KINDS.filter((kind) => kind !== 'gemini' && kind !== 'mistral')
    const { body } = await admin('status?state=gone')
    expect(namesOf(body.data, 'gone').toSorted()).toEqual(
      gone.map((kind) => `${kind}/epsilon`).toSorted(),
    )
    for (const { gone_since: since } of body.data) {
      expect(Math.abs(Date.now() - Date.parse(since ?? ''))).toBeLessThan(60_000)
    }
    const names = await listed()
    expect(gone.filter((kind) => names.includes(`${kind}/epsilon`))).toEqual([])
    expect(names).toContain('gemini/epsilon')
    expect(names).toContain('mistral/epsilon')
  })

  test('a model that is gone is asked for all the same: its provider says what is wrong', async () => {
    const response = await fetch(`${weir.url}/v1/chat/completions`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        authorization: `Bearer ${CONFIG_ENV.WEIR_ADMIN}`,
      },
      body: JSON.stringify({
        model: 'openai/epsilon',
        messages: [{ role: 'user', content: 'hi' }],
      }),
    })
    expect(providers.asked).toEqual(['/openai/chat/completions'])
    expect(response.status).toBe(404)
  })

  test('the command shows what is gone and since when, and marks what it finds itself', async () => {
    const shown = await weir.runCli('models', 'list', '--all', '--provider', 'openai', '--json')
    const openai = JSON.parse(shown.stdout) as { id: string; state: string; gone_since: string }[]
    expect(openai.map(({ id, state }) => [id, state])).toEqual([
      ['openai/alpha', 'available'],
      ['openai/beta', 'available'],
      ['openai/delta', 'available'],
      ['openai/epsilon', 'gone'],
      ['openai/gamma', 'available'],
    ])
    const { gone_since: since = '' } = openai.find(({ state }) => state === 'gone') ?? {}
    const table = await weir.runCli('models', 'list', '--all', '--provider', 'openai')
    expect(table.stdout).toContain(`gone since ${since.slice(0, 10)}`)

    providers.names.set('cohere', ['alpha', 'zeta'])
    const refreshed = await weir.runCli('models', 'refresh', 'cohere')
    expect(refreshed).toMatchObject({ code: 0, stderr: '' })
    expect(refreshed.stdout).toBe('cohere: 2 models, 1 new, 3 gone (beta, delta, gamma)\n')
    const twice = await weir.runCli('models', 'refresh', 'cohere')
    expect(twice.stdout).toBe('cohere: 2 models\n')
    // It comes back when it is listed again.
    providers.names.set('openai', [...NAMES])
    await admin('refresh', { provider: 'openai' })
    expect(await listed()).toContain('openai/epsilon')
  })

  test('another start knows the names before any provider has answered', async () => {
    const hung = Bun.serve({ hostname: '127.0.0.1', port: 0, fetch: () => new Promise(() => {}) })
    const silent = config().providers.map((provider) => ({
      ...provider,
      base_url: `http://127.0.0.1:${hung.port}/v1`,
    }))
    const other = await startWeir({
      config: { ...config(), providers: silent },
      env: CONFIG_ENV,
      args: ['--data', weir.dataFolder],
    })
    const names = await listed(other.url)
    expect(names).toContain('openai/alpha')
    expect(names).toContain('cohere/zeta')
    expect(names).not.toContain('cohere/beta')
    expect(await other.stop()).toBe(0)
    await hung.stop(true)
  })

  test('nobody but an administrator sees or asks', async () => {
    for (const path of ['status', 'refresh']) {
      const method = path === 'refresh' ? 'POST' : 'GET'
      const response = await fetch(`${weir.url}/admin/models/${path}`, {
        method,
        headers: { authorization: 'Bearer nobody' },
      })
      expect(response.status).toBe(401)
    }
    expect((await admin('refresh', { provider: 'nobody' })).status).toBe(400)
    expect((await admin('status?state=lost')).status).toBe(400)
  })
})
