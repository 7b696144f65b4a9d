// `weir config check`: whether a server would start with this configuration; every problem at once, each with its place.

import type { LoadedConfig } from '../config/config.ts'
import { loadConfig } from '../config/load.ts'
import { ConfigError, formatProblem } from '../config/problem.ts'
import { unsupportedProviderText } from '../providers/registry.ts'
import { guardrailProblems } from './guardrail-proof.ts'
import type { Command, CommandInput } from './command.ts'
import { counted, printable } from './format.ts'

export const configCheck: Command = {
  name: 'config check',
  summary: 'check the configuration and show every problem',
  usage: 'config check',
  options: [],
  examples: ['weir config check', 'weir config check --config weir.yaml && systemctl reload weir'],
  positionalsMax: 0,
  run,
}

async function run({ configFlags, output }: CommandInput): Promise<number> {
  let loaded: LoadedConfig
  try {
    loaded = loadConfig({ flags: configFlags })
    const unusable = await guardrailProblems(loaded.config)
    if (unusable.length > 0) throw new ConfigError(unusable)
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    const lines = error.problems.map((problem) => printable(formatProblem(problem)))
    output.error(`${lines.join('\n')}\n${counted(lines.length, 'problem')}\n`)
    return 1
  }
  const { config, warnings } = loaded
  for (const warning of warnings) output.error(`warning: ${printable(formatProblem(warning))}\n`)
  for (const provider of config.providers) {
    const text = unsupportedProviderText(provider.type)
    if (text !== undefined) output.error(`warning: ${printable(provider.id)}: ${text}\n`)
  }
  output.out(
    `ok: ${config.file === undefined ? 'no file, environment and defaults' : printable(config.file)}\n`,
  )
  return 0
}
