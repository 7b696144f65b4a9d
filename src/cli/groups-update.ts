// `weir groups update`: changes a group's name, or what tokens call it.

import { cliActor } from './actor.ts'
import { isOn, textOption } from './arguments.ts'
import { type Command, type CommandInput, UsageError } from './command.ts'
import { argument, changeIn, IN_TENANT, JSON_OBJECT, Problem } from './people.ts'

export const groupsUpdate: Command = {
  name: 'groups update',
  summary: 'change a group',
  usage: 'groups update ID [--name NAME] [--external NAME | --listed] [--tenant ID] [--json]',
  options: [
    { flag: '--name', value: 'NAME', doc: 'name for people' },
    { flag: '--external', value: 'NAME', doc: 'what tokens call it' },
    { flag: '--listed', doc: 'no token names it any more: only who is listed here is in it' },
    IN_TENANT,
    JSON_OBJECT,
  ],
  examples: ['weir groups update engineers --external /company/engineers'],
  positionalsMax: 1,
  run,
}

async function run(input: CommandInput): Promise<number> {
  const id = argument(input, 0, 'the id of the group')
  const name = textOption(input, 'name')
  const external = textOption(input, 'external')
  const isListed = isOn(input, 'listed')
  if (isListed && external !== undefined) {
    throw new UsageError('--external and --listed contradict each other.')
  }
  const change = {
    ...(name === undefined ? {} : { name }),
    ...(isListed ? { external: null } : external === undefined ? {} : { external }),
  }
  if (Object.keys(change).length === 0) {
    throw new UsageError('Nothing to change: give --name, --external or --listed.')
  }
  return await changeIn(input, async ({ store, tenantId }) => {
    const group = await store.groups.update(tenantId, id, change, cliActor())
    if (group === undefined) {
      throw new Problem(`There is no group '${id}' in the tenant ${tenantId}.`)
    }
    const json = { tenant: tenantId, id, name: group.name, external: group.external ?? null }
    return { words: `Group ${id} changed.`, json }
  })
}
