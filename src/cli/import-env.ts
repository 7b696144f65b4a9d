// `weir import env`: the variables of the environment, and those of a `.env` file, as a configuration of Weir. What each means is in
// `import/environment.ts`.

import { LIMITS } from '../core/limits.ts'
import { readBounded } from '../config/read.ts'
import { textOption } from './arguments.ts'
import type { Command, CommandInput } from './command.ts'
import { fromEnvironment, parseEnvironmentFile } from './import/environment.ts'
import { SourceError } from './import/ledger.ts'
import { IMPORT_NOTES, IMPORT_OPTIONS, runImport } from './import/run-import.ts'

export const importEnv: Command = {
  name: 'import env',
  summary: 'turn variables of the environment into a configuration',
  usage: 'import env [--file FILE] [--output FILE] [--secrets-file FILE] [--apply] [--json]',
  options: [
    {
      flag: '--file',
      value: 'FILE',
      doc: 'a .env file, beside the environment; it stands above it',
    },
    ...IMPORT_OPTIONS,
  ],
  notes: IMPORT_NOTES,
  examples: ['weir import env', 'weir import env --file .env --output weir.yaml'],
  positionalsMax: 0,
  run,
}

async function run(input: CommandInput): Promise<number> {
  const path = textOption(input, 'file')
  return await runImport(input, path ?? 'the environment', () => {
    const options = { folder: process.cwd(), platform: process.platform }
    const environment = process.env
    return path === undefined
      ? fromEnvironment({ environment }, options)
      : fromEnvironment({ environment, file: readVariables(path) }, options)
  })
}

function readVariables(path: string): Record<string, string> {
  const read = readBounded(path, LIMITS.configFileBytesMax)
  if ('problem' in read) throw new SourceError(read.problem)
  return parseEnvironmentFile(read.text)
}
