// `weir config show`: the configuration in force, every value with where it came from, secrets masked. The text form could be
// a configuration file again.

import { loadConfig } from '../config/load.ts'
import { listSettings, showConfig } from '../config/show.ts'
import { isOn } from './arguments.ts'
import type { Command, CommandInput } from './command.ts'
import { jsonText, printable } from './format.ts'

export const configShow: Command = {
  name: 'config show',
  summary: 'show the configuration in force, secrets masked',
  usage: 'config show [--json]',
  options: [{ flag: '--json', doc: 'print a JSON object with each value and its origin' }],
  examples: [
    'weir config show',
    'weir config show --json | jq \'.settings[] | select(.origin != "default")\'',
  ],
  positionalsMax: 0,
  run,
}

async function run(input: CommandInput): Promise<number> {
  const { output, configFlags } = input
  const loaded = loadConfig({ flags: configFlags })
  const { config, dataOrigin } = loaded
  if (isOn(input, 'json')) {
    const shown = {
      file: config.file ?? null,
      data_folder: { value: config.dataFolder, origin: dataOrigin },
      settings: listSettings(loaded),
    }
    output.out(`${jsonText(shown, 2)}\n`)
    return 0
  }
  const lines = showConfig(loaded, { origin: true }).split('\n')
  output.out(lines.map(printable).join('\n'))
  return 0
}
