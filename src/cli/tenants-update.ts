// `weir tenants update`: gives a tenant another name for people; its id stays.

import { cliActor } from './actor.ts'
import { textOption } from './arguments.ts'
import { type Command, type CommandInput, UsageError } from './command.ts'
import { argument, changeIn, JSON_OBJECT } from './people.ts'
import { changedTenant } from './tenants-status.ts'

export const tenantsUpdate: Command = {
  name: 'tenants update',
  summary: 'rename a tenant',
  usage: 'tenants update ID --name NAME [--json]',
  options: [{ flag: '--name', value: 'NAME', doc: 'name for people' }, JSON_OBJECT],
  examples: ["weir tenants update acme --name 'Acme Ltd'"],
  positionalsMax: 1,
  run,
}

async function run(input: CommandInput): Promise<number> {
  const id = argument(input, 0, 'the id of the tenant')
  const name = textOption(input, 'name')
  if (name === undefined) throw new UsageError('Nothing to change: give --name.')
  return await changeIn(input, async ({ store }) =>
    changedTenant(id, await store.tenants.update(id, { name }, cliActor()), 'renamed'),
  )
}
