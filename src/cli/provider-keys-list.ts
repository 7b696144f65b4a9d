// `weir providers keys list`: the keys of one provider, masked, with those on their way out.

import { isOn } from './arguments.ts'
import type { Command, CommandInput } from './command.ts'
import { jsonText, printable } from './format.ts'
import {
  declaredKeys,
  findProvider,
  KEY_COLUMNS,
  keyCells,
  namesOf,
  storedKeys,
  toldProblem,
} from './provider-keys.ts'
import { withExistingStore } from './store.ts'
import { renderTable, tableStyle } from './table.ts'

export const providerKeysList: Command = {
  name: 'providers keys list',
  summary: 'show the keys of a provider, masked',
  usage: 'providers keys list PROVIDER [--json]',
  options: [{ flag: '--json', doc: 'print a JSON array' }],
  examples: ['weir providers keys list openai'],
  positionalsMax: 1,
  run,
}

async function run(input: CommandInput): Promise<number> {
  const { output } = input
  const [id = ''] = namesOf(input, 'the provider’s id')
  try {
    const { config, provider } = await findProvider(id, input)
    const stored =
      provider.origin === 'store'
        ? await withExistingStore(config, output, (store) => storedKeys(store, id))
        : undefined
    const keys = stored ?? declaredKeys(provider.keys)
    if (isOn(input, 'json')) output.out(`${jsonText(keys, 2)}\n`)
    else if (keys.length > 0) {
      output.out(renderTable(KEY_COLUMNS, keys.map(keyCells), tableStyle(output)))
    } else output.error(`${printable(id)} has no keys.\n`)
    return 0
  } catch (error) {
    return toldProblem(error, input)
  }
}
