// VS Code's own chat: `settings.json` of the user folder names Weir where an Ollama server is wanted, so that every model is listed; and
// `chatLanguageModels.json` beside it, where newer ones have what was added by hand, gets the one model. Each edition that is here is set up.
// https://code.visualstudio.com/docs/copilot/customization/language-models

import { ANONYMOUS, put, type Machine, type SetupTool } from './tool.ts'
import { applicationFolder, foundAt, join, namedFolder } from './places.ts'

const EDITIONS = ['Code', 'Code - Insiders', 'VSCodium'] as const
const COMMANDS = ['code', 'code-insiders', 'codium'] as const

/** User folders of the editions that are here; of VS Code itself when none is. */
function userFolders({ exists, surroundings }: Machine): readonly string[] {
  const portable = namedFolder(surroundings, 'VSCODE_PORTABLE')
  if (portable !== undefined) return [join(surroundings, portable, 'user-data', 'User')]
  const all = EDITIONS.map((name) => applicationFolder(surroundings, name, 'User'))
  const present = all.filter(exists)
  return present.length > 0 ? present : all.slice(0, 1)
}

/** What a model takes at once where nobody knows it: few enough for all that can work with tools. */
const CONTEXT_TOKENS = 32_000

export const vscode: SetupTool = {
  id: 'vscode',
  title: 'VS Code',
  find: (machine) =>
    foundAt(
      machine,
      COMMANDS,
      EDITIONS.map((name) => applicationFolder(machine.surroundings, name, 'User')),
    ),
  files(facts, machine) {
    const { baseUrl, contextTokens = CONTEXT_TOKENS, key, model } = facts
    // Its list of Ollama servers has no place for a key but the address.
    const endpoint = key === undefined ? baseUrl : `${baseUrl}/k/${key}`
    const holdsKey = key !== undefined
    return userFolders(machine).flatMap((folder) => [
      {
        path: join(machine.surroundings, folder, 'settings.json'),
        format: 'jsonc',
        holdsKey,
        changes: [put(['github.copilot.chat.byok.ollamaEndpoint'], endpoint)],
      } as const,
      {
        path: join(machine.surroundings, folder, 'chatLanguageModels.json'),
        format: 'jsonc',
        holdsKey,
        changes: [
          put([{ key: 'name', is: 'Weir' }], {
            name: 'Weir',
            vendor: 'customendpoint',
            apiKey: key ?? ANONYMOUS,
            apiType: 'chat-completions',
            models: [
              {
                id: model,
                name: model,
                url: `${baseUrl}/v1/chat/completions`,
                toolCalling: true,
                vision: true,
                maxInputTokens: contextTokens,
                maxOutputTokens: Math.min(16_384, Math.floor(contextTokens / 2)),
              },
            ],
          }),
        ],
      } as const,
    ])
  },
  next: ({ model }) => [
    `in the chat's list of models, choose ${model} below Weir; "Manage Models" lists every other below Ollama`,
  ],
}
