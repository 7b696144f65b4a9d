// What the commands about roles share: how one is shown, and where one is looked for.

import { PLATFORM_TENANT_ID, type RoleDefinition } from '../core/identity.ts'
import { isOn } from './arguments.ts'
import { type CommandInput, type OptionDoc, UsageError } from './command.ts'
import type { ListOf, Place } from './people.ts'
import { roleJson } from '../server/admin/people/json.ts'

export const PLATFORM_OPTION: OptionDoc = {
  flag: '--platform',
  doc: 'of the whole installation instead of one tenant',
}

/** The tenant that is named, or the whole installation. @throws UsageError when both are */
export function ownerOf(input: CommandInput, { tenantId }: Place): string {
  if (!isOn(input, 'platform')) return tenantId
  if (input.options['tenant'] === undefined) return PLATFORM_TENANT_ID
  throw new UsageError('--platform and --tenant contradict each other.')
}

export { roleJson }

export const ROLES: ListOf<RoleDefinition> = {
  columns: [
    { header: 'ID' },
    { header: 'NAME', maxWidth: 40 },
    { header: 'FROM' },
    { header: 'GIVES', maxWidth: 60 },
    { header: 'BUT NOT', maxWidth: 60 },
  ],
  cells: ({ actions, id, name, notActions, tenantId }) => [
    id,
    name,
    tenantId === undefined ? 'built-in' : 'store',
    actions.join(', '),
    notActions.length === 0 ? '-' : notActions.join(', '),
  ],
  json: roleJson,
  none: 'No roles.',
}
