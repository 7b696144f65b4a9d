// `weir services delete`: deletes a service, with its assignments; keys that it owns are revoked.

import { cliActor } from './actor.ts'
import type { Command, CommandInput } from './command.ts'
import { argument, changeIn, IN_TENANT, JSON_OBJECT, Problem } from './people.ts'

export const servicesDelete: Command = {
  name: 'services delete',
  summary: 'delete a service',
  usage: 'services delete ID [--tenant ID] [--json]',
  options: [IN_TENANT, JSON_OBJECT],
  examples: ['weir services delete crawler'],
  positionalsMax: 1,
  run,
}

async function run(input: CommandInput): Promise<number> {
  const id = argument(input, 0, 'the id of the service')
  return await changeIn(input, async ({ store, tenantId }) => {
    if (!(await store.services.remove(tenantId, id, cliActor()))) {
      throw new Problem(`There is no service '${id}' in the tenant ${tenantId}.`)
    }
    return { words: `Service ${id} deleted.`, json: { tenant: tenantId, id, deleted: true } }
  })
}
