// What the commands of limits and budgets share: a rule as it was typed, made into what the management API takes and held against the same
// schema, so that both say the same.

import type { Static, TSchema } from '@sinclair/typebox'
import { GatewayError } from '../core/error.ts'
import type { JsonObject } from '../core/json.ts'
import { check } from '../server/admin/checked.ts'
import { textOption } from './arguments.ts'
import { type CommandInput, UsageError } from './command.ts'
import { argument, changeIn, Problem } from './people.ts'
import type { Store } from '../storage/store.ts'
import { cliActor } from './actor.ts'

/** `requests_per_minute` as `requests-per-minute`. */
export function flagOf(member: string): string {
  return member.replaceAll('_', '-')
}

/** A text as the member takes it: an amount as a number, everything else as it is; undefined when it was not given. */
export function numberOption(input: CommandInput, flag: string): number | string | undefined {
  const text = textOption(input, flag)
  if (text === undefined) return undefined
  return /^\d{1,15}(?:\.\d{1,9})?$/.test(text) ? Number(text) : text
}

/**
 * What was typed, checked and read.
 * @throws UsageError with the option that is wrong
 */
export function ruleOf<S extends TSchema, T>(
  schema: S,
  typed: JsonObject,
  read: (body: Static<S>) => T,
): T {
  const body: unknown = Object.fromEntries(
    Object.entries(typed).filter(([, value]) => value !== undefined),
  )
  try {
    check(schema, body)
    return read(body)
  } catch (error) {
    if (!(error instanceof GatewayError)) throw error
    const member = (error.param ?? '').replace(/[[.].*$/, '')
    const named = member === 'id' ? 'The id' : `--${flagOf(member)}`
    throw new UsageError(`${named}: ${error.message}`)
  }
}

/** Deletes a rule of the store. */
export async function deleteRule(
  input: CommandInput,
  what: 'limit' | 'budget',
  rulesOf: (store: Store) => Store['limitRules'] | Store['budgetRules'],
): Promise<number> {
  const id = argument(input, 0, `the id of the ${what}`)
  return await changeIn(input, async ({ store, tenantId }) => {
    if (!(await rulesOf(store).remove(tenantId, id, cliActor()))) {
      const declared = id.includes(':') ? ' What the file or a key declares is changed there.' : ''
      throw new Problem(
        `There is no ${what} '${id}' in the store of the tenant ${tenantId}.${declared}`,
      )
    }
    return {
      words: `${what === 'limit' ? 'Limit' : 'Budget'} ${id} deleted.`,
      json: { tenant: tenantId, id, deleted: true },
    }
  })
}
