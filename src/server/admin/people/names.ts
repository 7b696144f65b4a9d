// Assignees by the names people know them by: ids of users and keys are long and say nothing.

import type { ApiKey } from '../../../core/catalog.ts'
import type { RoleAssignment, User } from '../../../core/identity.ts'

/** By id. */
export interface Named {
  readonly users: ReadonlyMap<string, User>
  readonly keys: ReadonlyMap<string, Pick<ApiKey, 'id' | 'name'>>
}

/** People and keys to be named, whatever their number. */
export function namedOf(
  users: readonly User[],
  keys: readonly Pick<ApiKey, 'id' | 'name'>[],
): Named {
  return {
    users: new Map(users.map((user) => [user.id, user])),
    keys: new Map(keys.map((key) => [key.id, key])),
  }
}

/** `alice@example.com`, `ci`, `everyone`, `everyone of acme`; the id of what nobody knows any more. */
export function assigneeName(
  { assignee: { id, kind } }: Pick<RoleAssignment, 'assignee'>,
  { keys, users }: Named,
): string {
  if (kind === 'everyone') return id === '*' ? 'everyone' : `everyone of ${id.split('/')[0]}`
  const user = kind === 'user' ? users.get(id) : undefined
  const key = kind === 'key' ? keys.get(id) : undefined
  return user?.email ?? user?.subject ?? key?.name ?? id
}
