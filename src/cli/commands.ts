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
    summary: 'tell a tool on this machine of Weir, or take that back',
    load: async () => (await import('./setup.ts')).setup,
  },
  'setup admin': {
    summary: 'print a link that makes an administrator',
    load: async () => (await import('./setup-admin.ts')).setupAdmin,
  },
  open: {
    summary: 'open the web UI in the browser, logged in',
    load: async () => (await import('./open.ts')).open,
  },
  'service install': {
    summary: 'have the system run Weir from login on',
    load: async () => (await import('./service-install.ts')).serviceInstall,
  },
  'service start': {
    summary: 'start the service',
    load: async () => (await import('./service-control.ts')).serviceStart,
  },
  'service stop': {
    summary: 'stop the service until the next login or start',
    load: async () => (await import('./service-control.ts')).serviceStop,
  },
  'service status': {
    summary: 'show whether the service is installed, runs and answers',
    load: async () => (await import('./service-control.ts')).serviceStatus,
  },
  'service uninstall': {
    summary: 'stop the service and take it away; data stays',
    load: async () => (await import('./service-control.ts')).serviceUninstall,
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
  health: {
    summary: 'ask the running server whether it is ready, for health checks',
    load: async () => (await import('./health.ts')).health,
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
  'requests export': {
    summary: 'print recorded requests as JSON lines',
    load: async () => (await import('./requests-export.ts')).requestsExport,
  },
  'content list': {
    summary: 'show which content of requests is kept',
    load: async () => (await import('./content-rules.ts')).contentList,
  },
  'content save': {
    summary: 'make or change a rule of which content is kept',
    load: async () => (await import('./content-rules.ts')).contentSave,
  },
  'content delete': {
    summary: 'delete a rule of which content is kept',
    load: async () => (await import('./content-rules.ts')).contentDelete,
  },
  'holds list': {
    summary: 'show legal holds',
    load: async () => (await import('./holds.ts')).holdsList,
  },
  'holds create': {
    summary: 'keep requests from being deleted',
    load: async () => (await import('./holds.ts')).holdsCreate,
  },
  'holds release': {
    summary: 'release a legal hold',
    load: async () => (await import('./holds.ts')).holdsRelease,
  },
  erase: {
    summary: 'delete one person’s data from the request log',
    load: async () => (await import('./erase.ts')).erase,
  },
  usage: {
    summary: 'show what was used and spent',
    load: async () => (await import('./usage.ts')).usage,
  },
  'cache stats': {
    summary: 'show what the response cache holds and saved',
    load: async () => (await import('./cache-stats.ts')).cacheStats,
  },
  'cache purge': {
    summary: 'empty the response cache',
    load: async () => (await import('./cache-purge.ts')).cachePurge,
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
  'guard list': {
    summary: 'show guardrails in the order in which they are asked',
    load: async () => (await import('./guard-list.ts')).guardList,
  },
  'guard show': {
    summary: 'show one guardrail with its options, secrets masked',
    load: async () => (await import('./guard-show.ts')).guardShow,
  },
  'guard test': {
    summary: 'try guardrails on a text',
    load: async () => (await import('./guard-test.ts')).guardTest,
  },
  'guard add': {
    summary: 'make or change a guardrail',
    load: async () => (await import('./guard-add.ts')).guardAdd,
  },
  'guard delete': {
    summary: 'delete a guardrail',
    load: async () => (await import('./guard-delete.ts')).guardDelete,
  },
  'flags list': {
    summary: 'show feature flags',
    load: async () => (await import('./flags-list.ts')).flagsList,
  },
  'flags set': {
    summary: 'change a feature flag, for a tenant or for all',
    load: async () => (await import('./flags-change.ts')).flagsSet,
  },
  'flags unset': {
    summary: 'take a rule of a feature flag away',
    load: async () => (await import('./flags-change.ts')).flagsUnset,
  },
  reconcile: {
    summary: 'prove that totals are what the rows say, and compare a bill',
    load: async () => (await import('./reconcile.ts')).reconcile,
  },
  'db migrate': {
    summary: 'bring the store to the schema of this version',
    load: async () => (await import('./db-migrate.ts')).dbMigrate,
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
  'import litellm': {
    summary: 'turn LiteLLM’s config.yaml into a configuration',
    load: async () => (await import('./import-litellm.ts')).importLitellm,
  },
  'import openai-proxy': {
    summary: 'turn an OpenAI proxy’s config.json into a configuration',
    load: async () => (await import('./import-openai-proxy.ts')).importOpenaiProxy,
  },
  'import env': {
    summary: 'turn variables of the environment into a configuration',
    load: async () => (await import('./import-env.ts')).importEnv,
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
  update: {
    summary: 'look whether there is a newer release; never installs one',
    load: async () => (await import('./update.ts')).update,
  },
  completions: {
    summary: 'print completions for a shell',
    load: async () => (await import('./completions.ts')).completions,
  },
  manual: {
    summary: 'print the manual page weir(1)',
    load: async () => (await import('./manual.ts')).manual,
  },
  version: {
    summary: 'show the version',
    load: async () => (await import('./version.ts')).version,
  },
}
