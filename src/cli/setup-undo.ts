// `weir setup TOOL --undo`: brings back what stood in a tool's files, to the byte where nobody has edited them since; else only our settings are
// taken out, after showing that and asking.

import { loadConfig } from '../config/load.ts'
import { isOn } from './arguments.ts'
import type { CommandInput } from './command.ts'
import { confirmed, UNCONFIRMED_CODE } from './confirm.ts'
import { printable } from './format.ts'
import { applyFile, isChanged, planDiff, planReturn } from './setup/plan.ts'
import { readRecord, removeRecord } from './setup/records.ts'
import type { SetupTool } from './setup/tool.ts'

/** Exit code 0 when there is nothing to take back, too. */
export async function undoSetup(input: CommandInput, tool: SetupTool): Promise<number> {
  const { configFlags, output } = input
  const { dataFolder } = loadConfig({ flags: configFlags }).config
  const record = readRecord(dataFolder, tool.id)
  if (record === undefined) {
    output.out(`There is nothing to take back: ${tool.title} was not set up here.\n`)
    return 0
  }
  const returns = record.files.map(planReturn)
  const files = returns.map(({ file }) => file).filter(isChanged)
  if (files.length > 0) {
    output.out(planDiff(files, isOn(input, 'show-key') ? undefined : []))
    for (const { file, isExact, kept } of returns) {
      if (isExact) continue
      const left = kept.length === 0 ? '' : `, except what was changed: ${kept.join(', ')}`
      output.error(
        `${printable(file.path)} was edited since: only what 'weir setup' put there is taken out${printable(left)}.\n`,
      )
    }
    if (isOn(input, 'dry-run')) return 0
    const answer = await confirmed(input, `Change ${tool.title}’s settings back as shown? [y/N] `)
    if (answer !== 'yes') return answer === 'no' ? 1 : UNCONFIRMED_CODE
    // In the other order than they were written: what refers to a file goes before the file.
    for (const file of files.toReversed()) applyFile(file)
  }
  removeRecord(dataFolder, tool.id)
  output.out(`${tool.title} has the settings it had.\n`)
  if (record.keyId !== undefined) {
    output.out(`Its key is still good; take it back with: weir keys revoke ${record.keyId}\n`)
  }
  return 0
}
