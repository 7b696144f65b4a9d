// `weir setup admin`: prints a link that makes an administrator, or gives one a new password. It works while a server runs and while none
// does; whoever may write the store could make an administrator anyway.

import { loopbackUrl, localUsers, SETUP_LINK, setupLink } from '../app-login.ts'
import { loadConfig } from '../config/load.ts'
import { LIMITS } from '../core/limits.ts'
import { cliActor } from './actor.ts'
import type { Command, CommandInput } from './command.ts'
import { withStore } from './store.ts'

export const setupAdmin: Command = {
  name: 'setup admin',
  summary: 'print a link that makes an administrator',
  usage: 'setup admin [--port PORT]',
  options: [
    {
      flag: '--port',
      value: 'PORT',
      doc: 'port the server listens on, where server.public_url is not set',
    },
  ],
  examples: ['weir setup admin'],
  positionalsMax: 0,
  run,
}

async function run({ configFlags, output }: CommandInput): Promise<number> {
  const { config } = loadConfig({ flags: configFlags })
  if (!config.auth.local) {
    output.error('Local users are turned off (auth.local). Log in with an identity provider.\n')
    return 1
  }
  const { host, port, publicUrl } = config.server
  const url = publicUrl ?? loopbackUrl(host, port)
  if (url === undefined) {
    output.error('Set server.public_url to the address that people use: the link needs it.\n')
    return 1
  }
  const token = await withStore(config, output, async (store) => {
    const made = await localUsers(store).link('command')
    await store.audit.record(SETUP_LINK, cliActor())
    return made
  })
  output.out(`${setupLink(url, token)}\n`)
  output.error(
    `Open it within ${LIMITS.setupLinkMs / 60_000} minutes to set up an administrator. It works once; whoever has it has every right.\n`,
  )
  return 0
}
