// `weir users list`: the users of a tenant, with their issuer and last login.

import type { Command, CommandInput } from './command.ts'
import { IN_TENANT, JSON_ARRAY, listIn } from './people.ts'
import { USERS } from './users.ts'

export const usersList: Command = {
  name: 'users list',
  summary: 'show users',
  usage: 'users list [--tenant ID] [--json]',
  options: [IN_TENANT, JSON_ARRAY],
  examples: ['weir users list --tenant acme --json'],
  positionalsMax: 0,
  run: (input: CommandInput) =>
    listIn(input, USERS, ({ store, tenantId }) => store.users.list(tenantId)),
}
