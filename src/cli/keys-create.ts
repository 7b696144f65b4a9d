// `weir keys create`: makes an API key and prints it, the only time it is ever seen. The key alone goes to standard output,
// so that `KEY=$(weir keys create ci)` works; everything else goes to standard error.

import { cliActor } from './actor.ts'
import { sha256Hex } from '../auth/authenticate.ts'
import { loadConfig } from '../config/load.ts'
import { API_KEY_RANDOM_BYTES, formatApiKey, keyLastFour, keyPrefix } from '../core/api-key.ts'
import { DEFAULT_TENANT_ID } from '../core/principal.ts'
import { isOn, listOption, parseExpiry, requiredArgument, textOption } from './arguments.ts'
import { type Command, type CommandInput, UsageError } from './command.ts'
import { formatTime, jsonText, printable } from './format.ts'
import { keyJson, keyState } from './keys.ts'
import { withStore } from './store.ts'
import { systemClock } from '../system.ts'

const NAME_CHARS_MAX = 64
const PATTERN_CHARS_MAX = 300

export const keysCreate: Command = {
  name: 'keys create',
  summary: 'make an API key and show it once',
  usage: 'keys create NAME [--models PATTERNS] [--expires WHEN] [--admin] [--json]',
  options: [
    {
      flag: '--models',
      value: 'PATTERNS',
      doc: 'models it may use, with commas between; * stands for any text (default all)',
    },
    {
      flag: '--expires',
      value: 'WHEN',
      doc: 'when it ends: 30d, 12h, or a date as 2027-01-31, valid to its end in UTC (default never)',
    },
    { flag: '--admin', doc: 'it may also use the management API and name the target of a request' },
    { flag: '--json', doc: 'print one JSON object instead of the bare key' },
  ],
  examples: [
    'weir keys create laptop',
    "weir keys create ci --models 'fast,openai/*' --expires 30d",
    'export OPENAI_API_KEY=$(weir keys create laptop)',
  ],
  positionalsMax: 1,
  run,
}

async function run(input: CommandInput): Promise<number> {
  const { output, configFlags } = input
  const nowMs = systemClock.nowMs()
  const name = checkName(requiredArgument(input, 'the name of the key'))
  const models = checkPatterns(listOption(input, 'models'))
  const expires = textOption(input, 'expires')
  const expiresMs = expires === undefined ? undefined : parseExpiry(expires, nowMs)
  const { config } = loadConfig({ flags: configFlags })
  const key = formatApiKey(crypto.getRandomValues(new Uint8Array(API_KEY_RANDOM_BYTES)))
  const { created, namesakes } = await withStore(config, output, async (store) => {
    const others = [...config.keys, ...(await store.keys.list(DEFAULT_TENANT_ID))]
    return {
      namesakes: others.filter(
        (other) => other.name === name && keyState(other, nowMs) === 'active',
      ),
      created: await store.keys.create(
        {
          id: Bun.randomUUIDv7(),
          tenantId: DEFAULT_TENANT_ID,
          name,
          hash: sha256Hex(key),
          prefix: keyPrefix(key),
          lastFour: keyLastFour(key),
          createdMs: nowMs,
          ...(expiresMs === undefined ? {} : { expiresMs }),
          ...(models === undefined ? {} : { models }),
          ...(isOn(input, 'admin') ? { roles: ['admin'] } : {}),
        },
        cliActor(),
      ),
    }
  })
  if (isOn(input, 'json')) {
    output.out(`${jsonText({ key, ...keyJson(created, nowMs) })}\n`)
    return 0
  }
  const until = expiresMs === undefined ? '' : `, valid until ${formatTime(expiresMs)} UTC`
  output.error(`Key '${printable(name)}' made${until}. This is the only time it is shown:\n`)
  output.out(`${key}\n`)
  output.error(
    `Clients send it as their API key. Take it back with: weir keys revoke ${created.id}\n`,
  )
  if (namesakes.length > 0) {
    output.error(`Note: another active key has this name; 'weir keys list' shows both.\n`)
  }
  return 0
}

/** @throws UsageError for a name that a list could not show or that is a key itself */
function checkName(name: string): string {
  if (name.length > NAME_CHARS_MAX) {
    throw new UsageError(`A key's name has at most ${NAME_CHARS_MAX} characters.`)
  }
  if (printable(name) !== name) throw new UsageError("A key's name has no control characters.")
  if (name.startsWith('weir_')) {
    throw new UsageError("A key's name does not begin with weir_: it would look like a key.")
  }
  return name
}

function checkPatterns(patterns: string[] | undefined): string[] | undefined {
  for (const pattern of patterns ?? []) {
    if (pattern.length > PATTERN_CHARS_MAX || printable(pattern) !== pattern) {
      throw new UsageError(
        `--models takes names of up to ${PATTERN_CHARS_MAX} characters, without control characters.`,
      )
    }
  }
  return patterns
}
