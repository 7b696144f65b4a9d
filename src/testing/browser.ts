// A browser for tests of logins: cookies with their rules (host, Secure, HttpOnly, expiry, `__Host-`), redirects that are followed one by
// one, and the header fields that browsers send by themselves. It runs no scripts: a test does what a page's script would.

export interface TestCookie {
  readonly name: string
  readonly value: string
  /** Lower case, without values: `httponly`, `secure`, `samesite=lax`, `path=/`, … */
  readonly attributes: readonly string[]
}

export interface Visit {
  readonly response: Response
  readonly text: string
  /** Every address on the way, the last one included. */
  readonly addresses: readonly string[]
}

const REDIRECTS_MAX = 10

export class TestBrowser {
  /** By host without port, as browsers keep them, then by name. */
  private readonly jar = new Map<string, Map<string, TestCookie>>()
  /** Every cookie that was ever set, in order. */
  readonly everSet: TestCookie[] = []

  cookies(url: string): readonly TestCookie[] {
    return [...(this.jar.get(new URL(url).hostname)?.values() ?? [])]
  }

  cookie(url: string, name: string): TestCookie | undefined {
    return this.jar.get(new URL(url).hostname)?.get(name)
  }

  /** As somebody who can write into the browser. */
  plant(url: string, name: string, value: string): void {
    this.keep(new URL(url).hostname, { name, value, attributes: [] })
  }

  forget(): void {
    this.jar.clear()
  }

  /** One request with the cookies of its host; redirects are not followed. */
  async send(url: string, init: RequestInit = {}): Promise<Response> {
    const { hostname, protocol } = new URL(url)
    const sent = this.cookies(url).filter(
      ({ attributes }) =>
        protocol === 'https:' || !attributes.includes('secure') || hostname === '127.0.0.1',
    )
    const headers = new Headers(init.headers)
    if (sent.length > 0 && !headers.has('cookie')) {
      headers.set('cookie', sent.map(({ name, value }) => `${name}=${value}`).join('; '))
    }
    const response = await fetch(url, { ...init, headers, redirect: 'manual' })
    for (const line of response.headers.getSetCookie()) this.take(url, line)
    return response
  }

  /** Goes to a page as by a link, and on wherever it is sent, until `stop` or an answer that is no redirect. */
  async visit(url: string, stop: (url: string) => boolean = () => false): Promise<Visit> {
    const addresses = [url]
    for (let at = url; ;) {
      const response = await this.send(at, {
        headers: { accept: 'text/html', 'sec-fetch-mode': 'navigate' },
      })
      const location = response.headers.get('location')
      const isOver = response.status < 300 || response.status >= 400 || location === null
      if (isOver || addresses.length > REDIRECTS_MAX) {
        return { response, text: await response.text(), addresses }
      }
      await response.body?.cancel()
      at = new URL(location, at).href
      addresses.push(at)
      if (stop(at)) return { response, text: '', addresses }
    }
  }

  /** What a script of a page of the same origin sends. */
  async script(url: string, method: string, body?: unknown, csrf?: string): Promise<Response> {
    return await this.send(url, {
      method,
      headers: {
        'sec-fetch-site': 'same-origin',
        'sec-fetch-mode': 'cors',
        ...(method === 'GET' ? {} : { origin: new URL(url).origin }),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...(csrf === undefined ? {} : { 'x-weir-csrf': csrf }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
  }

  private take(url: string, line: string): void {
    const [pair = '', ...rest] = line.split(';').map((part) => part.trim())
    const equals = pair.indexOf('=')
    const attributes = rest.map((part) => part.toLowerCase())
    const cookie = { name: pair.slice(0, equals), value: pair.slice(equals + 1), attributes }
    this.everSet.push(cookie)
    const isHostOnly = cookie.name.startsWith('__Host-')
    const isFit = attributes.includes('secure') && attributes.includes('path=/')
    if (isHostOnly && (!isFit || attributes.some((each) => each.startsWith('domain=')))) return
    const { hostname } = new URL(url)
    if (attributes.includes('max-age=0')) this.jar.get(hostname)?.delete(cookie.name)
    else this.keep(hostname, cookie)
  }

  private keep(hostname: string, cookie: TestCookie): void {
    const ofHost = this.jar.get(hostname) ?? new Map<string, TestCookie>()
    this.jar.set(hostname, ofHost.set(cookie.name, cookie))
  }
}
