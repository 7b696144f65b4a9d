// `weir flags set` and `weir flags unset`: for whom a feature flag differs from its default, in the store; running servers go by it within a
// second.

import { loadConfig } from '../config/load.ts'
import { FLAGS, flagProblem, isFlagName, type FlagName, type FlagValue } from '../core/flags.ts'
import { PLATFORM_TENANT_ID } from '../core/identity.ts'
import type { Store } from '../storage/store.ts'
import { cliActor } from './actor.ts'
import { textOption } from './arguments.ts'
import { type Command, type CommandInput, type OptionDoc, UsageError } from './command.ts'
import { printable } from './format.ts'
import { argument, type Done, JSON_OBJECT, Problem, told } from './people.ts'
import { withStore } from './store.ts'

const IN_TENANT: OptionDoc = {
  flag: '--tenant',
  value: 'ID',
  doc: 'for this tenant alone (else for all that have no rule of their own)',
}

export const flagsSet: Command = {
  name: 'flags set',
  summary: 'change a feature flag, for a tenant or for all',
  usage: 'flags set FLAG VALUE [--percent N] [--tenant ID] [--json]',
  options: [
    {
      flag: '--percent',
      value: 'N',
      doc: 'share of callers, always the same ones (default 100)',
    },
    IN_TENANT,
    JSON_OBJECT,
  ],
  examples: ['weir flags set continuation false', 'weir flags set hedging true --percent 10'],
  positionalsMax: 2,
  run: set,
}

export const flagsUnset: Command = {
  name: 'flags unset',
  summary: 'take a rule of a feature flag away',
  usage: 'flags unset FLAG [--tenant ID] [--json]',
  options: [IN_TENANT, JSON_OBJECT],
  examples: ['weir flags unset continuation'],
  positionalsMax: 1,
  run: unset,
}

async function set(input: CommandInput): Promise<number> {
  const flag = flagNamed(input)
  const value = valueOf(flag, argument(input, 1, 'the value'))
  const percent = percentOf(input)
  return await changed(input, async (store, tenantId) => {
    await store.flagRules.save(tenantId ?? PLATFORM_TENANT_ID, flag, { value, percent }, cliActor())
    return {
      words: `Flag ${flag} changed; running servers go by it now.`,
      json: { flag, tenant: tenantId ?? null, value, percent },
    }
  })
}

async function unset(input: CommandInput): Promise<number> {
  const flag = flagNamed(input)
  return await changed(input, async (store, tenantId) => {
    if (!(await store.flagRules.remove(tenantId ?? PLATFORM_TENANT_ID, flag, cliActor()))) {
      const whom = tenantId === undefined ? 'all' : `the tenant ${tenantId}`
      throw new Problem(`The store has no rule of the flag ${flag} for ${whom}.`)
    }
    return {
      words: `Rule of the flag ${flag} taken away.`,
      json: { flag, tenant: tenantId ?? null, deleted: true },
    }
  })
}

async function changed(
  input: CommandInput,
  change: (store: Store, tenantId: string | undefined) => Promise<Done>,
): Promise<number> {
  const { config } = loadConfig({ flags: input.configFlags })
  const tenantId = textOption(input, 'tenant')
  return await told(input, () =>
    withStore(config, input.output, async (store) => {
      if (tenantId !== undefined && (await store.tenants.find(tenantId)) === undefined) {
        throw new Problem(`There is no tenant '${tenantId}'. See 'weir tenants list'.`)
      }
      return await change(store, tenantId)
    }),
  )
}

function flagNamed(input: CommandInput): FlagName {
  const name = argument(input, 0, 'the flag')
  if (isFlagName(name)) return name
  throw new UsageError(
    `There is no flag ${printable(name)}. There are ${Object.keys(FLAGS).join(', ')}.`,
  )
}

function valueOf(flag: FlagName, text: string): FlagValue {
  const value =
    text === 'true' || text === 'false'
      ? text === 'true'
      : /^-?\d+(?:\.\d+)?$/.test(text)
        ? Number(text)
        : text
  const problem = flagProblem(flag, value)
  if (problem !== undefined) throw new UsageError(`The value of ${flag} ${problem}.`)
  return value
}

function percentOf(input: CommandInput): number {
  const text = textOption(input, 'percent') ?? '100'
  const percent = /^\d{1,3}(?:\.\d{1,6})?$/.test(text) ? Number(text) : Number.NaN
  if (percent >= 0 && percent <= 100) return percent
  throw new UsageError('--percent must be a number from 0 to 100.')
}
