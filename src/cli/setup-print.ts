// The lines to paste for a library, or for a tool with --print: the same that `GET /admin/snippets` tells, which the end-to-end tests run.

import { loadConfig } from '../config/load.ts'
import { suggest } from '../config/suggest.ts'
import { CODING_TOOLS } from '../server/snippets/coding-tools.ts'
import { LIBRARIES } from '../server/snippets/libraries.ts'
import { KEY_PLACEHOLDER, type SnippetTool } from '../server/snippets/snippet.ts'
import { textOption } from './arguments.ts'
import { type CommandInput, UsageError } from './command.ts'
import { printable } from './format.ts'
import { addressFor } from './setup-options.ts'
import { RunningServer } from './setup/server.ts'
import { SETUP_TOOLS } from './setup/tools.ts'

const SNIPPETS: readonly SnippetTool[] = [...CODING_TOOLS, ...LIBRARIES]
/** Where no model can be named: words that say so. */
const ANY_MODEL = 'YOUR_MODEL'

/** @throws UsageError for a name that stands for nothing */
export async function printLines(input: CommandInput, name: string): Promise<number> {
  const { configFlags, output } = input
  const id = name.replace(/-py$/, '-python').replace(/-(?:javascript|typescript|ts)$/, '-js')
  const snippet = SNIPPETS.find((each) => each.id === id)
  if (snippet === undefined) {
    const ids = [...SETUP_TOOLS, ...SNIPPETS].map((each) => each.id)
    const meant = suggest(name, [...new Set([...ids, 'admin'])])
    const question = meant === undefined ? '' : ` Did you mean '${meant}'?`
    throw new UsageError(
      `There is no tool '${printable(name)}'.${question} 'weir setup' lists them.`,
    )
  }
  const { config } = loadConfig({ flags: configFlags })
  const baseUrl = addressFor(input, config)
  const model = textOption(input, 'model') ?? (await offeredModel(baseUrl, config.network))
  const parts = snippet.parts({ baseUrl, model })
  for (const { text, where } of parts) output.out(`# ${where}\n${text}\n`)
  if (snippet.note !== undefined) output.error(`${snippet.note}\n`)
  if (parts.some(({ text }) => text.includes(KEY_PLACEHOLDER))) {
    output.error(
      `Put your API key in place of ${KEY_PLACEHOLDER} ('weir keys create NAME' makes one); where none is needed, the word anonymous.\n`,
    )
  }
  return 0
}

async function offeredModel(
  baseUrl: string,
  network: ConstructorParameters<typeof RunningServer>[1],
): Promise<string> {
  const told = await new RunningServer(baseUrl, network).models(undefined)
  const models = told.state === 'models' ? told.models.filter(({ isFit }) => isFit) : []
  const first = models.find(({ id }) => !id.startsWith('mock/')) ?? models[0]
  return first?.id ?? ANY_MODEL
}
