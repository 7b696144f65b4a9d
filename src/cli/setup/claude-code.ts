// Claude Code: `settings.json` in its folder, whose `env` goes before the shell's. The key stays out of it: `apiKeyHelper` names a command
// that prints it. https://docs.claude.com/en/docs/claude-code/settings

import { ANONYMOUS, drop, put, type SetupTool } from './tool.ts'
import { foundAt, homeFolder, join, namedFolder, printCommand } from './places.ts'
import type { Surroundings } from '../../config/surroundings.ts'

function folder(surroundings: Surroundings): string {
  return namedFolder(surroundings, 'CLAUDE_CONFIG_DIR') ?? homeFolder(surroundings, '.claude')
}

export const claudeCode: SetupTool = {
  id: 'claude-code',
  title: 'Claude Code',
  find: (machine) => foundAt(machine, ['claude'], [folder(machine.surroundings)]),
  files({ baseUrl, key, keyFile, model, smallModel }, { surroundings }) {
    const environment = {
      ANTHROPIC_BASE_URL: baseUrl,
      ANTHROPIC_MODEL: model,
      // What `opus`, `sonnet` and so on mean in it: otherwise they are names that Weir may not know.
      ANTHROPIC_DEFAULT_OPUS_MODEL: model,
      ANTHROPIC_DEFAULT_SONNET_MODEL: model,
      ANTHROPIC_DEFAULT_HAIKU_MODEL: smallModel,
    }
    const settings = {
      path: join(surroundings, folder(surroundings), 'settings.json'),
      format: 'jsonc',
      holdsKey: false,
    } as const
    const helper = printCommand(surroundings, keyFile)
    // Each by itself: a variable that somebody puts beside them later keeps none of them from being taken back.
    const variables = Object.entries(environment).map(([name, value]) => put(['env', name], value))
    if (key === undefined) {
      const noHelper = { ...drop(['apiKeyHelper']), onlyIf: helper }
      const nobody = put(['env', 'ANTHROPIC_AUTH_TOKEN'], ANONYMOUS)
      return [{ ...settings, changes: [...variables, nobody, noHelper] }]
    }
    return [
      {
        path: keyFile,
        format: 'whole',
        changes: [put(['text'], `${key}\n`)],
        holdsKey: true,
      },
      {
        ...settings,
        changes: [
          // It would go before the command.
          drop(['env', 'ANTHROPIC_AUTH_TOKEN']),
          ...variables,
          put(['apiKeyHelper'], helper),
        ],
      },
    ]
  },
  next: () => ['claude'],
  overriding: ['ANTHROPIC_API_KEY', 'ANTHROPIC_AUTH_TOKEN'],
}
