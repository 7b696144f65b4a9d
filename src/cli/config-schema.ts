// `weir config schema`: the JSON Schema of the configuration file, for editors that complete and check while one writes.

import { describeJsonSchema } from '../config/describe.ts'
import type { Command } from './command.ts'
import { jsonText } from './format.ts'

export const configSchema: Command = {
  name: 'config schema',
  summary: 'print the JSON Schema of the configuration file',
  usage: 'config schema',
  options: [],
  examples: [
    'weir config schema > weir.schema.json',
    'weir.yaml then begins with: # yaml-language-server: $schema=weir.schema.json',
  ],
  positionalsMax: 0,
  run: async ({ output }) => {
    output.out(`${jsonText(describeJsonSchema(), 2)}\n`)
    return 0
  },
}
