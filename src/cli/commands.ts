// Every command by its name, with its line for the list; the module behind it is loaded when it runs.

import type { Command } from './command.ts'
import { PEOPLE_COMMANDS } from './commands-people.ts'

export interface CommandEntry {
  readonly summary: string
  load(): Promise<Command>
}

export const COMMANDS: Readonly<Record<string, CommandEntry>> = {
  serve: {
    summary: 'run the gateway (the default command)',
    load: async () => (await import('./serve.ts')).serve,
  },
  setup: {
    summary: 'print a link that makes an administrator',
    load: async () => (await import('./setup.ts')).setup,
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
  ...PEOPLE_COMMANDS,
  'providers list': {
    summary: 'show providers and whether they can be used',
    load: async () => (await import('./providers-list.ts')).providersList,
  },
  'providers test': {
    summary: 'ask providers whether they answer',
    load: async () => (await import('./providers-test.ts')).providersTest,
  },
  'providers keys list': {
    summary: 'show the keys of a provider, masked',
    load: async () => (await import('./provider-keys-list.ts')).providerKeysList,
  },
  'providers keys add': {
    summary: 'give a provider another key',
    load: async () => (await import('./provider-keys-add.ts')).providerKeysAdd,
  },
  'providers keys drain': {
    summary: 'use a key no more while another is fit',
    load: async () => (await import('./provider-keys-drain.ts')).providerKeysDrain,
  },
  'providers keys undrain': {
    summary: 'use a draining key again',
    load: async () => (await import('./provider-keys-undrain.ts')).providerKeysUndrain,
  },
  'providers keys retire': {
    summary: 'take a key away from a provider',
    load: async () => (await import('./provider-keys-retire.ts')).providerKeysRetire,
  },
  'providers discover': {
    summary: 'look at what Azure has, and take it over',
    load: async () => (await import('./providers-discover.ts')).providersDiscover,
  },
  'models list': {
    summary: 'show models and what is behind them',
    load: async () => (await import('./models-list.ts')).modelsList,
  },
  'models refresh': {
    summary: 'ask providers for their models now, and remember them',
    load: async () => (await import('./models-refresh.ts')).modelsRefresh,
  },
  route: {
    summary: 'show where a request would go, without sending it',
    load: async () => (await import('./route.ts')).route,
  },
  doctor: {
    summary: 'find what keeps requests from being answered, and what to do',
    load: async () => (await import('./doctor.ts')).doctor,
  },
  'secrets status': {
    summary: 'show which keys stored secrets are encrypted with',
    load: async () => (await import('./secrets-status.ts')).secretsStatus,
  },
  'secrets rotate': {
    summary: 'encrypt every stored secret anew',
    load: async () => (await import('./secrets-rotate.ts')).secretsRotate,
  },
  'audit list': {
    summary: 'show who changed what',
    load: async () => (await import('./audit-list.ts')).auditList,
  },
  'audit export': {
    summary: 'print the audit as JSON lines or CSV',
    load: async () => (await import('./audit-export.ts')).auditExport,
  },
  'audit verify': {
    summary: 'prove that no record of the audit was changed',
    load: async () => (await import('./audit-verify.ts')).auditVerify,
  },
  logs: {
    summary: 'show recorded requests',
    load: async () => (await import('./logs.ts')).logs,
  },
  usage: {
    summary: 'show what was used and spent',
    load: async () => (await import('./usage.ts')).usage,
  },
  'limits list': {
    summary: 'show limits',
    load: async () => (await import('./limits-list.ts')).limitsList,
  },
  'limits save': {
    summary: 'make or change a limit',
    load: async () => (await import('./limits-save.ts')).limitsSave,
  },
  'limits delete': {
    summary: 'delete a limit',
    load: async () => (await import('./limits-delete.ts')).limitsDelete,
  },
  'budgets list': {
    summary: 'show budgets and what is left of them',
    load: async () => (await import('./budgets-list.ts')).budgetsList,
  },
  'budgets save': {
    summary: 'make or change a budget',
    load: async () => (await import('./budgets-save.ts')).budgetsSave,
  },
  'budgets delete': {
    summary: 'delete a budget',
    load: async () => (await import('./budgets-delete.ts')).budgetsDelete,
  },
  'budgets reset': {
    summary: 'begin a budget anew',
    load: async () => (await import('./budgets-reset.ts')).budgetsReset,
  },
  reconcile: {
    summary: 'prove that totals are what the rows say, and compare a bill',
    load: async () => (await import('./reconcile.ts')).reconcile,
  },
  'db copy': {
    summary: 'move everything to another, empty database',
    load: async () => (await import('./db-copy.ts')).dbCopy,
  },
  'db backup': {
    summary: 'save everything to one file, while Weir runs',
    load: async () => (await import('./db-backup.ts')).dbBackup,
  },
  'db restore': {
    summary: 'bring a saved file back into an empty database',
    load: async () => (await import('./db-restore.ts')).dbRestore,
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
