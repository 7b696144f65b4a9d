// `weir services list`: the services of a tenant.

import type { Command, CommandInput } from './command.ts'
import { IN_TENANT, JSON_ARRAY, listIn } from './people.ts'
import { SERVICES } from './services.ts'

export const servicesList: Command = {
  name: 'services list',
  summary: 'show services',
  usage: 'services list [--tenant ID] [--json]',
  options: [IN_TENANT, JSON_ARRAY],
  examples: ['weir services list --tenant acme'],
  positionalsMax: 0,
  run: (input: CommandInput) =>
    listIn(input, SERVICES, ({ store, tenantId }) => store.services.list(tenantId)),
}
