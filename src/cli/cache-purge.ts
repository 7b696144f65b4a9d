// `weir cache purge`: empties the response cache of a running server, of a tenant, of one model or of all.

import { asNumber } from '../core/json.ts'
import { isOn, textOption } from './arguments.ts'
import { askCache, CACHE_OPTIONS } from './cache.ts'
import type { Command, CommandInput } from './command.ts'
import { counted, jsonText } from './format.ts'

export const cachePurge: Command = {
  name: 'cache purge',
  summary: 'empty the response cache',
  usage: 'cache purge [--model M] [--tenant ID|--all] [--json]',
  options: [
    { flag: '--model', value: 'M', doc: 'only this model, by the name it was asked for' },
    ...CACHE_OPTIONS,
    { flag: '--json', doc: 'print JSON' },
  ],
  examples: ['weir cache purge --model fast', 'WEIR_ADMIN_KEY=weir_… weir cache purge --all'],
  positionalsMax: 0,
  run,
}

async function run(input: CommandInput): Promise<number> {
  const model = textOption(input, 'model')
  const done = await askCache(input, 'DELETE', model === undefined ? {} : { model })
  if (done === undefined) return 1
  const text = isOn(input, 'json')
    ? jsonText(done, 2)
    : `${counted(asNumber(done['deleted']) ?? 0, 'answer')} forgotten.`
  input.output.out(`${text}\n`)
  return 0
}
