// `weir users password`: gives a local user a new password from standard input, and ends every session of theirs.

import { Passwords } from '../auth/passwords.ts'
import { LOCAL_ISSUER } from '../core/issuer.ts'
import { cliActor } from './actor.ts'
import type { Command, CommandInput } from './command.ts'
import { argument, changeIn, findUser, IN_TENANT, JSON_OBJECT, Problem } from './people.ts'
import { readPassword } from './users.ts'

export const usersPassword: Command = {
  name: 'users password',
  summary: 'give a local user a new password, from standard input',
  usage: 'users password USER [--tenant ID] [--json]',
  options: [IN_TENANT, JSON_OBJECT],
  examples: ['weir users password alice', 'weir users password alice < password.txt'],
  positionalsMax: 1,
  run,
}

async function run(input: CommandInput): Promise<number> {
  const who = argument(input, 0, 'the user: a login name, an address of mail or an id')
  return await changeIn(input, async (place) => {
    const { store, tenantId } = place
    const { id, issuer, subject } = await findUser(place, who)
    if (issuer !== LOCAL_ISSUER) {
      throw new Problem(`${subject} logs in at ${issuer}; the password is changed there.`)
    }
    const hash = await new Passwords().hash(await readPassword(input, subject))
    if (!(await store.users.setPasswordHash(tenantId, id, hash, cliActor()))) {
      throw new Problem('The user is gone: somebody removed them just now.')
    }
    return {
      words: `${subject} has a new password; every session of theirs has ended.`,
      json: { id },
    }
  })
}
