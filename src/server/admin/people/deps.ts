// What the routes of people and rights need of the outside: the repositories, the passwords of local users, and the issuers that are
// configured. Narrow on purpose: nothing of a store but this.

import type { LocalUsers } from '../../../auth/local-users.ts'
import type { Actor, AuditEvent } from '../../../core/audit.ts'
import type {
  AssignmentRepository,
  DirectoryRepository,
  GroupRepository,
  MembershipRepository,
  RoleRepository,
  ServiceRepository,
  TeamRepository,
  TenantRepository,
  UserRepository,
} from '../../../core/ports-people.ts'

export interface PeopleDeps {
  readonly tenants: TenantRepository
  readonly teams: TeamRepository
  readonly users: Omit<UserRepository, 'loggedIn' | 'passwordHash' | 'bySubject'>
  readonly groups: GroupRepository
  readonly memberships: MembershipRepository
  readonly services: ServiceRepository
  readonly roles: RoleRepository
  readonly assignments: AssignmentRepository
  readonly directory: DirectoryRepository
  readonly local: Pick<LocalUsers, 'hashFor' | 'passwordLink'>
  /** Of `auth.oidc`. */
  issuers(): readonly {
    readonly id: string
    /** Of everybody it knows; absent: it is not fixed. */
    readonly tenantId?: string
    /** Its tokens say the tenant. */
    readonly hasTenantClaim: boolean
  }[]
  /** What is no change of a row, into the audit. */
  record(event: AuditEvent, by: Actor): Promise<void>
}
