// The shapes of people and rights in the management API. What is in one is put together in `json.ts`.

import { ACTIONS, type Action } from '../../../core/permission.ts'
import { moment, nullable, oneOf, strict, words, t } from '../contract.ts'

export const STATUSES = ['active', 'disabled'] as const
export const EFFECTS = ['allow', 'deny'] as const
export const ASSIGNEES = ['user', 'group', 'team', 'service', 'key', 'everyone'] as const
export const ACTION_NAMES = Object.keys(ACTIONS) as readonly Action[]

/** An id that people choose. */
export const ChosenId = t.String({
  minLength: 1,
  maxLength: 63,
  pattern: '^[a-z0-9][a-z0-9-]{0,62}$',
  description: 'Lower-case letters, digits and dashes, 63 at most; it stays.',
})

export const Name = words(200, { description: 'For people.' })

/** What an issuer calls something. */
export const IssuersName = words(300)

export const UserSchema = t.Object(
  {
    tenant: t.String(),
    id: t.String(),
    issuer: t.String({ description: '`local`, or an issuer of `auth.oidc`.' }),
    subject: t.String({
      description: 'What they log in with; of an issuer’s user what its tokens call them.',
    }),
    name: nullable(t.String()),
    email: nullable(t.String()),
    status: oneOf(STATUSES),
    claimed_roles: t.Array(t.String(), { description: 'As the issuer said at the last login.' }),
    claimed_groups: t.Array(t.String()),
    created: nullable(moment()),
    last_login: nullable(moment()),
    profile_read_only: nullable(t.String(), {
      description: 'Why name and mail cannot be changed here.',
    }),
  },
  { $id: 'User' },
)

export const GrantSchema = t.Object(
  {
    role: t.String(),
    scope: t.String(),
    effect: oneOf(EFFECTS),
    because: t.String({ description: 'Why it concerns them: `group engineers`, `everyone`.' }),
  },
  { $id: 'Grant' },
)

/** What goes with something that is deleted, or is shut out with what is turned off. */
export const ImpactSchema = t.Object(
  {
    keys: t.Integer({ description: 'API keys that are revoked with it.' }),
    sessions: t.Integer({ description: 'Sessions that end.' }),
    assignments: t.Integer({ description: 'Role assignments that go with it.' }),
    members: t.Integer({ description: 'Memberships that go with it.' }),
  },
  { $id: 'Impact', description: 'What deleting it takes along.' },
)

const Place = t.Object({
  id: t.String(),
  name: nullable(t.String()),
  from_issuer: t.Boolean({ description: 'By the issuer’s word; not listed here.' }),
})

export const UserDetailSchema = t.Object(
  {
    ...UserSchema.properties,
    groups: t.Array(Place),
    teams: t.Array(Place),
    grants: t.Array(GrantSchema, {
      description: 'What they may, and why. Empty while turned off.',
    }),
    impact: ImpactSchema,
  },
  { $id: 'UserDetail' },
)

export const PasswordLinkSchema = t.Object(
  {
    url: t.String({ description: 'Lets them choose a password, once. Whoever has it is them.' }),
    expires: moment(),
  },
  { $id: 'PasswordLink' },
)

export const MemberSchema = t.Object(
  {
    id: t.String(),
    name: nullable(t.String()),
    email: nullable(t.String()),
    subject: t.String(),
    issuer: t.String(),
    status: oneOf(STATUSES),
  },
  { $id: 'Member' },
)

const placed = {
  tenant: t.String(),
  id: t.String(),
  name: t.String(),
  created: nullable(moment()),
  members: t.Integer({ description: 'Users who are listed in it.' }),
}

export const GroupSchema = t.Object(
  {
    ...placed,
    external: nullable(t.String(), {
      description:
        'What tokens call it: whoever’s token says so is in it. Null: listed users alone.',
    }),
  },
  { $id: 'Group' },
)
export const TeamSchema = t.Object(placed, { $id: 'Team' })

const listed = { listed: t.Array(MemberSchema), impact: ImpactSchema }
export const GroupDetailSchema = t.Object(
  { ...GroupSchema.properties, ...listed },
  { $id: 'GroupDetail' },
)
export const TeamDetailSchema = t.Object(
  { ...TeamSchema.properties, ...listed },
  { $id: 'TeamDetail' },
)

export const ServiceSchema = t.Object(
  {
    tenant: t.String(),
    id: t.String(),
    name: t.String(),
    status: oneOf(STATUSES),
    issuer: nullable(t.String(), { description: 'Whose tokens name it.' }),
    client_id: nullable(t.String(), { description: 'What those tokens call it.' }),
    created: nullable(moment()),
  },
  { $id: 'Service' },
)
export const ServiceDetailSchema = t.Object(
  { ...ServiceSchema.properties, grants: t.Array(GrantSchema), impact: ImpactSchema },
  { $id: 'ServiceDetail' },
)

export const TenantSchema = t.Object(
  {
    id: t.String(),
    name: t.String(),
    status: oneOf(STATUSES),
    created: nullable(moment()),
    read_only: nullable(t.String(), { description: 'Why it cannot be changed.' }),
  },
  { $id: 'Tenant' },
)
export const TenantDetailSchema = t.Object(
  {
    ...TenantSchema.properties,
    holds: t.Object(
      {
        users: t.Integer(),
        groups: t.Integer(),
        teams: t.Integer(),
        services: t.Integer(),
        keys: t.Integer(),
      },
      { description: 'What is in it. Only an empty one can be deleted.' },
    ),
  },
  { $id: 'TenantDetail' },
)

export const RoleSchema = t.Object(
  {
    id: t.String(),
    name: t.String(),
    description: t.String(),
    actions: t.Array(t.String(), { description: 'Actions and patterns of them.' }),
    not_actions: t.Array(t.String(), { description: 'Taken off them again.' }),
    tenant: nullable(t.String(), {
      description:
        'Where it can be assigned: a tenant, `/` for the whole installation, null everywhere.',
    }),
    gives: t.Array(t.String(), { description: 'Every action it gives.' }),
    origin: oneOf(['built_in', 'store']),
    read_only: nullable(t.String()),
    assigned: t.Integer({ description: 'Assignments of it that are seen here.' }),
  },
  { $id: 'Role' },
)

export const AssigneeInput = strict(
  {
    kind: oneOf(ASSIGNEES),
    id: t.Optional(
      words(300, { description: 'As its list has it; of a group also an issuer’s name of it.' }),
    ),
  },
  { description: 'Who. Of `everyone` no id: everybody in the tenant.' },
)

export const AssignmentSchema = t.Object(
  {
    id: t.String(),
    tenant: t.String({ description: '`/` where it is one of the whole installation.' }),
    role: t.String(),
    assignee: t.Object({
      kind: oneOf(ASSIGNEES),
      id: t.String({
        description: 'In one of the whole installation groups, teams and services are `tenant/id`.',
      }),
      name: t.String(),
    }),
    scope: t.String(),
    effect: oneOf(EFFECTS),
    created: nullable(moment()),
  },
  { $id: 'Assignment' },
)

export const DeletedSchema = t.Object(
  { id: t.String(), deleted: t.Boolean(), impact: ImpactSchema },
  { $id: 'Deleted' },
)
