// `weir teams list`: the teams of a tenant and who is in them.

import type { Team } from '../core/identity.ts'
import type { Command, CommandInput } from './command.ts'
import { counted, formatDate } from './format.ts'
import { IN_TENANT, isoTime, JSON_ARRAY, listIn, type ListOf } from './people.ts'
import { membersOf } from './teams.ts'

type Row = Team & { readonly members: readonly string[] }

const TEAMS: ListOf<Row> = {
  columns: [
    { header: 'ID' },
    { header: 'NAME', maxWidth: 60 },
    { header: 'MEMBERS' },
    { header: 'CREATED' },
  ],
  cells: ({ createdMs, id, members, name }) => [
    id,
    name,
    counted(members.length, 'user'),
    formatDate(createdMs),
  ],
  json: ({ createdMs, id, members, name }) => ({ id, name, members, created: isoTime(createdMs) }),
  none: 'No teams. Make one with: weir teams create ID',
}

export const teamsList: Command = {
  name: 'teams list',
  summary: 'show teams',
  usage: 'teams list [--tenant ID] [--json]',
  options: [IN_TENANT, JSON_ARRAY],
  examples: ['weir teams list --tenant acme'],
  positionalsMax: 0,
  run: (input: CommandInput) =>
    listIn(input, TEAMS, async (place) => {
      const rows: Row[] = []
      for (const team of await place.store.teams.list(place.tenantId)) {
        rows.push({ ...team, members: await membersOf(place, 'team', team.id) })
      }
      return rows
    }),
}
