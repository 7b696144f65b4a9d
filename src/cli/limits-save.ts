// `weir limits save`: makes a limit in the store, or puts another in its place; running servers go by it within a second.

import {
  LIMIT_SUBJECTS,
  limitJson,
  limitRuleOf,
  NewLimitBody,
  WHEN_UNAVAILABLE,
} from '../server/admin/limit-input.ts'
import { AMOUNT_MEMBERS } from '../server/admin/money-schemas.ts'
import { cliActor } from './actor.ts'
import { textOption } from './arguments.ts'
import type { Command, CommandInput } from './command.ts'
import { argument, changeIn, IN_TENANT, JSON_OBJECT } from './people.ts'
import { flagOf, numberOption, ruleOf } from './rules.ts'

export const limitsSave: Command = {
  name: 'limits save',
  summary: 'make or change a limit',
  usage:
    'limits save ID --per WHOM [--only NAME] [--requests-per-minute N] … [--tenant ID] [--json]',
  options: [
    {
      flag: '--per',
      value: 'WHOM',
      doc: `whom a counter is kept for: ${LIMIT_SUBJECTS.join(', ')}`,
    },
    {
      flag: '--only',
      value: 'NAME',
      doc: 'only the one of this id or name; * stands for any text',
    },
    ...AMOUNT_MEMBERS.map((member) => ({
      flag: `--${flagOf(member)}`,
      value: 'N',
      doc: member === 'concurrent' ? 'requests that run at once' : member.replaceAll('_', ' '),
    })),
    {
      flag: '--when-unavailable',
      value: 'HOW',
      doc: `while shared counters are away: ${WHEN_UNAVAILABLE.join(', ')} (default local)`,
    },
    IN_TENANT,
    JSON_OBJECT,
  ],
  examples: [
    'weir limits save each-key --per key --requests-per-minute 100 --concurrent 20',
    "weir limits save guests --per ip --only '10.0.0.0/8' --requests-per-day 1000",
  ],
  positionalsMax: 1,
  run,
}

async function run(input: CommandInput): Promise<number> {
  const id = argument(input, 0, 'the id of the limit')
  const typed = {
    id,
    per: textOption(input, 'per'),
    only: textOption(input, 'only'),
    when_unavailable: textOption(input, 'when-unavailable'),
    ...Object.fromEntries(AMOUNT_MEMBERS.map((each) => [each, numberOption(input, flagOf(each))])),
  }
  return await changeIn(input, async ({ store, tenantId }) => {
    const rule = ruleOf(NewLimitBody, typed, (body) => limitRuleOf(body, { id, tenantId }))
    await store.limitRules.save(rule, cliActor())
    return {
      words: `Limit ${id} saved; running servers go by it now.`,
      json: limitJson(rule, tenantId),
    }
  })
}
