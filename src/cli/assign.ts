// `weir assign`: gives somebody a role at a scope, or with --deny takes what it gives from them, whatever else they have.

import { PLATFORM_TENANT_ID, platformAssigneeId } from '../core/identity.ts'
import { tenantOfScope } from '../core/permission.ts'
import { builtInRole } from '../core/roles.ts'
import { systemClock } from '../system.ts'
import { cliActor } from './actor.ts'
import { isOn } from './arguments.ts'
import { assignmentJson } from './assignments.ts'
import { type Command, type CommandInput, UsageError } from './command.ts'
import {
  argument,
  changeIn,
  IN_TENANT,
  JSON_OBJECT,
  parseScope,
  parseWho,
  Problem,
  resolveWho,
} from './people.ts'

export const assign: Command = {
  name: 'assign',
  summary: 'give somebody a role at a scope',
  usage: 'assign ROLE to WHO [at SCOPE] [--deny] [--tenant ID] [--json]',
  options: [
    { flag: '--deny', doc: 'take from them what the role gives, which beats every permission' },
    { ...IN_TENANT, doc: 'tenant of who is meant (else default)' },
    JSON_OBJECT,
  ],
  examples: [
    'weir assign operator to user:alice@example.com',
    "weir assign member to group:engineers at 'model:gpt-*'",
    'weir assign owner to user:alice at /',
    'weir assign member to everyone at provider:openai --deny',
  ],
  positionalsMax: 5,
  run,
}

async function run(input: CommandInput): Promise<number> {
  const roleId = argument(input, 0, 'the role')
  expectWord(input, 1, 'to')
  const who = parseWho(argument(input, 2, 'who is to have it'))
  if (input.positionals.length > 3) expectWord(input, 3, 'at')
  const scopeText = input.positionals.length > 3 ? argument(input, 4, 'the scope') : 'tenant'
  return await changeIn(input, async (place) => {
    const { store, tenantId } = place
    const scope = parseScope(scopeText, tenantId)
    const isEverywhere = tenantOfScope(scope) !== tenantId
    const owner = isEverywhere ? PLATFORM_TENANT_ID : tenantId
    const found = await resolveWho(place, who)
    const id = isEverywhere ? platformAssigneeId(tenantId, found) : found.id
    const roles = await store.roles.list(owner)
    if (builtInRole(roleId) === undefined && !roles.some((role) => role.id === roleId)) {
      throw new Problem(`There is no role '${roleId}' there. See 'weir roles list'.`)
    }
    const made = await store.assignments.create(
      {
        id: Bun.randomUUIDv7(),
        tenantId: owner,
        roleId,
        assignee: { kind: found.kind, id },
        scope,
        effect: isOn(input, 'deny') ? 'deny' : 'allow',
        createdMs: systemClock.nowMs(),
      },
      cliActor(),
    )
    const shown = input.positionals[2]!.trim()
    const verb = made.effect === 'deny' ? 'is denied' : 'has'
    return {
      words: `${shown} ${verb} ${made.roleId} at ${scope}. Undo: weir unassign ${made.id}`,
      json: assignmentJson({ ...made, who: shown }),
    }
  })
}

/** @throws UsageError when another word stands there */
function expectWord({ positionals }: CommandInput, at: number, word: string): void {
  if (positionals[at] === word) return
  throw new UsageError(`It is said as: assign ROLE to WHO at SCOPE; '${word}' is missing.`)
}
