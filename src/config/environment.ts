// Providers that the environment declares by the variables their own tools read, and local servers worth asking for.
// Pure: it looks at variables only, and says what it could not use instead of failing the start.

import { isAccessKey, isAwsRegion } from '../core/aws.ts'
import { mayCarrySecrets } from '../core/azure-cloud.ts'
import { entraFromEnvironment, type FoundEntra } from './azure-environment.ts'
import { checkFormat } from './formats.ts'
import { type ConfigProblem } from './problem.ts'
import { type Surroundings, variable } from './surroundings.ts'

/** A provider in the words of the configuration file, for the same validation. */
export interface FoundProvider {
  readonly id: string
  readonly type: string
  readonly base_url?: string
  readonly compatible?: string
  readonly api_version?: string
  readonly keys?: readonly string[]
  readonly entra?: FoundEntra
}

export interface FoundModel {
  readonly id: string
  readonly provider: string
}

export interface Found {
  readonly providers: readonly FoundProvider[]
  readonly models: readonly FoundModel[]
  readonly warnings: readonly ConfigProblem[]
}

interface Rule {
  readonly id: string
  readonly type: string
  readonly key: string
  readonly baseUrlVariable?: string
}

const RULES: readonly Rule[] = [
  { id: 'openai', type: 'openai', key: 'OPENAI_API_KEY', baseUrlVariable: 'OPENAI_BASE_URL' },
  {
    id: 'anthropic',
    type: 'anthropic',
    key: 'ANTHROPIC_API_KEY',
    baseUrlVariable: 'ANTHROPIC_BASE_URL',
  },
  {
    id: 'gemini',
    type: 'gemini',
    key: 'GEMINI_API_KEY',
    baseUrlVariable: 'GOOGLE_GEMINI_BASE_URL',
  },
  { id: 'mistral', type: 'mistral', key: 'MISTRAL_API_KEY' },
  { id: 'cohere', type: 'cohere', key: 'COHERE_API_KEY', baseUrlVariable: 'CO_API_URL' },
  { id: 'openrouter', type: 'openrouter', key: 'OPENROUTER_API_KEY' },
]

/** Variables by which a provider may be found here, without those that stand for anything else. */
export const PROVIDER_VARIABLES: readonly string[] = [
  ...RULES.flatMap(({ baseUrlVariable, key }) =>
    baseUrlVariable === undefined ? [key] : [key, baseUrlVariable],
  ),
  'AZURE_OPENAI_ENDPOINT',
  'AZURE_OPENAI_API_KEY',
  'AZURE_OPENAI_API_VERSION',
  'OPENAI_API_VERSION',
  'AZURE_OPENAI_DEPLOYMENT',
  'AZURE_TENANT_ID',
  'AZURE_CLIENT_ID',
  'AZURE_CLIENT_SECRET',
  'AZURE_CLIENT_CERTIFICATE_PATH',
  'AZURE_CLIENT_CERTIFICATE_PASSWORD',
  'AZURE_AUTHORITY_HOST',
  'AWS_BEARER_TOKEN_BEDROCK',
  'AWS_ENDPOINT_URL_BEDROCK_RUNTIME',
  'AWS_REGION',
  'OLLAMA_HOST',
]

/** `WEIR_NO_ENV_PROVIDERS=1` turns off providers from the environment and the asking of local servers. */
export function isDiscoveryOff(surroundings: Surroundings): boolean {
  const value = variable(surroundings, 'WEIR_NO_ENV_PROVIDERS')?.trim().toLowerCase()
  return value !== undefined && !['0', 'false', 'no', 'off'].includes(value)
}

/**
 * Providers and models the environment declares, but for ids that `declared` holds. Empty variables count as unset. A
 * variable that can't be used leaves its provider out, with a warning that names the variable and never its value.
 */
export function findInEnvironment(
  surroundings: Surroundings,
  declared: ReadonlySet<string>,
): Found {
  const providers: FoundProvider[] = []
  const models: FoundModel[] = []
  const warnings: ConfigProblem[] = []
  const warn = (source: string, message: string) => warnings.push({ source, path: '', message })
  for (const rule of RULES) {
    if (declared.has(rule.id)) continue
    const provider = findByKey(rule, surroundings, warn)
    if (provider !== undefined) providers.push(provider)
  }
  if (!declared.has('azure')) findAzure(surroundings, providers, models, warn)
  if (!declared.has('bedrock')) {
    const bedrock = findBedrock(surroundings, warn)
    if (bedrock !== undefined) providers.push(bedrock)
  }
  const ollamaHost = variable(surroundings, 'OLLAMA_HOST')
  if (ollamaHost !== undefined && !declared.has('ollama')) {
    const baseUrl = ollamaBaseUrl(ollamaHost)
    if (baseUrl === undefined) warn('OLLAMA_HOST', 'is no address; the provider is left out')
    else addChecked({ id: 'ollama', type: 'ollama' }, baseUrl, 'OLLAMA_HOST')
  }
  return { providers, models, warnings }

  function addChecked(provider: FoundProvider, baseUrl: string, source: string): void {
    const checked = checkBaseUrl(baseUrl, surroundings, source, warn)
    if (checked !== undefined) providers.push({ ...provider, base_url: checked })
  }
}

type Warn = (source: string, message: string) => void

function checkBaseUrl(
  url: string,
  surroundings: Surroundings,
  source: string,
  warn: Warn,
): string | undefined {
  const context = { folder: surroundings.workingFolder, platform: surroundings.platform }
  const checked = checkFormat('base-url', url.trim(), context)
  if ('value' in checked) return checked.value
  warn(source, `${checked.problem}; the provider is left out`)
  return undefined
}

function keyOf(surroundings: Surroundings, name: string, warn: Warn): string | undefined {
  const key = variable(surroundings, name)?.trim()
  if (key === undefined) return undefined
  const context = { folder: surroundings.workingFolder, platform: surroundings.platform }
  const checked = checkFormat('header-value', key, context)
  if ('value' in checked) return key
  warn(name, `${checked.problem}; the provider is left out`)
  return undefined
}

function findByKey(rule: Rule, surroundings: Surroundings, warn: Warn): FoundProvider | undefined {
  const key = keyOf(surroundings, rule.key, warn)
  if (key === undefined) return undefined
  const provider = {
    id: rule.id,
    type: rule.type,
    keys: [key],
  }
  const name = rule.baseUrlVariable
  const named = name === undefined ? undefined : variable(surroundings, name)
  if (name === undefined || named === undefined) return provider
  // A key must not go to the usual address when the user asked for another one.
  const checked = checkBaseUrl(named, surroundings, name, warn)
  return checked === undefined ? undefined : { ...provider, base_url: checked }
}

function findAzure(
  surroundings: Surroundings,
  providers: FoundProvider[],
  models: FoundModel[],
  warn: Warn,
): void {
  const endpoint = variable(surroundings, 'AZURE_OPENAI_ENDPOINT')
  const key = keyOf(surroundings, 'AZURE_OPENAI_API_KEY', warn)
  if (endpoint === undefined) {
    if (key === undefined) return
    warn('AZURE_OPENAI_API_KEY', 'is set without AZURE_OPENAI_ENDPOINT; the provider is left out')
    return
  }
  const credential = key === undefined ? azureApplication(surroundings, warn) : { keys: [key] }
  if (credential === undefined) return
  const baseUrl = checkBaseUrl(endpoint, surroundings, 'AZURE_OPENAI_ENDPOINT', warn)
  if (baseUrl === undefined) return
  const apiVersion =
    variable(surroundings, 'AZURE_OPENAI_API_VERSION') ??
    variable(surroundings, 'OPENAI_API_VERSION')
  const provider = {
    id: 'azure',
    type: 'azure',
    base_url: baseUrl.replace(/\/openai(?:\/v1)?$/i, ''),
    ...credential,
  }
  providers.push(
    apiVersion === undefined ? provider : { ...provider, api_version: apiVersion.trim() },
  )
  const deployment = variable(surroundings, 'AZURE_OPENAI_DEPLOYMENT')?.trim()
  if (deployment !== undefined) models.push({ id: deployment, provider: 'azure' })
}

/** In place of a key: the application that Azure's own SDKs would use, where the address says that it is meant for this. */
function azureApplication(
  surroundings: Surroundings,
  warn: Warn,
): { readonly entra: FoundEntra } | undefined {
  // A key that cannot be used was meant to be: nothing else stands in for it.
  if (variable(surroundings, 'AZURE_OPENAI_API_KEY') !== undefined) return undefined
  const entra = entraFromEnvironment(surroundings)
  if (entra === undefined) return undefined
  const problem = foundEntraProblem(entra, surroundings)
  if (problem === undefined) return { entra }
  warn(problem.name, `${problem.words}; the provider is left out`)
  return undefined
}

/** What is wrong with an application of the environment: the variable, and why; never its value. */
export function foundEntraProblem(
  entra: FoundEntra,
  { platform, workingFolder }: Surroundings,
): { readonly name: string; readonly words: string } | undefined {
  const context = { folder: workingFolder, platform }
  const checks = [
    ['AZURE_TENANT_ID', 'id', entra.tenant],
    ['AZURE_CLIENT_ID', 'id', entra.client_id],
    ['AZURE_CLIENT_SECRET', 'header-value', entra.client_secret],
    ['AZURE_CLIENT_CERTIFICATE_PATH', 'file', entra.cert_file],
    ['AZURE_CLIENT_CERTIFICATE_PASSWORD', 'header-value', entra.key_passphrase],
    ['AZURE_AUTHORITY_HOST', 'base-url', entra.authority],
  ] as const
  for (const [name, format, value] of checks) {
    if (value === undefined) continue
    const checked = checkFormat(format, value, context)
    if ('problem' in checked) return { name, words: checked.problem }
  }
  if (entra.authority === undefined || mayCarrySecrets(entra.authority)) return undefined
  return { name: 'AZURE_AUTHORITY_HOST', words: 'must begin with https://: the secret goes there' }
}

/**
 * Bedrock by its own API key alone: AWS's access keys lie in many an environment for other reasons, and a gateway that took
 * them would spend on an account that nobody offered it.
 */
function findBedrock(surroundings: Surroundings, warn: Warn): FoundProvider | undefined {
  const name = 'AWS_BEARER_TOKEN_BEDROCK'
  const key = keyOf(surroundings, name, warn)
  if (key === undefined) return undefined
  if (isAccessKey(key)) {
    warn(name, 'is no API key of Bedrock; the provider is left out')
    return undefined
  }
  const endpointName = ['AWS_ENDPOINT_URL_BEDROCK_RUNTIME', 'AWS_ENDPOINT_URL'].find(
    (each) => variable(surroundings, each) !== undefined,
  )
  const provider = { id: 'bedrock', type: 'bedrock', keys: [key] }
  if (endpointName !== undefined) {
    const endpoint = variable(surroundings, endpointName) ?? ''
    const baseUrl = checkBaseUrl(endpoint, surroundings, endpointName, warn)
    return baseUrl === undefined ? undefined : { ...provider, base_url: baseUrl }
  }
  const regionName = ['AWS_REGION', 'AWS_DEFAULT_REGION'].find(
    (each) => variable(surroundings, each) !== undefined,
  )
  const region = regionName === undefined ? '' : variable(surroundings, regionName)?.trim()
  if (regionName === undefined || region === undefined) {
    warn(name, 'is set without AWS_REGION; the provider is left out')
    return undefined
  }
  if (!isAwsRegion(region)) {
    warn(regionName, 'must be a region such as eu-central-1; the provider is left out')
    return undefined
  }
  const domain = region.startsWith('cn-') ? 'amazonaws.com.cn' : 'amazonaws.com'
  return { ...provider, base_url: `https://bedrock-runtime.${region}.${domain}` }
}

/**
 * The URL a client uses for a value of `OLLAMA_HOST`, by Ollama's own rules: host, `host:port`, `:port` or URL; the port is
 * 11434 unless a scheme stands in front (80, 443). An address to bind to all interfaces means this machine.
 */
export function ollamaBaseUrl(value: string): string | undefined {
  const text = value
    .trim()
    .replace(/^["']|["']$/g, '')
    .trim()
  const match =
    /^(?:(https?):\/\/)?(\[[^\]/]*\]|[^/:[\]]*|[0-9a-f:]*::[0-9a-f:]*)(?::(\d{1,5}))?(\/.*)?$/i.exec(
      text,
    )
  if (match === null) return undefined
  const [, scheme, rawHost = '', rawPort, path = ''] = match
  const bare = rawHost.replace(/^\[|\]$/g, '')
  const host = { '': '127.0.0.1', '0.0.0.0': '127.0.0.1', '::': '[::1]' }[bare] ?? hostText(bare)
  const usual = scheme === undefined ? 11_434 : scheme.toLowerCase() === 'https' ? 443 : 80
  const port = rawPort === undefined ? usual : Number(rawPort)
  const url = `${scheme ?? 'http'}://${host}:${port}${path}`
  if (port < 1 || port > 65_535 || !URL.canParse(url)) return undefined
  return url.replace(/\/+$/, '')
}

function hostText(bare: string): string {
  return bare.includes(':') ? `[${bare}]` : bare
}

/** Local servers that may be running: to be asked in the background, and added when they answer. */
export const LOCAL_SERVERS: readonly FoundProvider[] = [
  { id: 'ollama', type: 'ollama', base_url: 'http://127.0.0.1:11434' },
  { id: 'lmstudio', type: 'lmstudio', base_url: 'http://127.0.0.1:1234/v1' },
]

/** Local servers that no provider is declared for, by id or by address. */
export function localServers(
  providers: readonly { readonly id: string; readonly baseUrl: string }[],
): FoundProvider[] {
  const ids = new Set(providers.map((provider) => provider.id))
  const places = new Set(providers.map((provider) => placeOf(provider.baseUrl)))
  return LOCAL_SERVERS.filter(
    (server) => !ids.has(server.id) && !places.has(placeOf(server.base_url ?? '')),
  )
}

function placeOf(url: string): string {
  if (!URL.canParse(url)) return url
  const { hostname, port } = new URL(url)
  return `${hostname === 'localhost' || hostname === '[::1]' ? '127.0.0.1' : hostname}:${port}`
}
