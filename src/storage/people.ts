// The repositories of people and rights together, as the store hands them out.

import { Assignments } from './assignments.ts'
import type { ControlDatabase } from './control-database.ts'
import { DirectoryReader } from './directory.ts'
import { Groups } from './groups.ts'
import type { Keyring } from './keyring.ts'
import { Logins } from './logins.ts'
import { Memberships } from './memberships.ts'
import { Roles } from './roles.ts'
import { Services } from './services.ts'
import { Sessions } from './sessions.ts'
import { Teams } from './teams.ts'
import { Tenants } from './tenants.ts'
import { Users } from './users.ts'

export interface PeopleStore {
  readonly tenants: Tenants
  readonly teams: Teams
  readonly users: Users
  readonly groups: Groups
  readonly memberships: Memberships
  readonly services: Services
  readonly roles: Roles
  readonly assignments: Assignments
  readonly directory: DirectoryReader
  readonly sessions: Sessions
  readonly logins: Logins
}

/** The repositories on one database. */
export function peopleStore(database: ControlDatabase, keyring: Keyring): PeopleStore {
  return {
    tenants: new Tenants(database),
    teams: new Teams(database),
    users: new Users(database),
    groups: new Groups(database),
    memberships: new Memberships(database),
    services: new Services(database),
    roles: new Roles(database),
    assignments: new Assignments(database),
    directory: new DirectoryReader(database),
    sessions: new Sessions(database, keyring),
    logins: new Logins(database, keyring),
  }
}
