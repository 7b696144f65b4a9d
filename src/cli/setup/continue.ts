// Continue: `config.yaml` in its folder, the first model of which it takes unless told otherwise; the key goes into `.env` beside it, which
// is made for secrets. https://docs.continue.dev/reference

import { UsageError } from '../command.ts'
import { ANONYMOUS, put, type SetupTool } from './tool.ts'
import { foundAt, homeFolder, join, namedFolder } from './places.ts'
import type { Surroundings } from '../../config/surroundings.ts'

const SECRET = 'WEIR_KEY'

function folder(surroundings: Surroundings): string {
  return namedFolder(surroundings, 'CONTINUE_GLOBAL_DIR') ?? homeFolder(surroundings, '.continue')
}

export const continueDev: SetupTool = {
  id: 'continue',
  title: 'Continue',
  find: (machine) => foundAt(machine, ['cn'], [folder(machine.surroundings)]),
  files({ baseUrl, key, model }, { exists, surroundings }) {
    const path = join(surroundings, folder(surroundings), 'config.yaml')
    if (!exists(path) && exists(join(surroundings, folder(surroundings), 'config.json'))) {
      throw new UsageError(
        'Continue has its settings in config.json here, which a config.yaml would hide. Let Continue convert it (https://docs.continue.dev/reference/yaml-migration), then run this again.',
      )
    }
    const item = { key: 'name', is: 'Weir', isFirst: true } as const
    const settings = {
      path,
      format: 'yaml',
      holdsKey: false,
      changes: [
        ...(exists(path)
          ? []
          : [put(['name'], 'Main Config'), put(['version'], '1.0.0'), put(['schema'], 'v1')]),
        put(['models', item], {
          name: 'Weir',
          provider: 'openai',
          model,
          apiBase: `${baseUrl}/v1`,
          apiKey: key === undefined ? ANONYMOUS : `\${{ secrets.${SECRET} }}`,
        }),
      ],
    } as const
    if (key === undefined) return [settings]
    const secrets = join(surroundings, folder(surroundings), '.env')
    return [
      { path: secrets, format: 'env', changes: [put([SECRET], key)], holdsKey: true },
      settings,
    ]
  },
  next: () => ['cn', 'or, in the editor, choose Weir in the list of models'],
}
