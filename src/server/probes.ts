// Whether the program lives, and whether requests should be sent to it: asked by machines, every few seconds and from the first moment on.
// Anybody may ask, so neither shows a key, a model or a provider.

import type { ServerDeps } from './context.ts'
import { respondJson } from './respond.ts'

/** Answers `/health`: it lives. */
export function health(request: Request): Response {
  return respondJson(request, { status: 'ok' })
}

/** Answers `/readyz`: 200, or 503 with what speaks against it. */
export function readiness(request: Request, deps: Pick<ServerDeps, 'readiness'>): Response {
  const { ready, checks } = deps.readiness()
  return respondJson(request, { status: ready ? 'ready' : 'not ready', checks }, ready ? 200 : 503)
}
