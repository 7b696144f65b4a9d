// Every route there is, under Elysia. It is made after the server listens, or when somebody asks for what is not direct: the router and its
// routes are a third of what a start costs, and neither models nor probes wait for it.

import { Elysia } from 'elysia'
import { createAllowedMethods } from './allowed-methods.ts'
import { authRoutes } from './auth-routes.ts'
import { catalogRoutes } from './catalog-routes.ts'
import type { ServerDeps } from './context.ts'
import { dataPlane } from './data-plane.ts'
import { managementRoutes } from './management-routes.ts'
import { metricsRoutes } from './metrics-routes.ts'
import { passthroughRoutes } from './passthrough-routes.ts'
import { publicRoutes } from './public-routes.ts'
import { respondError } from './respond.ts'
import { responsesRoutes } from './responses-routes.ts'
import { routingError } from './routing-error.ts'
import { sessionRoutes } from './session-routes.ts'

/** Every route there is, without a listener. */
export function createApp(deps: ServerDeps) {
  // Each `use` registers every route of what it takes in anew, so there is one level of it.
  const app = new Elysia({ name: 'weir' })
    .onError(({ error, code, request }) =>
      respondError(request, routingError(error, code, request, allowedMethods, deps)),
    )
    .use(publicRoutes(deps))
    .use(authRoutes(deps))
    .use(sessionRoutes(deps))
    .use(metricsRoutes(deps))
    .use(managementRoutes(deps))
    .use(catalogRoutes(deps))
    .use(dataPlane(deps))
    .use(passthroughRoutes(deps))
    .use(responsesRoutes(deps))
  const allowedMethods = createAllowedMethods(() => app.routes)
  return app
}
