// `weir groups create`: makes a group, whose members are listed here or named by an issuer's tokens.

import { systemClock } from '../system.ts'
import { cliActor } from './actor.ts'
import { textOption } from './arguments.ts'
import type { Command, CommandInput } from './command.ts'
import { argument, changeIn, IN_TENANT, isoTime, JSON_OBJECT } from './people.ts'

export const groupsCreate: Command = {
  name: 'groups create',
  summary: 'make a group',
  usage: 'groups create ID [--name NAME] [--external NAME] [--tenant ID] [--json]',
  options: [
    { flag: '--name', value: 'NAME', doc: 'name for people (else the id)' },
    {
      flag: '--external',
      value: 'NAME',
      doc: 'what tokens call it: a name, or the object id of Entra ID (else only who is listed here)',
    },
    IN_TENANT,
    JSON_OBJECT,
  ],
  examples: ['weir groups create engineers --external /company/engineers'],
  positionalsMax: 1,
  run,
}

async function run(input: CommandInput): Promise<number> {
  const id = argument(input, 0, 'the id of the group')
  const name = textOption(input, 'name') ?? id
  const external = textOption(input, 'external')
  return await changeIn(input, async ({ store, tenantId }) => {
    const createdMs = systemClock.nowMs()
    const group = { tenantId, id, name, createdMs }
    await store.groups.create(external === undefined ? group : { ...group, external }, cliActor())
    const shown = { tenant: tenantId, id, name, external: external ?? null, members: [] }
    return { words: `Group ${id} made.`, json: { ...shown, created: isoTime(createdMs) } }
  })
}
