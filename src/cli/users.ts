// What the commands about users share: how one is shown, and how a password is asked for.

import { passwordProblem } from '../auth/passwords.ts'
import type { User } from '../core/identity.ts'
import { type CommandInput, UsageError } from './command.ts'
import { formatTime } from './format.ts'
import type { ListOf } from './people.ts'
import { userJson } from '../server/admin/people/json.ts'
import { readHidden } from './secret-input.ts'

export { userJson }

export const USERS: ListOf<User> = {
  columns: [
    { header: 'LOGIN', maxWidth: 40 },
    { header: 'NAME', maxWidth: 40 },
    { header: 'MAIL', maxWidth: 40 },
    { header: 'ISSUER' },
    { header: 'STATE' },
    { header: 'LAST LOGIN (UTC)' },
    { header: 'ID' },
  ],
  cells: ({ email, id, issuer, lastLoginMs, name, status, subject }) => [
    subject,
    name ?? '-',
    email ?? '-',
    issuer,
    status,
    lastLoginMs === undefined ? 'never' : formatTime(lastLoginMs),
    id,
  ],
  json: userJson,
  none: 'No users. Make one with: weir users create NAME',
}

/**
 * A new password of that user: typed twice at a terminal, or the first line of standard input.
 * @throws UsageError for one that may not be chosen
 */
export async function readPassword(input: CommandInput, name: string): Promise<string> {
  const password = await readHidden(input, `Password of ${name}: `)
  const problem = passwordProblem(password, name)
  if (problem !== undefined) throw new UsageError(problem)
  if (process.stdin.isTTY === true && (await readHidden(input, 'Once more: ')) !== password) {
    throw new UsageError('The two differ. Nothing was done.')
  }
  return password
}
