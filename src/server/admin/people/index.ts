// The routes of people and rights together, as the management API takes them in.

import { Elysia } from 'elysia'
import type { ServerDeps } from '../../context.ts'
import { assignmentsRoutes } from './assignments-routes.ts'
import { canRoutes } from './can-routes.ts'
import { groupsRoutes } from './groups-routes.ts'
import { rolesRoutes } from './roles-routes.ts'
import { servicesRoutes } from './services-routes.ts'
import { teamsRoutes } from './teams-routes.ts'
import { tenantsRoutes } from './tenants-routes.ts'
import { userAccessRoutes } from './user-access-routes.ts'
import { usersRoutes } from './users-routes.ts'

export function peopleRoutes(deps: ServerDeps) {
  return new Elysia({ name: 'people-routes' })
    .use(usersRoutes(deps))
    .use(userAccessRoutes(deps))
    .use(groupsRoutes(deps))
    .use(teamsRoutes(deps))
    .use(servicesRoutes(deps))
    .use(tenantsRoutes(deps))
    .use(rolesRoutes(deps))
    .use(assignmentsRoutes(deps))
    .use(canRoutes(deps))
}
