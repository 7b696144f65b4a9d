// The commands about keys, people and rights by their names; `commands.ts` has them in its list with all others.

import type { CommandEntry } from './commands.ts'

export const PEOPLE_COMMANDS: Readonly<Record<string, CommandEntry>> = {
  'keys rotate': {
    summary: 'replace an API key; the old one goes on for a while',
    load: async () => (await import('./keys-rotate.ts')).keysRotate,
  },
  'keys update': {
    summary: 'change what an API key may do',
    load: async () => (await import('./keys-update.ts')).keysUpdate,
  },
  'keys disable': {
    summary: 'turn an API key off for a while',
    load: async () => (await import('./keys-status.ts')).keysDisable,
  },
  'keys enable': {
    summary: 'turn an API key on again',
    load: async () => (await import('./keys-status.ts')).keysEnable,
  },
  can: {
    summary: 'tell whether somebody may do something, and why',
    load: async () => (await import('./can.ts')).can,
  },
  assign: {
    summary: 'give somebody a role at a scope',
    load: async () => (await import('./assign.ts')).assign,
  },
  unassign: {
    summary: 'take an assignment away',
    load: async () => (await import('./unassign.ts')).unassign,
  },
  'assignments list': {
    summary: 'show who has which role where',
    load: async () => (await import('./assignments-list.ts')).assignmentsList,
  },
  'roles list': {
    summary: 'show roles and what they give',
    load: async () => (await import('./roles-list.ts')).rolesList,
  },
  'roles show': {
    summary: 'show every action a role gives',
    load: async () => (await import('./roles-show.ts')).rolesShow,
  },
  'roles save': {
    summary: 'make a role, or replace it',
    load: async () => (await import('./roles-save.ts')).rolesSave,
  },
  'roles delete': {
    summary: 'delete a role that nobody has',
    load: async () => (await import('./roles-delete.ts')).rolesDelete,
  },
  'users list': {
    summary: 'show users',
    load: async () => (await import('./users-list.ts')).usersList,
  },
  'users create': {
    summary: 'make a user; the password comes from standard input',
    load: async () => (await import('./users-create.ts')).usersCreate,
  },
  'users password': {
    summary: 'give a local user a new password, from standard input',
    load: async () => (await import('./users-password.ts')).usersPassword,
  },
  'users disable': {
    summary: 'turn a user off',
    load: async () => (await import('./users-status.ts')).usersDisable,
  },
  'users enable': {
    summary: 'turn a user on again',
    load: async () => (await import('./users-status.ts')).usersEnable,
  },
  'users delete': {
    summary: 'delete a user',
    load: async () => (await import('./users-delete.ts')).usersDelete,
  },
  'teams list': {
    summary: 'show teams',
    load: async () => (await import('./teams-list.ts')).teamsList,
  },
  'teams create': {
    summary: 'make a team',
    load: async () => (await import('./teams-create.ts')).teamsCreate,
  },
  'teams rename': {
    summary: 'give a team another name',
    load: async () => (await import('./teams-rename.ts')).teamsRename,
  },
  'teams add': {
    summary: 'put a user into a team',
    load: async () => (await import('./teams-members.ts')).teamsAdd,
  },
  'teams remove': {
    summary: 'take a user out of a team',
    load: async () => (await import('./teams-members.ts')).teamsRemove,
  },
  'teams delete': {
    summary: 'delete a team',
    load: async () => (await import('./teams-delete.ts')).teamsDelete,
  },
  'groups list': {
    summary: 'show groups',
    load: async () => (await import('./groups-list.ts')).groupsList,
  },
  'groups create': {
    summary: 'make a group',
    load: async () => (await import('./groups-create.ts')).groupsCreate,
  },
  'groups update': {
    summary: 'change a group',
    load: async () => (await import('./groups-update.ts')).groupsUpdate,
  },
  'groups add': {
    summary: 'put a user into a group',
    load: async () => (await import('./groups-members.ts')).groupsAdd,
  },
  'groups remove': {
    summary: 'take a user out of a group',
    load: async () => (await import('./groups-members.ts')).groupsRemove,
  },
  'groups delete': {
    summary: 'delete a group',
    load: async () => (await import('./groups-delete.ts')).groupsDelete,
  },
  'services list': {
    summary: 'show services',
    load: async () => (await import('./services-list.ts')).servicesList,
  },
  'services create': {
    summary: 'make a service',
    load: async () => (await import('./services-create.ts')).servicesCreate,
  },
  'services disable': {
    summary: 'turn a service off',
    load: async () => (await import('./services-status.ts')).servicesDisable,
  },
  'services enable': {
    summary: 'turn a service on again',
    load: async () => (await import('./services-status.ts')).servicesEnable,
  },
  'services delete': {
    summary: 'delete a service',
    load: async () => (await import('./services-delete.ts')).servicesDelete,
  },
  'tenants list': {
    summary: 'show tenants',
    load: async () => (await import('./tenants-list.ts')).tenantsList,
  },
  'tenants create': {
    summary: 'make a tenant',
    load: async () => (await import('./tenants-create.ts')).tenantsCreate,
  },
  'tenants update': {
    summary: 'rename a tenant',
    load: async () => (await import('./tenants-update.ts')).tenantsUpdate,
  },
  'tenants disable': {
    summary: 'turn a tenant off: nobody of it gets in',
    load: async () => (await import('./tenants-status.ts')).tenantsDisable,
  },
  'tenants enable': {
    summary: 'turn a tenant on again',
    load: async () => (await import('./tenants-status.ts')).tenantsEnable,
  },
  'tenants delete': {
    summary: 'delete an empty tenant',
    load: async () => (await import('./tenants-delete.ts')).tenantsDelete,
  },
}
