// The way to the management API and its documentation, which are an app of their own: it is made when it is first asked for, so that a
// start and the models pay nothing for it. Nobody is let in or kept out here: every route behind it asks by its own rule.

import { Elysia } from 'elysia'
import type { AdminApp } from './admin-app.ts'
import type { ServerDeps } from './context.ts'

/** Paths that are handed on as they are. */
export const MANAGEMENT_PATHS = ['/admin', '/admin/*', '/openapi.json', '/docs', '/docs/*'] as const

export function managementRoutes(deps: ServerDeps) {
  const app = new Elysia({ name: 'management-routes' })
  let admin: Promise<AdminApp> | undefined
  const handle = async ({ request }: { readonly request: Request }): Promise<Response> => {
    admin ??= import('./admin-app.ts').then(({ createAdminApp }) => createAdminApp(deps))
    return await (await admin).handle(request)
  }
  for (const path of MANAGEMENT_PATHS) app.all(path, handle, { parse: 'none' })
  return app
}
