// The management API as one app, with every route typed: what the web UI's client is made from. Each area has its module; this is their
// table of contents.

import { Elysia } from 'elysia'
import { aliasesRoutes } from './admin/aliases-routes.ts'
import { auditRoutes } from './admin/audit-routes.ts'
import { contentRoutes } from './admin/content-routes.ts'
import { holdsRoutes } from './admin/holds-routes.ts'
import { configRoutes } from './admin/config-routes.ts'
import { settingsRoutes } from './admin/settings-routes.ts'
import { budgetsRoutes } from './admin/budgets-routes.ts'
import { discoveryRoutes } from './admin/discovery-routes.ts'
import { cacheRoutes } from './admin/cache-routes.ts'
import { flagsRoutes } from './admin/flags-routes.ts'
import { guardrailTrialRoutes } from './admin/guardrail-trial-routes.ts'
import { guardrailsRoutes } from './admin/guardrails-routes.ts'
import { healthRoutes } from './admin/health-routes.ts'
import { keysRoutes } from './admin/keys-routes.ts'
import { limitsRoutes } from './admin/limits-routes.ts'
import { meLimitsRoutes } from './admin/me-limits-routes.ts'
import { mappingsRoutes } from './admin/mappings-routes.ts'
import { modelsRoutes } from './admin/models-routes.ts'
import { peopleRoutes } from './admin/people/index.ts'
import { requestsRoutes } from './admin/requests-routes.ts'
import { playgroundRoutes } from './admin/playground-routes.ts'
import { providerActsRoutes } from './admin/provider-acts-routes.ts'
import { providerKeysRoutes } from './admin/provider-keys-routes.ts'
import { providersRoutes } from './admin/providers-routes.ts'
import { routeRoutes } from './admin/route-routes.ts'
import { sessionsRoutes } from './admin/sessions-routes.ts'
import { telemetryRoutes } from './admin/telemetry-routes.ts'
import { snippetsRoutes } from './admin/snippets-routes.ts'
import { usageRoutes } from './admin/usage-routes.ts'
import { createAllowedMethods } from './allowed-methods.ts'
import type { ServerDeps } from './context.ts'
import type { RegisteredRoute } from './openapi/document.ts'
import { docsRoutes } from './openapi/docs-routes.ts'
import { respondError } from './respond.ts'
import { routingError } from './routing-error.ts'

/** The type the client in `web/api.ts` is made from. */
export type AdminApp = ReturnType<typeof createAdminApp>

/** Every route of the management API. */
export function createAdminApp(deps: ServerDeps) {
  let registered = (): readonly RegisteredRoute[] => []
  const app = new Elysia({ name: 'admin' })
    .onError(({ error, code, request }) =>
      respondError(request, routingError(error, code, request, allowedMethods, deps)),
    )
    .use(healthRoutes(deps))
    .use(telemetryRoutes(deps))
    .use(providersRoutes(deps))
    .use(providerActsRoutes(deps))
    .use(providerKeysRoutes(deps))
    .use(routeRoutes(deps))
    .use(discoveryRoutes(deps))
    .use(modelsRoutes(deps))
    .use(aliasesRoutes(deps))
    .use(mappingsRoutes(deps))
    .use(snippetsRoutes(deps))
    .use(playgroundRoutes(deps))
    .use(keysRoutes(deps))
    .use(limitsRoutes(deps))
    .use(budgetsRoutes(deps))
    .use(meLimitsRoutes(deps))
    .use(contentRoutes(deps))
    .use(holdsRoutes(deps))
    .use(guardrailsRoutes(deps))
    .use(guardrailTrialRoutes(deps))
    .use(cacheRoutes(deps))
    .use(flagsRoutes(deps))
    .use(sessionsRoutes(deps))
    .use(peopleRoutes(deps))
    .use(auditRoutes(deps))
    .use(requestsRoutes(deps))
    .use(usageRoutes(deps))
    .use(settingsRoutes(deps))
    .use(configRoutes(deps))
    .use(docsRoutes(deps, () => registered()))
  registered = () => app.routes
  const allowedMethods = createAllowedMethods(() => app.routes)
  return app
}
