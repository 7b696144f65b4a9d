// `weir users create`: makes a local user with a password from standard input, never from an argument; or one whom an issuer knows, ahead
// of their first login.

import { LOCAL_NAME_WORDS, localName } from '../auth/local-users.ts'
import { Passwords } from '../auth/passwords.ts'
import { LOCAL_ISSUER } from '../core/issuer.ts'
import { systemClock } from '../system.ts'
import { cliActor } from './actor.ts'
import { textOption } from './arguments.ts'
import { type Command, type CommandInput, UsageError } from './command.ts'
import { argument, changeIn, IN_TENANT, JSON_OBJECT, Problem } from './people.ts'
import { readPassword, userJson } from './users.ts'

export const usersCreate: Command = {
  name: 'users create',
  summary: 'make a user; the password comes from standard input',
  usage: 'users create LOGIN [--name NAME] [--email MAIL] [--issuer ID] [--tenant ID] [--json]',
  options: [
    { flag: '--name', value: 'NAME', doc: 'name for people' },
    { flag: '--email', value: 'MAIL', doc: 'address of mail' },
    {
      flag: '--issuer',
      value: 'ID',
      doc: 'an issuer of auth.oidc instead of a password; LOGIN is the subject of its tokens',
    },
    IN_TENANT,
    JSON_OBJECT,
  ],
  examples: [
    'weir users create alice --email alice@example.com',
    'weir users create 5f3c… --issuer keycloak --tenant acme',
  ],
  positionalsMax: 1,
  run,
}

async function run(input: CommandInput): Promise<number> {
  const issuer = textOption(input, 'issuer') ?? LOCAL_ISSUER
  const isLocal = issuer === LOCAL_ISSUER
  const given = argument(input, 0, isLocal ? 'the login name' : 'the subject of the user')
  const subject = isLocal ? localName(given) : given
  if (subject === undefined) throw new UsageError(LOCAL_NAME_WORDS)
  const [name, email] = [textOption(input, 'name'), textOption(input, 'email')]
  const passwordHash = isLocal
    ? await new Passwords().hash(await readPassword(input, subject))
    : undefined
  return await changeIn(input, async ({ config, store, tenantId }) => {
    if (!isLocal && !config.auth.issuers.some((each) => each.id === issuer)) {
      throw new Problem(`There is no issuer '${issuer}' under auth.oidc.`)
    }
    const made = await store.users.create(
      {
        tenantId,
        id: Bun.randomUUIDv7(),
        issuer,
        subject,
        createdMs: systemClock.nowMs(),
        ...(name === undefined ? {} : { name }),
        ...(email === undefined ? {} : { email }),
        ...(passwordHash === undefined ? {} : { passwordHash }),
      },
      cliActor(),
    )
    return {
      words: `User ${subject} made. Rights: weir assign member to user:${made.id} --tenant ${tenantId}`,
      json: userJson(made),
    }
  })
}
