// `weir roles delete`: deletes a role of one's own that nobody has any more.

import { builtInRole } from '../core/roles.ts'
import { cliActor } from './actor.ts'
import type { Command, CommandInput } from './command.ts'
import { argument, changeIn, IN_TENANT, JSON_OBJECT, Problem } from './people.ts'
import { ownerOf, PLATFORM_OPTION } from './roles.ts'

export const rolesDelete: Command = {
  name: 'roles delete',
  summary: 'delete a role that nobody has',
  usage: 'roles delete ID [--tenant ID | --platform] [--json]',
  options: [IN_TENANT, PLATFORM_OPTION, JSON_OBJECT],
  examples: ['weir roles delete key-keeper'],
  positionalsMax: 1,
  run,
}

async function run(input: CommandInput): Promise<number> {
  const id = argument(input, 0, 'the id of the role')
  return await changeIn(input, async (place) => {
    if (builtInRole(id) !== undefined) throw new Problem(`The role '${id}' is built in.`)
    if (!(await place.store.roles.remove(ownerOf(input, place), id, cliActor()))) {
      throw new Problem(`There is no role '${id}'. See 'weir roles list'.`)
    }
    return { words: `Role ${id} deleted.`, json: { id, deleted: true } }
  })
}
