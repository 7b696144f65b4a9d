// `weir assignments list`: who has which role where, of one tenant or of the whole installation.

import type { RoleAssignment } from '../core/identity.ts'
import { ASSIGNMENTS, type NamedAssignment } from './assignments.ts'
import type { Command, CommandInput } from './command.ts'
import { IN_TENANT, JSON_ARRAY, listIn, type Place } from './people.ts'
import { assigneeName, namedOf } from '../server/admin/people/names.ts'
import { ownerOf, PLATFORM_OPTION } from './roles.ts'

export const assignmentsList: Command = {
  name: 'assignments list',
  summary: 'show who has which role where',
  usage: 'assignments list [--tenant ID | --platform] [--json]',
  options: [IN_TENANT, PLATFORM_OPTION, JSON_ARRAY],
  examples: ['weir assignments list', 'weir assignments list --platform --json'],
  positionalsMax: 0,
  run: (input: CommandInput) =>
    listIn(input, ASSIGNMENTS, async (place) => {
      const assignments = await place.store.assignments.list(ownerOf(input, place))
      return await named(place, assignments)
    }),
}

/** Users and keys by their names; their ids are long and say nothing. */
async function named(
  { config, store }: Place,
  assignments: readonly RoleAssignment[],
): Promise<NamedAssignment[]> {
  const { users } = await store.directory.all()
  const known = namedOf(users, [...config.keys, ...(await store.keys.all())])
  return assignments.map((each) => {
    const name = assigneeName(each, known)
    const { kind } = each.assignee
    return { ...each, who: kind === 'everyone' ? name : `${kind}:${name}` }
  })
}
