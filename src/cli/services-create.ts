// `weir services create`: makes a service, a program that owns keys or that an issuer's tokens name.

import { systemClock } from '../system.ts'
import { cliActor } from './actor.ts'
import { textOption } from './arguments.ts'
import { type Command, type CommandInput, UsageError } from './command.ts'
import { argument, changeIn, IN_TENANT, JSON_OBJECT, Problem } from './people.ts'
import { serviceJson } from './services.ts'

export const servicesCreate: Command = {
  name: 'services create',
  summary: 'make a service',
  usage: 'services create ID [--name NAME] [--issuer ID --client-id ID] [--tenant ID] [--json]',
  options: [
    { flag: '--name', value: 'NAME', doc: 'name for people (else the id)' },
    { flag: '--issuer', value: 'ID', doc: 'issuer whose tokens name it, as auth.oidc has it' },
    { flag: '--client-id', value: 'ID', doc: 'what those tokens call it' },
    IN_TENANT,
    JSON_OBJECT,
  ],
  examples: [
    'weir services create crawler && weir keys create crawler --owner service:crawler',
    'weir services create ci --issuer keycloak --client-id ci-runner',
  ],
  positionalsMax: 1,
  run,
}

async function run(input: CommandInput): Promise<number> {
  const id = argument(input, 0, 'the id of the service')
  const name = textOption(input, 'name') ?? id
  const issuer = textOption(input, 'issuer')
  const clientId = textOption(input, 'client-id')
  if ((issuer === undefined) !== (clientId === undefined)) {
    throw new UsageError('--issuer and --client-id belong together.')
  }
  return await changeIn(input, async ({ config, store, tenantId }) => {
    if (issuer !== undefined && !config.auth.issuers.some((each) => each.id === issuer)) {
      throw new Problem(`There is no issuer '${issuer}' under auth.oidc.`)
    }
    const client = issuer === undefined || clientId === undefined ? {} : { issuer, clientId }
    const service = { tenantId, id, name, createdMs: systemClock.nowMs(), ...client }
    const made = await store.services.create(service, cliActor())
    return { words: `Service ${id} made.`, json: serviceJson(made) }
  })
}
