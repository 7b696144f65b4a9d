// What anybody may read: liveness, readiness and the page of the web UI. None of it shows a key, a model or a provider.

import { Elysia } from 'elysia'
import type { ServerDeps } from './context.ts'
import { health, readiness } from './probes.ts'
import { pathOf, respond } from './respond.ts'
import { webFile } from './web-files.ts'

/** A path of the UI that is no file's: the pages are one, and it finds out itself which is meant. */
const PAGE_PATH = /^[^.%\\/][^.%\\]*$/
const FILE_PATH = /\.(?:js|css|svg|html|png|ico|map|txt|json)$/

export function publicRoutes(deps: ServerDeps) {
  const app = new Elysia({ name: 'public-routes' })
  app.get('/health', ({ request }) => health(request))
  app.get('/readyz', ({ request }) => readiness(request, deps))
  app.get('/', ({ request }) =>
    wantsPage(request)
      ? respond(request, { status: 302, headers: { location: '/ui' }, body: '' })
      : // Ollama's own words: clients ask the root to see whether a server is there.
        respond(request, {
          status: 200,
          headers: { 'content-type': 'text/plain; charset=utf-8' },
          body: 'Ollama is running',
        }),
  )
  app.get('/ui', ({ request }) => webFile(request, 'index.html', deps))
  app.get('/ui/*', ({ request }) => {
    const path = pathOf(request).slice('/ui/'.length)
    if (path === '') return webFile(request, 'index.html', deps)
    return webFile(request, path, deps, isPage(request, path) ? 'index.html' : undefined)
  })
  return app
}

/** Links lead deep into the UI; an id at the end of a path may hold a dot, so a browser that wants a page gets one. */
function isPage(request: Request, path: string): boolean {
  return PAGE_PATH.test(path) || (wantsPage(request) && !FILE_PATH.test(path))
}

function wantsPage(request: Request): boolean {
  return request.headers.get('accept')?.includes('text/html') ?? false
}
