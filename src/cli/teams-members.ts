// `weir teams add` and `weir teams remove`: who is in a team.

import { memberCommand } from './teams.ts'

export const teamsAdd = memberCommand('team', 'add')
export const teamsRemove = memberCommand('team', 'remove')
