// Everything rights follow from, read as one state of the store: a role widened after it was taken from somebody must never meet the
// assignment of before. For the snapshot alone.

import { asc } from 'drizzle-orm'
import type { Directory } from '../core/identity.ts'
import type { DirectoryRepository } from '../core/ports-people.ts'
import { toAssignment } from './assignment-rows.ts'
import type { ControlDatabase } from './control-database.ts'
import { toGroup } from './groups.ts'
import { toRole } from './roles.ts'
import { toService } from './services.ts'
import { toTeam } from './teams.ts'
import { toTenant } from './tenants.ts'
import { toUser } from './users.ts'

/** The directory of one store; see the port for the contract. */
export class DirectoryReader implements DirectoryRepository {
  private readonly database: ControlDatabase

  constructor(database: ControlDatabase) {
    this.database = database
  }

  async all(): Promise<Directory> {
    const { assignments, groups, memberships, roles, services, teams, tenants, users } =
      this.database.tables
    const [ofTenants, ofTeams, ofUsers, ofGroups, ofServices, ofRoles, given, members] =
      await this.database.readTogether((tx) => [
        tx.select().from(tenants).orderBy(asc(tenants.id)),
        tx.select().from(teams).orderBy(asc(teams.tenantId), asc(teams.id)),
        tx.select().from(users).orderBy(asc(users.tenantId), asc(users.id)),
        tx.select().from(groups).orderBy(asc(groups.tenantId), asc(groups.id)),
        tx.select().from(services).orderBy(asc(services.tenantId), asc(services.id)),
        tx.select().from(roles).orderBy(asc(roles.tenantId), asc(roles.id)),
        tx.select().from(assignments).orderBy(asc(assignments.createdMs), asc(assignments.id)),
        tx
          .select()
          .from(memberships)
          .orderBy(asc(memberships.tenantId), asc(memberships.kind), asc(memberships.id)),
      ])
    return {
      tenants: ofTenants.map(toTenant),
      teams: ofTeams.map(toTeam),
      users: ofUsers.map(toUser),
      groups: ofGroups.map(toGroup),
      services: ofServices.map(toService),
      roles: ofRoles.map(toRole),
      assignments: given.map(toAssignment),
      memberships: members.map(({ id, kind, tenantId, userId }) => ({
        tenantId,
        kind,
        id,
        userId,
      })),
    }
  }
}
