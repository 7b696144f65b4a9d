// `weir secrets rotate`: seals every stored secret with a new key, wrapped by the master key in use. Servers go on meanwhile, and a
// rotation that was broken off is taken up by the next one.

import { loadConfig } from '../config/load.ts'
import { cliActor } from './actor.ts'
import { isOn } from './arguments.ts'
import type { Command, CommandInput } from './command.ts'
import { counted, jsonText } from './format.ts'
import { withStore } from './store.ts'

export const secretsRotate: Command = {
  name: 'secrets rotate',
  summary: 'encrypt every stored secret anew',
  usage: 'secrets rotate [--json]',
  options: [{ flag: '--json', doc: 'print a JSON object' }],
  examples: [
    'weir secrets rotate',
    'WEIR_MASTER_KEY=new… weir secrets rotate   # with the old one in secrets.old_keys',
  ],
  positionalsMax: 0,
  run,
}

async function run(input: CommandInput): Promise<number> {
  const { configFlags, output } = input
  const { config } = loadConfig({ flags: configFlags })
  const report = await withStore(config, output, (store) => store.secrets.rotate(cliActor()))
  if (isOn(input, 'json')) {
    const { keyId, masterKeyId, values } = report
    output.out(`${jsonText({ values, key: keyId, master_key: masterKeyId })}\n`)
    return 0
  }
  output.out(
    `${counted(report.values, 'value')} encrypted anew with key ${report.keyId}, wrapped by master key ${report.masterKeyId}.\n`,
  )
  if (config.secrets.oldKeys.length > 0) {
    output.error('No value needs secrets.old_keys any more: take them out of the configuration.\n')
  }
  return 0
}
