// `weir version`: what is running, for people and for bug reports.

import { VERSION } from '../core/version.ts'
import { isOn } from './arguments.ts'
import type { Command } from './command.ts'
import { jsonText } from './format.ts'

export const version: Command = {
  name: 'version',
  summary: 'show the version',
  usage: 'version [--json]',
  options: [{ flag: '--json', doc: 'print one JSON object' }],
  examples: ['weir version', 'weir --version'],
  positionalsMax: 0,
  run: async (input) => {
    const platform = `${process.platform}-${process.arch}`
    input.output.out(
      isOn(input, 'json')
        ? `${jsonText({ version: VERSION, bun: Bun.version, platform })}\n`
        : `weir ${VERSION} (bun ${Bun.version}, ${platform})\n`,
    )
    return 0
  },
}
