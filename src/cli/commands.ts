// Every command by its name, with its line for the list; the module behind it is loaded when it runs.

import type { Command } from './command.ts'

export interface CommandEntry {
  readonly summary: string
  load(): Promise<Command>
}

export const COMMANDS: Readonly<Record<string, CommandEntry>> = {
  serve: {
    summary: 'run the gateway (the default command)',
    load: async () => (await import('./serve.ts')).serve,
  },
  'keys create': {
    summary: 'make an API key and show it once',
    load: async () => (await import('./keys-create.ts')).keysCreate,
  },
  'keys list': {
    summary: 'show API keys, masked',
    load: async () => (await import('./keys-list.ts')).keysList,
  },
  'keys revoke': {
    summary: 'take an API key back',
    load: async () => (await import('./keys-revoke.ts')).keysRevoke,
  },
  'providers list': {
    summary: 'show providers and whether they can be used',
    load: async () => (await import('./providers-list.ts')).providersList,
  },
  'providers test': {
    summary: 'ask providers whether they answer',
    load: async () => (await import('./providers-test.ts')).providersTest,
  },
  'models list': {
    summary: 'show models and what is behind them',
    load: async () => (await import('./models-list.ts')).modelsList,
  },
  logs: {
    summary: 'show recorded requests',
    load: async () => (await import('./logs.ts')).logs,
  },
  'config check': {
    summary: 'check the configuration and show every problem',
    load: async () => (await import('./config-check.ts')).configCheck,
  },
  'config show': {
    summary: 'show the configuration in force, secrets masked',
    load: async () => (await import('./config-show.ts')).configShow,
  },
  'config schema': {
    summary: 'print the JSON Schema of the configuration file',
    load: async () => (await import('./config-schema.ts')).configSchema,
  },
  version: {
    summary: 'show the version',
    load: async () => (await import('./version.ts')).version,
  },
}
