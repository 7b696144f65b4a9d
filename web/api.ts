// The management API as the pages ask it: a client typed by the server's own routes (Eden), with what every request needs: the proof of a
// change, the tenant that is looked at, one more try after rights have changed, and problems as errors with their words.

import type { AdminApp } from '../src/server/admin-app.ts'
import { clientOf } from './client.ts'
import { WITHOUT_TENANT } from './tenantless.ts'
import { csrf, isLetIn, learnRights, loadSession, otherTenant, toLogin } from './session.ts'

/** What went wrong, as the server says it (RFC 9457), or that it could not be asked. */
export class ApiProblem extends Error {
  /** 0: no answer came. */
  readonly status: number
  readonly code: string
  /** In words for people. */
  readonly detail: string
  /** The member of the body, or the parameter, that is wrong. */
  readonly param: string | undefined
  readonly requestId: string | undefined

  constructor(facts: {
    readonly status: number
    readonly code: string
    readonly detail: string
    readonly param?: string | null | undefined
    readonly requestId?: string | null | undefined
  }) {
    super(facts.detail)
    this.name = 'ApiProblem'
    this.status = facts.status
    this.code = facts.code
    this.detail = facts.detail
    this.param = facts.param ?? undefined
    this.requestId = facts.requestId ?? undefined
  }
}

/**
 * `api.keys.get({ query })`, `api.keys({ id }).patch(body)`: wrapped in `unwrap`, gives the body or throws an `ApiProblem`. Nobody but
 * `unwrap` looks at what it gives.
 */
export const api = clientOf<AdminApp>((url, init) => ask(url, init)).admin

interface Reply<T> {
  readonly data: T | null
  readonly error: unknown
  readonly status: number
  readonly response?: Response
}

type DataOf<R> = R extends { readonly data: infer D } ? NonNullable<D> : never

const tags = new WeakMap<object, string>()

/** The body of an answer. @throws ApiProblem */
export async function unwrap<R extends Reply<unknown>>(asked: Promise<R>): Promise<DataOf<R>> {
  const { data, error, response, status } = await asked
  if (error !== null && error !== undefined) throw problemOf(error, status, response)
  const tag = response?.headers.get('etag')
  if (typeof tag === 'string' && typeof data === 'object' && data !== null) tags.set(data, tag)
  return data as DataOf<R>
}

/**
 * Options of a change that must meet what was seen: `api.keys({ id }).patch(body, ifMatch(key))`. Answered with 412 where somebody else
 * has changed it since.
 * @param seen what `unwrap` gave
 */
export function ifMatch(seen: object): { headers?: { 'if-match': string } } {
  const tag = tags.get(seen)
  return tag === undefined ? {} : { headers: { 'if-match': tag } }
}

/** Any failure as a problem with words. */
export function toProblem(thrown: unknown): ApiProblem {
  if (thrown instanceof ApiProblem) return thrown
  const detail = thrown instanceof Error ? thrown.message : String(thrown)
  return new ApiProblem({ status: 0, code: 'failed', detail })
}

/**
 * A request of ours as every page makes it, for what is no JSON: exports, streams, model requests.
 * @throws ApiProblem where no answer came
 */
export async function ask(url: string, init: RequestInit = {}): Promise<Response> {
  const answer = await send(url, init)
  if (answer.status !== 401 && !(await isStaleProof(answer))) {
    if (answer.status === 403) void learnRights()
    return answer
  }
  // Rights may have changed, and with them the session: who one is now decides.
  const state = await loadSession()
  if (!isLetIn(state)) {
    toLogin()
    return answer
  }
  return await send(url, init)
}

/** The problem of an answer that is no success. */
export async function problemOfResponse(answer: Response): Promise<ApiProblem> {
  const text = await answer.text()
  try {
    return problemOf({ value: JSON.parse(text) }, answer.status, answer)
  } catch (thrown) {
    if (!(thrown instanceof SyntaxError)) throw thrown
    return problemOf({ value: undefined }, answer.status, answer)
  }
}

async function send(url: string, init: RequestInit): Promise<Response> {
  const headers = new Headers(init.headers)
  const method = init.method ?? 'GET'
  if (method !== 'GET' && method !== 'HEAD' && csrf.value !== '') {
    headers.set('x-weir-csrf', csrf.value)
  }
  let answer: Response
  try {
    answer = await fetch(withTenant(url), { ...init, headers })
  } catch (thrown) {
    if (thrown instanceof DOMException && thrown.name === 'AbortError') throw thrown
    throw new ApiProblem({
      status: 0,
      code: 'no_answer',
      detail: 'The server does not answer. Is it running?',
    })
  }
  const renewed = answer.headers.get('x-weir-csrf')
  if (renewed !== null) {
    csrf.value = renewed
    // With another id come other rights.
    void learnRights()
  }
  return answer
}

function withTenant(text: string): URL {
  const url = new URL(text, location.origin)
  const { value } = otherTenant
  const isAdmin = url.pathname.startsWith('/admin/')
  if (value !== undefined && isAdmin && !WITHOUT_TENANT.test(url.pathname)) {
    if (!url.searchParams.has('tenant')) url.searchParams.set('tenant', value)
  }
  return url
}

/** Another tab has renewed the session: the proof this one holds is worth nothing any more. */
async function isStaleProof(answer: Response): Promise<boolean> {
  if (answer.status !== 403) return false
  return (await problemOfResponse(answer.clone())).code === 'csrf'
}

/** Both shapes there are: problem details, and OpenAI's. */
function problemOf(error: unknown, status: number, response: Response | undefined): ApiProblem {
  const value = (error as { value?: unknown }).value
  if (value instanceof ApiProblem) return value
  if (value instanceof DOMException) throw value
  const body = (typeof value === 'object' && value !== null ? value : {}) as Partial<{
    detail: string
    title: string
    code: string
    param: string | null
    request_id: string
    error: Partial<{ message: string; code: string; param: string | null }>
  }>
  const { error: inner = {} } = body
  return new ApiProblem({
    status,
    code: body.code ?? inner.code ?? 'failed',
    detail: body.detail ?? inner.message ?? body.title ?? `The server answered with ${status}.`,
    param: body.param ?? inner.param,
    requestId: body.request_id ?? response?.headers.get('x-request-id'),
  })
}
