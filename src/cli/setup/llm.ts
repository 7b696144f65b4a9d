// llm: `extra-openai-models.yaml` in its folder names models, `keys.json` beside it holds keys. https://llm.datasette.io/en/stable/other-models.html

import { variable, type Surroundings } from '../../config/surroundings.ts'
import { ANONYMOUS, put, type SetupTool } from './tool.ts'
import { foundAt, homeFolder, join, namedFolder, xdgConfig } from './places.ts'

const NAME = 'io.datasette.llm'

/** As the library has it that llm asks for its folder: on Windows the one that roams. */
function folder(surroundings: Surroundings): string {
  const named = namedFolder(surroundings, 'LLM_USER_PATH')
  if (named !== undefined) return named
  const { home, platform } = surroundings
  if (platform === 'win32')
    return join(surroundings, variable(surroundings, 'APPDATA') ?? home, NAME)
  if (platform === 'darwin') {
    return homeFolder(surroundings, 'Library', 'Application Support', NAME)
  }
  return xdgConfig(surroundings, NAME)
}

export const llm: SetupTool = {
  id: 'llm',
  title: 'llm',
  find: (machine) => foundAt(machine, ['llm'], [folder(machine.surroundings)]),
  files: ({ baseUrl, key, model }, { surroundings }) => [
    {
      path: join(surroundings, folder(surroundings), 'keys.json'),
      format: 'jsonc',
      changes: [put(['weir'], key ?? ANONYMOUS)],
      holdsKey: true,
    },
    {
      path: join(surroundings, folder(surroundings), 'extra-openai-models.yaml'),
      format: 'yaml',
      holdsKey: false,
      changes: [
        put([{ key: 'model_id', is: 'weir' }], {
          model_id: 'weir',
          model_name: model,
          api_base: `${baseUrl}/v1`,
          api_key_name: 'weir',
          supports_tools: true,
          supports_schema: true,
        }),
      ],
    },
  ],
  next: () => ["llm -m weir 'Say hello.'"],
}
