// `weir guard add`: makes a guardrail in the store, or puts another in its place; running servers go by it within a second. Options of a check
// may be secret: they come from a file or standard input as well, where no other process reads them.

import type { Config } from '../config/config.ts'
import { GatewayError } from '../core/error.ts'
import { GUARD_MODES, GUARD_STAGES, type GuardrailRule } from '../core/guardrail.ts'
import { asObject, parseJson, type JsonObject } from '../core/json.ts'
import { LIMITS } from '../core/limits.ts'
import { outboundNetwork } from '../core/network.ts'
import { GuardService } from '../guard-service.ts'
import { PLATFORM_TENANT_ID } from '../core/identity.ts'
import {
  CHECK_KINDS,
  guardrailOf,
  refuseInner,
  NewGuardrailBody,
} from '../server/admin/guardrail-input.ts'
import { systemClock } from '../system.ts'
import { SILENT_LOGGER } from '../telemetry/log.ts'
import { createTransport } from '../transport/http-transport.ts'
import { cliActor } from './actor.ts'
import { integerOption, isOn, listOption, textOption } from './arguments.ts'
import { type Command, type CommandInput, UsageError } from './command.ts'
import { ALL_TENANTS_OPTION, placeOf, shownRule } from './guard.ts'
import { textFrom } from './guard-text.ts'
import { argument, changeIn, IN_TENANT, JSON_OBJECT, Problem } from './people.ts'
import { ruleOf } from './rules.ts'

export const guardAdd: Command = {
  name: 'guard add',
  summary: 'make or change a guardrail',
  usage:
    'guard add ID --check KIND [--mode MODE] [--stages LIST] [--options JSON | --options-file FILE] …',
  options: [
    { flag: '--check', value: 'KIND', doc: `what judges: ${CHECK_KINDS.join(', ')}` },
    {
      flag: '--mode',
      value: 'MODE',
      doc: `what follows: ${GUARD_MODES.join(', ')} (default block)`,
    },
    {
      flag: '--stages',
      value: 'LIST',
      doc: `what is judged: ${GUARD_STAGES.join(', ')} (default input,tool_result)`,
    },
    { flag: '--models', value: 'PATTERNS', doc: 'names clients ask for (default every model)' },
    {
      flag: '--for',
      value: 'LIST',
      doc: 'whose requests: key:NAME, group:ID, … (default everybody’s)',
    },
    { flag: '--except', value: 'LIST', doc: 'whose requests not; beats --for' },
    { flag: '--timeout-ms', value: 'N', doc: 'for one judgement' },
    { flag: '--on-failure', value: 'HOW', doc: 'without an answer: closed (default) or open' },
    {
      flag: '--window-chars',
      value: 'N',
      doc: 'of a streamed answer held back until it is judged',
    },
    { flag: '--options', value: 'JSON', doc: 'options of the check' },
    { flag: '--options-file', value: 'FILE', doc: 'the same from a file; - for standard input' },
    { flag: '--off', doc: 'keep it without asking it' },
    ALL_TENANTS_OPTION,
    IN_TENANT,
    JSON_OBJECT,
  ],
  examples: [
    `weir guard add no-cards --check pii --mode mask --options '{"detect":["card","iban"]}'`,
    'weir guard add hook --check webhook --stages output --options-file hook.json',
  ],
  positionalsMax: 1,
  run,
}

async function run(input: CommandInput): Promise<number> {
  const id = argument(input, 0, 'the id of the guardrail')
  const place = placeOf(input)
  const typed = {
    id,
    check: textOption(input, 'check'),
    mode: textOption(input, 'mode'),
    stages: listOption(input, 'stages'),
    models: listOption(input, 'models'),
    for: listOption(input, 'for'),
    except: listOption(input, 'except'),
    timeout_ms: integerOption(input, 'timeout-ms', { min: 10, max: LIMITS.guardTimeoutMsMax }),
    on_failure: textOption(input, 'on-failure'),
    window_chars: integerOption(input, 'window-chars', {
      min: 16,
      max: LIMITS.guardWindowCharsMax,
    }),
    options: await checkOptions(input),
    enabled: isOn(input, 'off') ? false : undefined,
  }
  return await changeIn(input, async ({ config, store }) => {
    const there = await store.guardrailRules.list(place)
    const before = there.find(({ rule }) => rule.id === id)?.rule
    const above =
      place === PLATFORM_TENANT_ID ? [] : await store.guardrailRules.list(PLATFORM_TENANT_ID)
    const isTaken =
      config.guardrails.some((rule) => rule.id === id) || above.some(({ rule }) => rule.id === id)
    if (isTaken) {
      throw new Problem(`A guardrail '${id}' stands above it already: it holds for every tenant.`)
    }
    const owner = place === PLATFORM_TENANT_ID ? {} : { tenantId: place }
    const rule = ruleOf(NewGuardrailBody, typed, (body) =>
      guardrailOf(body, { id, before, ...owner }),
    )
    await prove(rule, config)
    await store.guardrailRules.save(place, rule, cliActor())
    return {
      words: `Guardrail ${id} saved; running servers go by it now.`,
      json: shownRule({ rule }),
    }
  })
}

/** Whether a server could ask it, as a rule of the store. @throws UsageError */
async function prove(rule: GuardrailRule, config: Config): Promise<void> {
  const transport = createTransport(systemClock)
  const ports = { transport, clock: systemClock, logger: SILENT_LOGGER, config: () => config }
  try {
    refuseInner(rule, (url) => outboundNetwork(url, false, config.network).allowPrivate === true)
    const guard = await new GuardService(ports).readyFor(rule)
    guard.close?.()
  } catch (error) {
    if (!(error instanceof GatewayError)) throw error
    const at = error.param?.replace(/^options\.?/, '') ?? ''
    throw new UsageError(`--options:${at === '' ? '' : ` ${at}:`} ${error.message}`)
  }
}

/** Options of a check as they were given. @throws UsageError when they are no JSON object */
export async function checkOptions(input: CommandInput): Promise<JsonObject | undefined> {
  const file = textOption(input, 'options-file')
  const given = textOption(input, 'options')
  if (file !== undefined && given !== undefined) {
    throw new UsageError('--options excludes --options-file.')
  }
  const text = file === undefined ? given : await textFrom(file, LIMITS.guardrailBodyBytesMax)
  if (text === undefined) return undefined
  const options = asObject(parseJson(text))
  if (options === undefined) throw new UsageError('The options of a check are a JSON object.')
  return options
}
