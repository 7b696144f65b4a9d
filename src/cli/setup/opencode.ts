// opencode: `opencode.jsonc` or `opencode.json` in its folder, or the file that OPENCODE_CONFIG names, which goes before them. The key is
// taken from a file by `{file:…}`. https://opencode.ai/docs/config

import { ANONYMOUS, type FileChanges, put, type SetupTool } from './tool.ts'
import { foundAt, join, namedFolder, xdgConfig } from './places.ts'
import type { Machine } from './tool.ts'

/** The one that counts: of several it merges, the last. */
function configFile({ exists, surroundings }: Machine): string {
  const named = namedFolder(surroundings, 'OPENCODE_CONFIG')
  if (named !== undefined) return named
  const folders = [
    namedFolder(surroundings, 'OPENCODE_CONFIG_DIR'),
    xdgConfig(surroundings, 'opencode'),
  ]
  const present = folders.filter((folder) => folder !== undefined)
  const files = present.flatMap((folder) =>
    ['opencode.jsonc', 'opencode.json'].map((name) => join(surroundings, folder, name)),
  )
  return files.find(exists) ?? join(surroundings, present[0]!, 'opencode.json')
}

export const opencode: SetupTool = {
  id: 'opencode',
  title: 'opencode',
  find: (machine) => foundAt(machine, ['opencode'], [xdgConfig(machine.surroundings, 'opencode')]),
  files({ baseUrl, contextTokens, key, keyFile, model, smallModel }, machine) {
    const names = [...new Set([model, smallModel])]
    const limit =
      contextTokens === undefined ? {} : { limit: { context: contextTokens, output: 0 } }
    const models = Object.fromEntries(
      names.map((name) => [name, { name, tool_call: true, ...(name === model ? limit : {}) }]),
    )
    // Braces hold a path as it is, and forward slashes are understood everywhere.
    const reference = `{file:${keyFile.replaceAll('\\', '/')}}`
    const path = configFile(machine)
    const settings: FileChanges = {
      path,
      format: 'jsonc',
      holdsKey: false,
      changes: [
        ...(machine.exists(path) ? [] : [put(['$schema'], 'https://opencode.ai/config.json')]),
        put(['model'], `weir/${model}`),
        put(['small_model'], `weir/${smallModel}`),
        put(['provider', 'weir'], {
          npm: '@ai-sdk/openai-compatible',
          name: 'Weir',
          options: {
            baseURL: `${baseUrl}/v1`,
            apiKey: key === undefined ? ANONYMOUS : reference,
          },
          models,
        }),
      ],
    }
    if (key === undefined) return [settings]
    const changes = [put(['text'], `${key}\n`)]
    return [{ path: keyFile, format: 'whole', changes, holdsKey: true }, settings]
  },
  next: () => ['opencode'],
  overriding: ['OPENCODE_CONFIG_CONTENT'],
}
