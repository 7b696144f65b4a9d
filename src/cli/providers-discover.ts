// `weir providers discover azure`: shows the accounts and deployments that an Entra ID application sees, and with --import takes them
// over into the store, where a running server finds them. Secrets come from the environment or a file, never from the arguments.

import { cliActor } from './actor.ts'
import { EntraTokens } from '../auth/entra-tokens.ts'
import { entraFromEnvironment } from '../config/azure-environment.ts'
import { foundEntraProblem } from '../config/environment.ts'
import { checkFormat } from '../config/formats.ts'
import { loadConfig } from '../config/load.ts'
import { processSurroundings, variable, type Surroundings } from '../config/surroundings.ts'
import { mayCarrySecrets } from '../core/azure-cloud.ts'
import type { EntraCloud, EntraSettings } from '../core/catalog.ts'
import { GatewayError } from '../core/error.ts'
import { DEFAULT_TENANT_ID } from '../core/principal.ts'
import {
  existingCatalog,
  onboardAzure,
  reportJson,
  type AzureReport,
} from '../gateway/azure-onboarding.ts'
import type { Existing } from '../gateway/azure-import.ts'
import { systemClock, systemIds } from '../system.ts'
import { SILENT_LOGGER } from '../telemetry/log.ts'
import { createTransport } from '../transport/http-transport.ts'
import { isOn, requiredArgument, textOption } from './arguments.ts'
import { type Command, type CommandInput, type Output, UsageError } from './command.ts'
import { counted, jsonText, printable } from './format.ts'
import { withExistingStore, withStore } from './store.ts'
import { renderTable, tableStyle } from './table.ts'

export const providersDiscover: Command = {
  name: 'providers discover',
  summary: 'look at what Azure has, and take it over',
  usage: 'providers discover azure [--provider ID | --tenant ID --client-id ID …] [--import]',
  options: [
    { flag: '--provider', value: 'ID', doc: 'use the Entra ID application of this provider' },
    { flag: '--tenant', value: 'ID', doc: 'directory (tenant) of the application' },
    { flag: '--client-id', value: 'ID', doc: 'the application' },
    {
      flag: '--client-secret-env',
      value: 'NAME',
      doc: 'environment variable that holds its secret (default AZURE_CLIENT_SECRET)',
    },
    { flag: '--cert', value: 'FILE', doc: 'PEM file of its certificate, instead of a secret' },
    { flag: '--key', value: 'FILE', doc: 'PEM file of the private key (default: in --cert)' },
    {
      flag: '--key-passphrase-env',
      value: 'NAME',
      doc: 'environment variable that holds the passphrase of the key',
    },
    { flag: '--cloud', value: 'CLOUD', doc: 'public (default), us_government or china' },
    { flag: '--authority', value: 'URL', doc: 'token service, where it is not the cloud’s own' },
    { flag: '--management', value: 'URL', doc: 'management API, where it is not the cloud’s own' },
    { flag: '--subscription', value: 'ID', doc: 'look into this subscription alone' },
    { flag: '--import', doc: 'make a provider of each account' },
    { flag: '--models', doc: 'with --import: also a model for each base model' },
    { flag: '--json', doc: 'print one JSON object' },
  ],
  examples: [
    'weir providers discover azure --provider azure',
    'AZURE_CLIENT_SECRET=… weir providers discover azure --tenant T --client-id C --import --models',
  ],
  positionalsMax: 1,
  run,
}

async function run(input: CommandInput): Promise<number> {
  const what = requiredArgument(input, "what to discover: 'azure'")
  if (what !== 'azure')
    throw new UsageError(`Only azure can be discovered, not '${printable(what)}'.`)
  const { configFlags, output } = input
  const { config } = loadConfig({ flags: configFlags })
  const existing = await existingNow(config, output)
  const given = givenApplication(input, existing)
  const transport = createTransport(systemClock)
  const ports = { clock: systemClock, ids: systemIds, logger: SILENT_LOGGER, transport }
  const subscriptionId = textOption(input, 'subscription')
  if (subscriptionId !== undefined && !/^[\w-]{1,100}$/.test(subscriptionId)) {
    throw new UsageError('--subscription must be the id of a subscription.')
  }
  const isImport = isOn(input, 'import')
  if (!isImport && isOn(input, 'models')) throw new UsageError('--models goes with --import.')
  try {
    const report = await onboardAzure(
      DEFAULT_TENANT_ID,
      {
        application: given,
        ...(subscriptionId === undefined ? {} : { subscriptionId }),
        isImport,
        withModels: isOn(input, 'models'),
      },
      {
        by: cliActor(),
        clock: systemClock,
        tokens: new EntraTokens(ports),
        transport: () => transport,
        network: () => config.network,
        existing: () => Promise.resolve(existing),
        store: (use) => withStore(config, output, use),
      },
    )
    show(report, isOn(input, 'json'), output)
    return exitCode(report)
  } catch (error) {
    if (!(error instanceof GatewayError)) throw error
    if (error.kind === 'invalid_request') throw new UsageError(`${error.message} ${SAY}`)
    output.error(`${printable(error.message)}\n`)
    return 1
  }
}

const SAY = 'Name one with --provider, or with --tenant and --client-id.'

/** The store is only read: looking around must not make one. */
async function existingNow(
  config: ReturnType<typeof loadConfig>['config'],
  output: Output,
): Promise<Existing> {
  return (
    (await withExistingStore(config, output, (store) =>
      existingCatalog(DEFAULT_TENANT_ID, config, store),
    )) ?? config
  )
}

/** Whose application looks: the one that options name, a provider's, else the one of the environment. */
function givenApplication(
  input: CommandInput,
  existing: Existing,
): { readonly providerId?: string; readonly entra?: EntraSettings } {
  const providerId = textOption(input, 'provider')
  const names = OF_APPLICATION.filter((name) => input.options[name] !== undefined)
  if (providerId !== undefined) {
    if (names.length > 0) throw new UsageError(`--${names[0]} does not go with --provider.`)
    return { providerId }
  }
  const surroundings = processSurroundings()
  if (names.length > 0) return { entra: namedApplication(input, surroundings) }
  if (existing.providers.some(({ entra }) => entra !== undefined)) return {}
  const found = entraFromEnvironment(surroundings)
  if (found === undefined) return {}
  const problem = foundEntraProblem(found, surroundings)
  if (problem !== undefined) throw new UsageError(`${problem.name} ${problem.words}.`)
  return {
    entra: {
      tenant: found.tenant,
      clientId: found.client_id,
      cloud: found.cloud ?? 'public',
      ...(found.client_secret === undefined ? {} : { clientSecret: found.client_secret }),
      ...(found.cert_file === undefined ? {} : { certFile: file(found.cert_file, surroundings) }),
      ...(found.key_passphrase === undefined ? {} : { keyPassphrase: found.key_passphrase }),
      ...(found.authority === undefined ? {} : { authority: found.authority }),
    },
  }
}

const OF_APPLICATION = [
  'tenant',
  'client-id',
  'client-secret-env',
  'cert',
  'key',
  'key-passphrase-env',
  'cloud',
  'authority',
  'management',
]

const CLOUDS: readonly EntraCloud[] = ['public', 'us_government', 'china']

function namedApplication(input: CommandInput, surroundings: Surroundings): EntraSettings {
  const tenant = needed(input, 'tenant', 'AZURE_TENANT_ID', surroundings)
  const clientId = needed(input, 'client-id', 'AZURE_CLIENT_ID', surroundings)
  const cloudName = textOption(input, 'cloud') ?? 'public'
  const cloud = CLOUDS.find((name) => name === cloudName)
  if (cloud === undefined) throw new UsageError(`--cloud is one of ${CLOUDS.join(', ')}.`)
  const authority = address(input, 'authority', surroundings)
  const management = address(input, 'management', surroundings)
  return {
    tenant,
    clientId,
    cloud,
    ...proof(input, surroundings),
    ...(authority === undefined ? {} : { authority }),
    ...(management === undefined ? {} : { management }),
  }
}

type Proof = Pick<EntraSettings, 'clientSecret' | 'certFile' | 'keyFile' | 'keyPassphrase'>

function proof(input: CommandInput, surroundings: Surroundings): Proof {
  const certificate = textOption(input, 'cert')
  const secretName = textOption(input, 'client-secret-env')
  if (certificate === undefined) {
    const name = secretName ?? 'AZURE_CLIENT_SECRET'
    const clientSecret = variable(surroundings, name)?.trim()
    if (clientSecret !== undefined) return { clientSecret }
    throw new UsageError(`The environment variable ${printable(name)} is not set; or give --cert.`)
  }
  if (secretName !== undefined) throw new UsageError('--client-secret-env does not go with --cert.')
  const key = textOption(input, 'key')
  const passphraseName = textOption(input, 'key-passphrase-env')
  const keyPassphrase =
    passphraseName === undefined ? undefined : variable(surroundings, passphraseName)?.trim()
  if (passphraseName !== undefined && keyPassphrase === undefined) {
    throw new UsageError(`The environment variable ${printable(passphraseName)} is not set.`)
  }
  return {
    certFile: file(certificate, surroundings),
    ...(key === undefined ? {} : { keyFile: file(key, surroundings) }),
    ...(keyPassphrase === undefined ? {} : { keyPassphrase }),
  }
}

/** As an absolute path: a server that uses it later runs in another folder. @throws UsageError */
function file(path: string, { platform, workingFolder }: Surroundings): string {
  const checked = checkFormat('file', path, { folder: workingFolder, platform })
  if ('value' in checked) return checked.value
  throw new UsageError(`${printable(path)} ${checked.problem}.`)
}

function needed(
  input: CommandInput,
  name: string,
  variableName: string,
  from: Surroundings,
): string {
  const value = textOption(input, name) ?? variable(from, variableName)?.trim()
  if (value === undefined) throw new UsageError(`Missing --${name}.`)
  const checked = checkFormat('id', value, { folder: from.workingFolder, platform: from.platform })
  if ('value' in checked) return checked.value
  throw new UsageError(`--${name} ${checked.problem}.`)
}

function address(input: CommandInput, name: string, from: Surroundings): string | undefined {
  const value = textOption(input, name)
  if (value === undefined) return undefined
  const context = { folder: from.workingFolder, platform: from.platform }
  const checked = checkFormat('base-url', value, context)
  if ('problem' in checked) throw new UsageError(`--${name} ${checked.problem}.`)
  if (mayCarrySecrets(checked.value)) return checked.value
  throw new UsageError(`--${name} must begin with https://: secrets and tokens go there.`)
}

const COLUMNS = [
  { header: 'ACCOUNT', maxWidth: 40 },
  { header: 'DEPLOYMENT', maxWidth: 40 },
  { header: 'MODEL', maxWidth: 40 },
  { header: 'VERSION' },
  { header: 'STATE' },
  { header: 'REGION' },
  { header: 'SKU' },
  { header: 'CAPACITY', align: 'right' as const },
]

function show(report: AzureReport, asJson: boolean, output: Output): void {
  if (asJson) {
    output.out(`${jsonText(reportJson(report), 2)}\n`)
    return
  }
  const { discovery, imported } = report
  const rows = discovery.accounts.flatMap(({ deployments, location, name }) =>
    deployments.length === 0
      ? [[name, '-', '-', '-', '-', location, '-', '-']]
      : deployments.map(({ capacity, model, name: deployment, sku, state }) => [
          name,
          deployment,
          model.name,
          model.version ?? '-',
          state,
          location,
          sku ?? '-',
          capacity === undefined ? '-' : String(capacity),
        ]),
  )
  if (rows.length > 0) output.out(renderTable(COLUMNS, rows, tableStyle(output)))
  const deployed = discovery.accounts.flatMap(({ deployments }) => deployments).length
  const accounts = counted(discovery.accounts.length, 'account')
  output.error(`${accounts}, ${counted(deployed, 'deployment')}.\n`)
  for (const { reason, where } of discovery.problems) {
    output.error(`Not seen: ${printable(where)}: ${printable(reason)}\n`)
  }
  if (imported === undefined) return
  for (const { account, action, id, reason } of imported.providers) {
    const why = reason === undefined ? '' : `: it ${reason}`
    output.out(`provider ${printable(id)} (${printable(account)}): ${action}${printable(why)}\n`)
  }
  for (const { action, id, reason } of imported.models) {
    const why = reason === undefined ? '' : `: it ${reason}`
    output.out(`model ${printable(id)}: ${action}${printable(why)}\n`)
  }
}

/** Seeing some and not all is what most applications are for; seeing nothing for a reason is a failure. */
function exitCode({ discovery }: AzureReport): number {
  return discovery.accounts.length === 0 && discovery.problems.length > 0 ? 1 : 0
}
