// `weir groups list`: the groups of a tenant, what an issuer calls them, and who is listed in them.

import type { Group } from '../core/identity.ts'
import type { Command, CommandInput } from './command.ts'
import { counted, formatDate } from './format.ts'
import { IN_TENANT, isoTime, JSON_ARRAY, listIn, type ListOf } from './people.ts'
import { membersOf } from './teams.ts'

type Row = Group & { readonly members: readonly string[] }

const GROUPS: ListOf<Row> = {
  columns: [
    { header: 'ID' },
    { header: 'NAME', maxWidth: 60 },
    { header: 'IN TOKENS', maxWidth: 60 },
    { header: 'LISTED' },
    { header: 'CREATED' },
  ],
  cells: ({ createdMs, external, id, members, name }) => [
    id,
    name,
    external ?? '-',
    counted(members.length, 'user'),
    formatDate(createdMs),
  ],
  json: ({ createdMs, external, id, members, name }) => ({
    id,
    name,
    external: external ?? null,
    members,
    created: isoTime(createdMs),
  }),
  none: 'No groups. Make one with: weir groups create ID',
}

export const groupsList: Command = {
  name: 'groups list',
  summary: 'show groups',
  usage: 'groups list [--tenant ID] [--json]',
  options: [IN_TENANT, JSON_ARRAY],
  examples: ['weir groups list --tenant acme'],
  positionalsMax: 0,
  run: (input: CommandInput) =>
    listIn(input, GROUPS, async (place) => {
      const rows: Row[] = []
      for (const group of await place.store.groups.list(place.tenantId)) {
        rows.push({ ...group, members: await membersOf(place, 'group', group.id) })
      }
      return rows
    }),
}
