// aider: `.aider.conf.yml` in the home folder; one in a project goes before it. https://aider.chat/docs/config/aider_conf.html

import { ANONYMOUS, put, type SetupTool } from './tool.ts'
import { foundAt, homeFolder } from './places.ts'

export const aider: SetupTool = {
  id: 'aider',
  title: 'aider',
  find: (machine) =>
    foundAt(
      machine,
      ['aider'],
      [
        homeFolder(machine.surroundings, '.aider.conf.yml'),
        homeFolder(machine.surroundings, '.aider'),
      ],
    ),
  files: ({ baseUrl, key, model, smallModel }, { surroundings }) => [
    {
      path: homeFolder(surroundings, '.aider.conf.yml'),
      format: 'yaml',
      holdsKey: key !== undefined,
      changes: [
        // The first word is aider's own for the protocol.
        put(['model'], `openai/${model}`),
        ...(smallModel === model ? [] : [put(['weak-model'], `openai/${smallModel}`)]),
        put(['openai-api-base'], `${baseUrl}/v1`),
        put(['openai-api-key'], key ?? ANONYMOUS),
      ],
    },
  ],
  next: () => ['aider'],
  overriding: ['AIDER_MODEL', 'AIDER_OPENAI_API_BASE', 'AIDER_OPENAI_API_KEY'],
}
