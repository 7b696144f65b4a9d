// `weir audit verify`: computes the whole chain anew and says where it is broken. The exit code is 1 when it is, so that a script can
// watch it.

import { loadConfig } from '../config/load.ts'
import { isOn } from './arguments.ts'
import type { Command, CommandInput } from './command.ts'
import { counted, jsonText } from './format.ts'
import { withExistingStore } from './store.ts'

export const auditVerify: Command = {
  name: 'audit verify',
  summary: 'prove that no record of the audit was changed',
  usage: 'audit verify [--json]',
  options: [{ flag: '--json', doc: 'print a JSON object' }],
  examples: ['weir audit verify'],
  positionalsMax: 0,
  run,
}

async function run(input: CommandInput): Promise<number> {
  const { configFlags, output } = input
  const { config } = loadConfig({ flags: configFlags })
  const verdict = (await withExistingStore(config, output, (store) => store.audit.verify())) ?? {
    records: 0,
  }
  const { broken, records } = verdict
  if (isOn(input, 'json')) {
    output.out(`${jsonText({ records, intact: broken === undefined, broken: broken ?? null })}\n`)
  } else if (broken === undefined) {
    output.out(`The audit is whole: ${counted(records, 'record')}.\n`)
  } else {
    output.error(`The audit is broken at record ${broken.sequence}: ${broken.reason}.\n`)
  }
  return broken === undefined ? 0 : 1
}
