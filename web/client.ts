// A client whose members are the server's paths: `client.keys({ id }).patch(body)`. Its types are Eden's, made of the server's routes; what runs
// is these few lines in place of Eden's own, which bring sockets, forms and dates that nothing here asks for. It knows nothing of what is asked.

import type { Treaty } from '@elysiajs/eden/treaty2'
import type { AnyElysia } from 'elysia'

type Fetcher = (url: string, init: RequestInit) => Promise<Response>

interface Options {
  readonly query?: Readonly<Record<string, unknown>>
  readonly headers?: Readonly<Record<string, string>>
  readonly fetch?: RequestInit
}

const METHODS = /^(?:get|post|put|patch|delete)$/

/** @param fetcher asks; what it throws comes through */
export function clientOf<App extends AnyElysia>(fetcher: Fetcher): Treaty.Create<App> {
  return place([], fetcher) as Treaty.Create<App>
}

function place(parts: readonly string[], fetcher: Fetcher): unknown {
  return new Proxy(() => undefined, {
    get: (_, name) => place([...parts, String(name)], fetcher),
    apply(_, __, [first, second]: readonly unknown[]) {
      const last = parts.at(-1) ?? ''
      if (!METHODS.test(last)) {
        // A parameter of the path, by its name.
        return place([...parts, String(Object.values(first as object)[0])], fetcher)
      }
      const path = `/${parts.slice(0, -1).join('/')}`
      return last === 'get'
        ? asked(fetcher, path, 'GET', undefined, first as Options)
        : asked(fetcher, path, last.toUpperCase(), first, second as Options)
    },
  })
}

async function asked(
  fetcher: Fetcher,
  path: string,
  method: string,
  body: unknown,
  { fetch: init, headers, query = {} }: Options = {},
) {
  const search = new URLSearchParams()
  for (const [name, value] of Object.entries(query)) {
    for (const each of Array.isArray(value) ? value : [value]) {
      if (each !== undefined && each !== null) search.append(name, String(each))
    }
  }
  const text = search.toString()
  const response = await fetcher(`${path}${text === '' ? '' : `?${text}`}`, {
    ...init,
    method,
    headers: { ...headers, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  const isJson = response.headers.get('content-type')?.includes('json') === true
  const value: unknown = isJson ? await response.json() : await response.text()
  return response.ok
    ? { data: value, error: null, status: response.status, response }
    : { data: null, error: { value }, status: response.status, response }
}
