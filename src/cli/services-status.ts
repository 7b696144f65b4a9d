// `weir services disable` and `weir services enable`: a service that is turned off keeps its keys and rights, and gets in with none.

import type { Status } from '../core/identity.ts'
import { cliActor } from './actor.ts'
import type { Command, CommandInput } from './command.ts'
import { argument, changeIn, IN_TENANT, JSON_OBJECT, Problem } from './people.ts'
import { serviceJson } from './services.ts'

export const servicesDisable = command('disable', 'disabled', 'turn a service off')
export const servicesEnable = command('enable', 'active', 'turn a service on again')

function command(verb: string, status: Status, summary: string): Command {
  return {
    name: `services ${verb}`,
    summary,
    usage: `services ${verb} ID [--tenant ID] [--json]`,
    options: [IN_TENANT, JSON_OBJECT],
    examples: [`weir services ${verb} crawler`],
    positionalsMax: 1,
    run: async (input: CommandInput) => {
      const id = argument(input, 0, 'the id of the service')
      return await changeIn(input, async ({ store, tenantId }) => {
        const service = await store.services.update(tenantId, id, { status }, cliActor())
        if (service === undefined) {
          throw new Problem(`There is no service '${id}' in the tenant ${tenantId}.`)
        }
        return { words: `Service ${id} ${verb}d.`, json: serviceJson(service) }
      })
    },
  }
}
