// `/openapi.json`, the page on which it can be read and tried out, and the guide. All are for anybody: they tell what there is, and nothing
// of whose it is. The document is made once, at the first look.

import { Elysia } from 'elysia'
import { gzipSync } from 'node:zlib'
import type { ServerDeps, WebAsset } from '../context.ts'
import { pathOf } from '../respond.ts'
import { ruleOf } from '../route-actions.ts'
import { webFile } from '../web-files.ts'
import type { RegisteredRoute } from './document.ts'

/** @param routes those of the management API, when all of them are registered */
export function docsRoutes(deps: ServerDeps, routes: () => readonly RegisteredRoute[]) {
  let made: Promise<WebAsset> | undefined
  const document = () =>
    // Nothing of it is loaded for anybody who never looks.
    (made ??= import('./document.ts').then(({ openApiDocument }) =>
      assetOf(openApiDocument(routes())),
    ))
  // Nobody is asked who they are; a route without a rule is not served all the same.
  for (const path of ['/openapi.json', '/docs', '/docs/*']) ruleOf('GET', path)
  return new Elysia({ name: 'docs-routes' })
    .get('/openapi.json', ({ request }) => webFile(request, 'openapi.json', { asset: document }))
    .get('/docs', ({ request }) => webFile(request, 'docs/index.html', deps))
    .get('/docs/*', ({ request }) => {
      const name = pathOf(request).slice('/docs/'.length)
      if (name === 'guide' || name.startsWith('guide/')) return guideFile(request, name, deps)
      return webFile(request, name === '' ? 'docs/index.html' : `docs/${name}`, deps)
    })
}

/** What a page of the guide loads has an ending; a page has none. */
const LOADED = /\.(?:js|css|json|png|svg)$/

/** @param name `guide`, `guide/limits`, `guide/start-1a2b3c4d.js` */
function guideFile(request: Request, name: string, deps: ServerDeps): Promise<Response> {
  if (LOADED.test(name)) return webFile(request, `docs/${name}`, deps)
  const page = name.replace(/^guide\/?/, '') || 'index'
  return webFile(request, `docs/guide/${page}.html`, deps, 'docs/guide/404.html', true)
}

function assetOf(document: object): WebAsset {
  const body = new TextEncoder().encode(JSON.stringify(document))
  return {
    body,
    gzip: gzipSync(body),
    contentType: 'application/json',
    etag: `"${Bun.hash(body).toString(36)}"`,
    isImmutable: false,
  }
}
