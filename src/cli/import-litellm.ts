// `weir import litellm`: LiteLLM’s proxy configuration as one of Weir. What it means is in `import/litellm.ts`; here is where it comes from.

import { requiredArgument } from './arguments.ts'
import type { Command, CommandInput } from './command.ts'
import { fromLitellm } from './import/litellm.ts'
import { IMPORT_NOTES, IMPORT_OPTIONS, runImport } from './import/run-import.ts'
import { readWithIncludes } from './import/source.ts'

export const importLitellm: Command = {
  name: 'import litellm',
  summary: 'turn LiteLLM’s config.yaml into a configuration',
  usage: 'import litellm FILE [--output FILE] [--secrets-file FILE] [--apply] [--json]',
  options: IMPORT_OPTIONS,
  notes: IMPORT_NOTES,
  examples: [
    'weir import litellm config.yaml',
    'weir import litellm config.yaml --output weir.yaml --secrets-file weir.env',
  ],
  positionalsMax: 1,
  run,
}

async function run(input: CommandInput): Promise<number> {
  const path = requiredArgument(input, 'the file')
  return await runImport(input, path, () => {
    const { beside, document, folder } = readWithIncludes(path)
    const draft = fromLitellm(document, { folder, platform: process.platform })
    for (const account of beside) draft.ledger.note(account)
    return draft
  })
}
