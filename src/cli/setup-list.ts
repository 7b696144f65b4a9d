// `weir setup` alone: which tools can be set up, which are on this machine, and which are set up already. It changes nothing.

import { loadConfig } from '../config/load.ts'
import { LIBRARIES } from '../server/snippets/libraries.ts'
import type { CommandInput } from './command.ts'
import { hasDigest } from './setup/files.ts'
import { readRecord, type SetupRecord } from './setup/records.ts'
import type { Machine } from './setup/tool.ts'
import { SETUP_TOOLS } from './setup/tools.ts'
import { Table, tableStyle } from './table.ts'

export async function listTools(
  { configFlags, output }: CommandInput,
  here: Machine,
): Promise<number> {
  const { dataFolder } = loadConfig({ flags: configFlags }).config
  const rows = SETUP_TOOLS.map((tool) => {
    const record = readRecord(dataFolder, tool.id)
    const found = tool.find(here)
    return [tool.id, tool.title, found ?? 'not found', record === undefined ? '-' : stateOf(record)]
  })
  const columns = [
    { header: 'TOOL' },
    { header: 'NAME' },
    { header: 'HERE', maxWidth: 60 },
    { header: 'STATE' },
  ]
  output.out(new Table(columns, tableStyle(output)).start(rows))
  const names = LIBRARIES.map(({ id }) => id).join(', ')
  output.out(
    `\nSet one up with: weir setup TOOL\nLines to paste:  weir setup NAME, one of ${names}\nAn administrator: weir setup admin\n`,
  )
  return 0
}

function stateOf({ baseUrl, files, model }: SetupRecord): string {
  const isWhole = files.every((file) => hasDigest(file.path, file.sha256))
  return `${isWhole ? 'set up' : 'set up, edited since'}: ${model} by ${baseUrl}`
}
