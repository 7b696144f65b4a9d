// `weir open`: the web UI in the default browser, logged in by a one-time link. The link goes through the store, so it works while the
// server runs and needs no password; whoever may write the store could make an administrator anyway. It is never written to a file or a log.

import { loopbackUrl, localUsers, loginLink, SETUP_LINK, setupLink } from '../app-login.ts'
import type { LocalUsers } from '../auth/local-users.ts'
import type { Config } from '../config/config.ts'
import { loadConfig } from '../config/load.ts'
import { PLATFORM_TENANT_ID, type User } from '../core/identity.ts'
import { LOCAL_ISSUER } from '../core/issuer.ts'
import { LIMITS } from '../core/limits.ts'
import { scopes } from '../core/permission.ts'
import { isLoopbackName } from '../server/host-guard.ts'
import type { Store } from '../storage/store.ts'
import { cliActor } from './actor.ts'
import { isOn, textOption } from './arguments.ts'
import { browserCommand, launch } from './browser.ts'
import type { Command, CommandInput } from './command.ts'
import { printable } from './format.ts'
import { findUser, IN_TENANT, Problem } from './people.ts'
import { isAnswering, placeText, runningVersion } from './running.ts'
import { hasStore, tenantOf, withStore } from './store.ts'

export const open: Command = {
  name: 'open',
  summary: 'open the web UI in the browser, logged in',
  usage: 'open [--user NAME] [--print] [--port PORT]',
  options: [
    {
      flag: '--user',
      value: 'NAME',
      doc: 'log in as this local user (else the first administrator)',
    },
    IN_TENANT,
    { flag: '--print', doc: 'print the link in place of opening it, as over ssh' },
    { flag: '--port', value: 'PORT', doc: 'port the server listens on (else server.port)' },
  ],
  notes: [
    `The link works once and for ${LIMITS.loginLinkMs / 60_000} minutes. Where local callers need no login, it is the plain address of the UI.`,
  ],
  examples: ['weir open', 'weir open --user ada --print'],
  positionalsMax: 0,
  run,
}

/** What is opened, and words for the person. */
interface Link {
  readonly url: string
  readonly words: string
  /** Good until somebody has chosen a password: too long for the arguments of a program, which others may see. */
  readonly isLasting?: true
}

async function run(input: CommandInput): Promise<number> {
  const { configFlags, output } = input
  const { config } = loadConfig({ flags: configFlags })
  try {
    const base = baseUrl(config)
    if (!(await isAnswering(config.server))) {
      throw new Problem(
        `Weir does not answer at ${placeText(config.server)}. Start it with 'weir serve', or as a service with 'weir service start'.`,
      )
    }
    // Many programs say that they are well: what gets a link could log in by it.
    if ((await runningVersion(config.server)) === undefined) {
      throw new Problem(
        `Another program answers at ${placeText(config.server)}, and Weir does not. Nothing is opened.`,
      )
    }
    const link = await linkFor(input, config, base)
    output.error(`${printable(link.words)}\n`)
    if (isOn(input, 'print') || link.isLasting === true) output.out(`${link.url}\n`)
    else await show(input, link.url)
    return 0
  } catch (error) {
    if (!(error instanceof Problem)) throw error
    output.error(`${printable(error.message)}\n`)
    return 1
  }
}

/** Where a browser reaches the server and may log in. @throws Problem where that is nowhere */
export function baseUrl({ server }: Pick<Config, 'server'>): string {
  const url = server.publicUrl ?? loopbackUrl(server.host, server.port)
  if (url === undefined) {
    throw new Problem(
      'Set server.public_url to the address that people use: this one listens on every address.',
    )
  }
  const { hostname, protocol } = new URL(url)
  if (protocol === 'https:' || isLoopbackName(hostname)) return url.replace(/\/+$/, '')
  throw new Problem('server.public_url must begin with https://: logins are not sent in clear.')
}

async function linkFor(input: CommandInput, config: Config, base: string): Promise<Link> {
  const name = textOption(input, 'user')
  const isOwn = config.auth.anonymous === 'loopback' && isLoopbackName(new URL(base).hostname)
  if (name === undefined && isOwn) {
    return { url: `${base}/ui`, words: 'Nobody needs to log in on this machine.' }
  }
  if (!config.auth.local) {
    throw new Problem(
      `Local users are turned off (auth.local). Log in with an identity provider at ${base}/auth/login.`,
    )
  }
  if (!hasStore(config)) {
    throw new Problem(
      `There is no store in ${config.dataFolder}: the Weir that answers keeps its data elsewhere. Name that folder with --data.`,
    )
  }
  return await withStore(config, input.output, async (store) => {
    const local = localUsers(store)
    const tenantId = tenantOf(input)
    const user =
      name === undefined
        ? await firstAdministrator(store)
        : await findUser({ config, store, tenantId }, name)
    return user === undefined
      ? await linkToSetUp(store, local, base)
      : await linkToLogIn(store, local, base, user)
  })
}

async function linkToLogIn(
  store: Store,
  local: LocalUsers,
  base: string,
  user: User,
): Promise<Link> {
  const { id, issuer, status, subject, tenantId } = user
  if (issuer !== LOCAL_ISSUER) {
    throw new Problem(`${subject} is no local user and logs in with ${issuer}: ${base}/auth/login.`)
  }
  if (status !== 'active') throw new Problem(`${subject} is turned off. See 'weir users list'.`)
  if ((await store.tenants.find(tenantId))?.status !== 'active') {
    throw new Problem(
      `The tenant ${tenantId} of ${subject} is turned off. See 'weir tenants list'.`,
    )
  }
  const token = await local.loginLink(user)
  await store.audit.record(
    { tenantId, action: 'login.link', target: { kind: 'user', id } },
    cliActor(),
  )
  const minutes = LIMITS.loginLinkMs / 60_000
  return {
    url: loginLink(base, token),
    words: `The link logs ${subject} in. It works once, for ${minutes} minutes.`,
  }
}

async function linkToSetUp(store: Store, local: LocalUsers, base: string): Promise<Link> {
  if (await local.hasOwner()) {
    throw new Problem(
      `No administrator is a local user. Name one with --user, or log in at ${base}/auth/login.`,
    )
  }
  const token = await local.link('command')
  await store.audit.record(SETUP_LINK, cliActor())
  return {
    url: setupLink(base, token),
    words: `There is no administrator yet. Open this link to set one up; it works once, for ${LIMITS.setupLinkMs / 60_000} minutes.`,
    isLasting: true,
  }
}

/** The local user who was first made of those with every right; undefined where there is none. */
async function firstAdministrator(store: Store): Promise<User | undefined> {
  const owners = new Set(
    (await store.assignments.list(PLATFORM_TENANT_ID))
      .filter(
        ({ assignee, effect, roleId, scope }) =>
          effect === 'allow' &&
          roleId === 'owner' &&
          scope === scopes.platform &&
          assignee.kind === 'user',
      )
      .map(({ assignee }) => assignee.id),
  )
  if (owners.size === 0) return undefined
  const tenants = (await store.tenants.list()).filter(({ status }) => status === 'active')
  const users = (await Promise.all(tenants.map(({ id }) => store.users.list(id)))).flat()
  return users
    .filter((user) => user.issuer === LOCAL_ISSUER && user.status === 'active')
    .filter(({ id }) => owners.has(id))
    .toSorted((a, b) => a.createdMs - b.createdMs)[0]
}

async function show({ output }: CommandInput, url: string): Promise<void> {
  const command = browserCommand(process.platform, process.env)
  if (command !== undefined && (await launch([...command, url]))) return
  output.error('No browser can be opened from here; open this address yourself:\n')
  output.out(`${url}\n`)
}
