// `weir keys rotate`: makes the key that takes the place of another, with all that it may do, and prints it once. The old one goes on for
// a while, so that its users can change over.

import { parseDuration } from '../config/units.ts'
import { cliActor } from './actor.ts'
import { isOn, textOption } from './arguments.ts'
import { type Command, type CommandInput, UsageError } from './command.ts'
import { formatTime } from './format.ts'
import { changeKey, refuseRevoked } from './keys-change.ts'
import { makeKey } from './keys-create.ts'
import { IN_TENANT, Problem } from './people.ts'

const OVERLAP = '24h'
const OVERLAP_MAX_MS = 90 * 24 * 60 * 60_000

export const keysRotate: Command = {
  name: 'keys rotate',
  summary: 'replace an API key; the old one goes on for a while',
  usage: 'keys rotate NAME|ID [--overlap TIME] [--tenant ID] [--json]',
  options: [
    {
      flag: '--overlap',
      value: 'TIME',
      doc: `how long the old one goes on: 24h, 7d, 0s (default ${OVERLAP})`,
    },
    IN_TENANT,
    { flag: '--json', doc: 'print one JSON object instead of the bare key' },
  ],
  examples: ['NEW_KEY=$(weir keys rotate ci --overlap 7d)'],
  positionalsMax: 1,
  run,
}

async function run(input: CommandInput): Promise<number> {
  const overlapMs = parseDuration(textOption(input, 'overlap') ?? OVERLAP)
  if (overlapMs === undefined || overlapMs > OVERLAP_MAX_MS) {
    throw new UsageError('--overlap takes a time such as 24h or 7d, 90d at most.')
  }
  const { key: secret, ...made } = makeKey()
  const { output } = input
  const quiet = isOn(input, 'json') ? input : { ...input, output: { ...output, out: output.error } }
  const code = await changeKey(quiet, async (key, { nowMs, store, tenantId }) => {
    refuseRevoked(key)
    const { actions, allowedFrom, expiresMs, models, name, own, owner, roles } = key
    const endsMs = nowMs + overlapMs
    const successor = {
      ...made,
      tenantId,
      name,
      createdMs: nowMs,
      ...(expiresMs === undefined ? {} : { expiresMs }),
      ...(models === undefined ? {} : { models }),
      ...(actions === undefined ? {} : { actions }),
      ...(roles === undefined ? {} : { roles }),
      ...(allowedFrom === undefined ? {} : { allowedFrom }),
      ...(own === undefined ? {} : { own }),
      ...(owner === undefined ? {} : { owner }),
    }
    const next = await store.keys.rotate(tenantId, key.id, successor, endsMs, cliActor())
    if (next === undefined) throw new Problem(`The key '${name}' has a successor already.`)
    const oldEndsMs = Math.min(expiresMs ?? endsMs, endsMs)
    return {
      key: next,
      extra: { key: secret, replaces: key.id, replaced_until: new Date(oldEndsMs).toISOString() },
      words: `takes the place of the old one, which ends at ${formatTime(oldEndsMs)} UTC. This is the only time it is shown`,
    }
  })
  if (code === 0 && !isOn(input, 'json')) output.out(`${secret}\n`)
  return code
}
