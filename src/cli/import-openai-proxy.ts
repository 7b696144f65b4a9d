// `weir import openai-proxy`: the groups, providers, models and network of an OpenAI proxy’s JSON as a configuration of Weir. What it means is
// in `import/openai-proxy.ts`.

import { requiredArgument } from './arguments.ts'
import type { Command, CommandInput } from './command.ts'
import { fromOpenaiProxy } from './import/openai-proxy.ts'
import { IMPORT_NOTES, IMPORT_OPTIONS, runImport } from './import/run-import.ts'
import { readSource } from './import/source.ts'

export const importOpenaiProxy: Command = {
  name: 'import openai-proxy',
  summary: 'turn an OpenAI proxy’s config.json into a configuration',
  usage: 'import openai-proxy FILE [--output FILE] [--secrets-file FILE] [--apply] [--json]',
  options: IMPORT_OPTIONS,
  notes: [...IMPORT_NOTES, 'Which names are taken is listed in docs/migrating.md.'],
  examples: ['weir import openai-proxy config.json --output weir.yaml'],
  positionalsMax: 1,
  run,
}

async function run(input: CommandInput): Promise<number> {
  const path = requiredArgument(input, 'the file')
  return await runImport(input, path, () => {
    const { document, folder } = readSource(path, 'json')
    return fromOpenaiProxy(document, { folder, platform: process.platform })
  })
}
