// Zed: `settings.json` in its folder gets a provider that speaks as OpenAI does. Zed keeps no keys in files: it takes one from a variable, or
// asks for it and keeps it in the system's keychain. https://zed.dev/docs/ai/use-api-access

import { ANONYMOUS, put, type SetupTool } from './tool.ts'
import { foundAt, homeFolder, join, namedFolder, roaming, xdgConfig } from './places.ts'
import type { Surroundings } from '../../config/surroundings.ts'

/** By its own rule: the provider's name in capitals, and this behind it. */
const VARIABLE = 'WEIR_API_KEY'
/** It must be told; few enough for every model that can work with tools. */
const CONTEXT_TOKENS = 32_000

function folder(surroundings: Surroundings): string {
  const { platform } = surroundings
  if (platform === 'win32') return roaming(surroundings, 'Zed')
  if (platform === 'darwin') return homeFolder(surroundings, '.config', 'zed')
  const flatpak = namedFolder(surroundings, 'FLATPAK_XDG_CONFIG_HOME')
  return flatpak === undefined ? xdgConfig(surroundings, 'zed') : join(surroundings, flatpak, 'zed')
}

export const zed: SetupTool = {
  id: 'zed',
  title: 'Zed',
  find: (machine) => foundAt(machine, ['zed', 'zeditor'], [folder(machine.surroundings)]),
  files: ({ baseUrl, contextTokens = CONTEXT_TOKENS, model }, { surroundings }) => [
    {
      path: join(surroundings, folder(surroundings), 'settings.json'),
      format: 'jsonc',
      holdsKey: false,
      changes: [
        put(['language_models', 'openai_compatible', 'weir', 'api_url'], `${baseUrl}/v1`),
        put(
          [
            'language_models',
            'openai_compatible',
            'weir',
            'available_models',
            { key: 'name', is: model },
          ],
          {
            name: model,
            display_name: model,
            max_tokens: contextTokens,
            capabilities: {
              tools: true,
              images: true,
              parallel_tool_calls: true,
              prompt_cache_key: false,
            },
          },
        ),
        put(['agent', 'default_model'], { provider: 'weir', model }),
      ],
    },
  ],
  next: ({ key }, { surroundings }) => {
    const value = key === undefined ? ANONYMOUS : 'YOUR_WEIR_KEY'
    const set =
      surroundings.platform === 'win32'
        ? `setx ${VARIABLE} ${value}`
        : `export ${VARIABLE}=${value}`
    return [
      `${set}   (before Zed starts; or give Zed the key in its settings, AI, LLM Providers, weir)`,
      'zed',
    ]
  },
}
