// `weir groups add` and `weir groups remove`: who is listed in a group.

import { memberCommand } from './teams.ts'

export const groupsAdd = memberCommand('group', 'add')
export const groupsRemove = memberCommand('group', 'remove')
