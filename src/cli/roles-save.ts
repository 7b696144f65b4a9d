// `weir roles save`: makes a role of one's own, or replaces it as a whole. Whoever has it has the new actions at once.

import { ACTIONS } from '../core/permission.ts'
import { matchesPattern } from '../core/principal.ts'
import { suggest } from '../config/suggest.ts'
import { cliActor } from './actor.ts'
import { listOption, textOption } from './arguments.ts'
import { type Command, type CommandInput, UsageError } from './command.ts'
import { printable } from './format.ts'
import { argument, changeIn, IN_TENANT, JSON_OBJECT } from './people.ts'
import { ownerOf, PLATFORM_OPTION, roleJson } from './roles.ts'

export const rolesSave: Command = {
  name: 'roles save',
  summary: 'make a role, or replace it',
  usage:
    'roles save ID --action ACTIONS [--not-action ACTIONS] [--name NAME] [--description TEXT] [--tenant ID | --platform] [--json]',
  options: [
    {
      flag: '--action',
      value: 'ACTIONS',
      doc: 'what it gives, with commas between or given again: key.read, model.*, *',
      repeats: true,
    },
    {
      flag: '--not-action',
      value: 'ACTIONS',
      doc: 'what it does not give though a pattern of --action fits',
      repeats: true,
    },
    { flag: '--name', value: 'NAME', doc: 'name for people (else the id)' },
    { flag: '--description', value: 'TEXT', doc: 'what it is for' },
    IN_TENANT,
    PLATFORM_OPTION,
    JSON_OBJECT,
  ],
  examples: ["weir roles save key-keeper --action 'key.*' --not-action key.delete"],
  positionalsMax: 1,
  run,
}

async function run(input: CommandInput): Promise<number> {
  const id = argument(input, 0, 'the id of the role')
  const actions = actionsOption(input, 'action')
  if (actions === undefined) throw new UsageError('--action is missing: what the role gives.')
  const notActions = actionsOption(input, 'not-action') ?? []
  const name = textOption(input, 'name') ?? id
  const description = textOption(input, 'description') ?? ''
  return await changeIn(input, async (place) => {
    const role = { id, name, description, actions, notActions, tenantId: ownerOf(input, place) }
    await place.store.roles.save(role, cliActor())
    return { words: `Role ${id} saved.`, json: roleJson(role) }
  })
}

/** Actions and patterns of an option. @throws UsageError for one that fits no action, with the one that was meant */
export function actionsOption(input: CommandInput, option: string): string[] | undefined {
  const patterns = listOption(input, option)
  const names = Object.keys(ACTIONS)
  for (const pattern of patterns ?? []) {
    if (names.some((name) => matchesPattern(pattern, name))) continue
    const meant = suggest(pattern, names)
    const hint = meant === undefined ? '' : ` Did you mean ${meant}?`
    throw new UsageError(`--${option}: no action is called '${printable(pattern)}'.${hint}`)
  }
  return patterns
}
