// `weir tenants create`: makes a tenant, a closed world of people, keys, providers and models. Its id is given once and for all.

import { systemClock } from '../system.ts'
import { cliActor } from './actor.ts'
import { textOption } from './arguments.ts'
import type { Command, CommandInput } from './command.ts'
import { argument, changeIn, JSON_OBJECT } from './people.ts'
import { tenantJson } from './tenants.ts'

export const tenantsCreate: Command = {
  name: 'tenants create',
  summary: 'make a tenant',
  usage: 'tenants create ID [--name NAME] [--json]',
  options: [{ flag: '--name', value: 'NAME', doc: 'name for people (else the id)' }, JSON_OBJECT],
  examples: ["weir tenants create acme --name 'Acme Ltd'"],
  positionalsMax: 1,
  run,
}

async function run(input: CommandInput): Promise<number> {
  const id = argument(input, 0, 'the id of the tenant')
  const name = textOption(input, 'name') ?? id
  return await changeIn(input, async ({ store }) => {
    const tenant = { id, name, createdMs: systemClock.nowMs() }
    const made = await store.tenants.create(tenant, cliActor())
    return {
      words: `Tenant ${id} made. Its first key: weir keys create NAME --tenant ${id}`,
      json: tenantJson(made),
    }
  })
}
