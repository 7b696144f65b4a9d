// Codex: `config.toml` in its folder. A provider of its own, whose key is printed by a command; without a key it sends none.
// https://developers.openai.com/codex/config-reference

import { drop, type FileChanges, put, type SetupTool } from './tool.ts'
import { foundAt, homeFolder, join, namedFolder } from './places.ts'
import type { Surroundings } from '../../config/surroundings.ts'

function folder(surroundings: Surroundings): string {
  return namedFolder(surroundings, 'CODEX_HOME') ?? homeFolder(surroundings, '.codex')
}

export const codex: SetupTool = {
  id: 'codex',
  title: 'Codex',
  find: (machine) => foundAt(machine, ['codex'], [folder(machine.surroundings)]),
  files({ baseUrl, key, keyFile, model }, { surroundings }) {
    const provider = ['model_providers', 'weir']
    const isWindows = surroundings.platform === 'win32'
    const settings: FileChanges = {
      path: join(surroundings, folder(surroundings), 'config.toml'),
      format: 'toml',
      holdsKey: false,
      changes: [
        put(['model_provider'], 'weir'),
        put(['model'], model),
        put(provider, { name: 'Weir', base_url: `${baseUrl}/v1`, wire_api: 'responses' }),
        // One way to a key excludes the others.
        drop([...provider, 'env_key']),
        drop([...provider, 'experimental_bearer_token']),
        key === undefined
          ? drop([...provider, 'auth'])
          : put([...provider, 'auth'], {
              command: isWindows ? 'cmd' : 'cat',
              args: isWindows ? ['/d', '/c', 'type', keyFile] : [keyFile],
            }),
      ],
    }
    if (key === undefined) return [settings]
    const changes = [put(['text'], `${key}\n`)]
    return [{ path: keyFile, format: 'whole', changes, holdsKey: true }, settings]
  },
  next: () => ['codex'],
}
