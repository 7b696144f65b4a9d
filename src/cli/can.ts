// `weir can`: whether somebody may do something somewhere, and why. The answer is made by the very function that servers ask; the exit
// code is 0 for yes and 1 for no.

import { suggest } from '../config/suggest.ts'
import { EMPTY_DIRECTORY, type Assignee } from '../core/identity.ts'
import { ACTIONS, type Action } from '../core/permission.ts'
import { Rights } from '../core/rights.ts'
import type { ApiKey } from '../core/catalog.ts'
import { explain, subjectOf } from '../server/admin/people/explain.ts'
import { systemClock } from '../system.ts'
import { isOn } from './arguments.ts'
import { type Command, type CommandInput, UsageError } from './command.ts'
import { jsonText, printable } from './format.ts'
import {
  argument,
  IN_TENANT,
  JSON_OBJECT,
  parseScope,
  parseWho,
  Problem,
  resolveWho,
} from './people.ts'
import { allKeys, readCatalog, tenantOf, withExistingStore } from './store.ts'

export const can: Command = {
  name: 'can',
  summary: 'tell whether somebody may do something, and why',
  usage: 'can WHO ACTION [SCOPE] [--tenant ID] [--json]',
  options: [{ ...IN_TENANT, doc: 'tenant of who is meant (else default)' }, JSON_OBJECT],
  examples: [
    'weir can user:alice@example.com model.invoke model:fast',
    'weir can key:ci provider_key.write provider:openai',
    'weir can group:engineers usage.read',
  ],
  positionalsMax: 3,
  run,
}

async function run(input: CommandInput): Promise<number> {
  const { configFlags, output } = input
  const whoText = argument(input, 0, 'who is meant')
  const who = parseWho(whoText)
  const action = actionOf(argument(input, 1, 'the action'))
  const tenantId = tenantOf(input)
  const scope = parseScope(input.positionals[2]?.trim() || 'tenant', tenantId)
  const { catalog, config } = await readCatalog(configFlags, output, tenantId)
  const keys = await allKeys(config, output, tenantId)
  try {
    const { directory, subject } = (await withExistingStore(config, output, async (store) => {
      const found = await resolveWho({ config, store, tenantId }, who)
      return { directory: await store.directory.all(), subject: found }
    })) ?? { directory: EMPTY_DIRECTORY, subject: withoutStore(who, keys, tenantId) }
    const rights = new Rights(directory)
    if (rights.tenant(tenantId) === undefined) {
      throw new Problem(`There is no tenant '${tenantId}'. See 'weir tenants list'.`)
    }
    const nowMs = systemClock.nowMs()
    const asked = subjectOf(subject, { directory, keys, rights, tenantId, nowMs })
    if (asked === undefined) throw new Problem(`There is no ${subject.kind} '${subject.id}'.`)
    const answer = explain(asked, action, scope, catalog.models)
    if (isOn(input, 'json')) {
      const { allowed, grant, reason } = answer
      const shown = grant && { ...grant, role: grant.role.id }
      const question = { who: whoText, tenant: tenantId, action, scope }
      output.out(`${jsonText({ allowed, ...question, reason, grant: shown ?? null })}\n`)
    } else output.out(`${answer.allowed ? 'yes' : 'no'}: ${printable(answer.reason)}\n`)
    return answer.allowed ? 0 : 1
  } catch (error) {
    // Not 1, which means no: nobody was asked about.
    if (error instanceof Problem) throw new UsageError(printable(error.message))
    throw error
  }
}

/** @throws UsageError for an action there is not */
function actionOf(text: string): Action {
  if (Object.hasOwn(ACTIONS, text)) return text as Action
  const meant = suggest(text, Object.keys(ACTIONS))
  const hint = meant === undefined ? " See 'weir roles show owner'." : ` Did you mean ${meant}?`
  throw new UsageError(`No action is called '${printable(text)}'.${hint}`)
}

/** Where nothing is stored there are only the keys of the file. */
function withoutStore(who: Assignee, keys: readonly ApiKey[], tenantId: string): Assignee {
  if (who.kind === 'everyone' || who.kind === 'group') return who
  const key = keys.find(({ id, name }) => id === who.id || name === who.id)
  if (who.kind === 'key' && key !== undefined) return { kind: 'key', id: key.id }
  throw new Problem(`There is no ${who.kind} '${who.id}' in the tenant ${tenantId}.`)
}
