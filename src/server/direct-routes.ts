// What is answered without the router: models under a whole path, and whether the program lives and is ready. Most requests are these, and
// a start serves them before the router is made. Everything here is registered there all the same, and answered alike.

import { answer } from './ask-model.ts'
import type { ServerDeps } from './context.ts'
import { health, readiness } from './probes.ts'
import { pathOf } from './respond.ts'
import { ruleOf } from './route-actions.ts'
import { MODEL_ROUTES } from './routes.ts'

/**
 * Answers the routes whose whole path is fixed, which most requests ask for, without the router: it costs a tenth of what the rest of a
 * small request does. The routes are registered all the same, for their prefixes, for other methods and for the API's description.
 * @returns undefined for what is the router's
 */
export function directRoutes(
  deps: ServerDeps,
): (request: Request) => Response | Promise<Response> | undefined {
  const known = new Map(
    MODEL_ROUTES.filter(({ path }) => !/[:*]/.test(path)).map((route) => [
      route.path,
      { route, rule: ruleOf('POST', route.path) },
    ]),
  )
  return (request) => {
    const { method } = request
    if (method === 'POST') {
      const found = known.get(pathOf(request))
      return found === undefined ? undefined : answer(request, found.route, found.rule, {}, deps)
    }
    if (method !== 'GET') return undefined
    const path = pathOf(request)
    if (path === '/health') return health(request)
    return path === '/readyz' ? readiness(request, deps) : undefined
  }
}
