// `weir tenants disable` and `weir tenants enable`: a tenant that is turned off keeps everything, and none of its keys and people get in.
// Running servers notice at once.

import type { Status, Tenant } from '../core/identity.ts'
import { cliActor } from './actor.ts'
import type { Command, CommandInput } from './command.ts'
import { argument, changeIn, JSON_OBJECT, Problem, type Done } from './people.ts'
import { tenantJson } from './tenants.ts'

export const tenantsDisable = command(
  'disable',
  'disabled',
  'turn a tenant off: nobody of it gets in',
)
export const tenantsEnable = command('enable', 'active', 'turn a tenant on again')

function command(verb: string, status: Status, summary: string): Command {
  return {
    name: `tenants ${verb}`,
    summary,
    usage: `tenants ${verb} ID [--json]`,
    options: [JSON_OBJECT],
    examples: [`weir tenants ${verb} acme`],
    positionalsMax: 1,
    run: async (input: CommandInput) => {
      const id = argument(input, 0, 'the id of the tenant')
      return await changeIn(input, async ({ store }) =>
        changedTenant(id, await store.tenants.update(id, { status }, cliActor()), `${verb}d`),
      )
    },
  }
}

/** What a change came to. @throws Problem when there is no such tenant */
export function changedTenant(id: string, tenant: Tenant | undefined, verb: string): Done {
  if (tenant === undefined)
    throw new Problem(`There is no tenant '${id}'. See 'weir tenants list'.`)
  return { words: `Tenant ${id} ${verb}.`, json: tenantJson(tenant) }
}
