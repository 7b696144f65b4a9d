// `/openapi.json`, and the page on which it can be read and tried out. Both are for anybody: they tell what there is, and nothing of whose
// it is. The document is made once, at the first look.

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
      return webFile(request, name === '' ? 'docs/index.html' : `docs/${name}`, deps)
    })
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
