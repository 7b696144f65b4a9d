// One provider of an OpenAI proxy’s configuration: its type, where it is, its keys or its application, and what differs in its network. Apart
// from `openai-proxy.ts` only because of its length.

import type { JsonValue } from '../../core/json.ts'
import type { Draft, ProviderForm } from './draft.ts'
import type { Cursor } from './ledger.ts'
import { duration } from './litellm-deployment.ts'
import { leave } from './litellm-models.ts'
import { LITELLM_PROVIDERS } from './litellm-providers.ts'
import { networkForm } from './openai-proxy-network.ts'

/** Words for types, beside those that LiteLLM has as well. */
const TYPES: Readonly<Record<string, string>> = {
  azure_openai: 'azure',
  'azure-openai': 'azure',
  azureopenai: 'azure',
  google: 'gemini',
  mistralai: 'mistral',
  lmstudio: 'lm_studio',
  aws: 'bedrock',
}

const LEFT: Readonly<Record<string, readonly [note: string, way?: string]>> = {
  subscription_id: [
    'deployments are listed when they are asked for',
    'See weir providers discover.',
  ],
  resource_group: [
    'deployments are listed when they are asked for',
    'See weir providers discover.',
  ],
  resource_name: ['deployments are listed when they are asked for', 'See weir providers discover.'],
  capabilities: ['is known of the provider'],
  description: ['providers have no description'],
  enabled: ['is used as soon as it is declared'],
}

/** The id of the provider; undefined where it could not be carried, which is told. */
export function readProxyProvider(name: string, at: Cursor, draft: Draft): string | undefined {
  if (!at.isMapping) {
    at.left('is no mapping')
    return undefined
  }
  if (at.get('enabled').flag === false) {
    at.left('is turned off', 'Declare it when it is to be used.')
    return undefined
  }
  const typeAt = at.any('type', 'provider', 'provider_type', 'kind')
  const word = (typeAt.text ?? 'openai').toLowerCase()
  const kindName = Object.hasOwn(TYPES, word) ? TYPES[word]! : word
  const known = Object.hasOwn(LITELLM_PROVIDERS, kindName)
    ? LITELLM_PROVIDERS[kindName]!
    : undefined
  const urlAt = at.any('base_url', 'url', 'api_base', 'endpoint', 'target_base_url')
  const form: Record<string, JsonValue> = { type: known?.type ?? 'custom' }
  const place = urlAt.text === undefined ? known?.baseUrl : addressOf(urlAt.text, form, draft)
  const needsPlace = ['custom', 'azure', 'bedrock'].includes(String(form['type']))
  const isWrong =
    place === undefined ? needsPlace : draft.problem('providers.base_url', place) !== undefined
  if (isWrong) {
    at.left('has no address that a provider can have', 'Set base_url, and import it again.')
    return undefined
  }
  if (form['type'] === 'custom') form['compatible'] = known?.compatible ?? 'openai'
  if (place !== undefined) form['base_url'] = place
  typeAt.carried('providers[].type')
  urlAt.carried('providers[].base_url')
  credentials(name, at, form, draft)
  rest(at, form, draft)
  const id = draft.provider(name, form as ProviderForm)
  for (const part of ['name', 'technical_name', 'id', 'alias']) {
    at.get(part).changed('providers[].id', 'letters, digits, ".", "_" and "-" alone')
  }
  const rate = at.any('rate_limit', 'requests_per_minute', 'rpm')
  const { number } = rate
  if (number !== undefined && draft.problem('limits.requests_per_minute', number) === undefined) {
    draft.limits.push({ per: 'provider', only: id, requests_per_minute: number })
    rate.carried('limits[].requests_per_minute')
  } else rate.left('is no number of requests a minute')
  leave(at, LEFT)
  return id
}

/** Where the API begins: OpenAI’s lies under /v1, which such files often leave away; Azure’s and Anthropic’s do not. */
function addressOf(text: string, form: Record<string, JsonValue>, draft: Draft): string {
  const bare = text.replace(/\/+$/, '')
  const isOpenai = /^https:\/\/api\.openai\.com(?:\/v1)?$/.test(bare)
  if (form['type'] === 'openai' && !isOpenai) form['type'] = 'custom'
  if (isOpenai) return 'https://api.openai.com/v1'
  if (form['type'] === 'azure') return draft.secrets.plain(bare.replace(/\/openai(?:\/.*)?$/, ''))
  if (form['type'] === 'anthropic') return draft.secrets.plain(bare.replace(/\/v1$/, ''))
  return draft.secrets.plain(bare)
}

function credentials(
  name: string,
  at: Cursor,
  form: Record<string, JsonValue>,
  draft: Draft,
): void {
  const { secrets } = draft
  const one = at.any('api_key', 'key', 'token')
  const many = at.any('api_keys', 'keys')
  const variable = at.any('api_key_variable', 'api_key_env', 'api_key_env_var')
  const keys: string[] = []
  for (const [, key] of [['', one] as const, ...(many.isList ? many.members() : [])]) {
    if (!key.isThere) continue
    if (key.text === undefined) key.left('is empty')
    else {
      const reference = secrets.secret(key.text, `${name}_key`)
      if (!keys.includes(reference)) keys.push(reference)
      key.carried('providers[].keys')
    }
  }
  if (variable.text !== undefined && /^[A-Za-z_]\w*$/.test(variable.text)) {
    keys.push(secrets.variable(variable.text))
    variable.carried('providers[].keys')
  }
  const parts = ['tenant_id', 'client_id', 'client_secret'].map((part) => at.get(part))
  const [tenant, client, secret] = parts.map(({ text }) => text)
  if (keys.length > 0) form['keys'] = [...new Set(keys)]
  else if (
    form['type'] === 'azure' &&
    tenant !== undefined &&
    client !== undefined &&
    secret !== undefined &&
    draft.problem('providers.entra.tenant', secrets.plain(tenant)) === undefined &&
    draft.problem('providers.entra.client_id', secrets.plain(client)) === undefined
  ) {
    form['entra'] = {
      tenant: secrets.plain(tenant),
      client_id: secrets.plain(client),
      client_secret: secrets.secret(secret, `${name}_client_secret`),
    }
    for (const part of parts) part.carried('providers[].entra')
  }
  for (const part of parts) {
    if (!part.isSettled)
      part.left('its keys are used, or its application is not whole', 'Set providers[].entra.')
  }
}

function rest(at: Cursor, form: Record<string, JsonValue>, draft: Draft): void {
  const version = at.get('api_version')
  if (version.text !== undefined && form['type'] === 'azure') {
    form['api_version'] = draft.secrets.plain(version.text)
    version.carried('providers[].api_version')
  } else version.left('only Azure has versions in its addresses')
  const times: Record<string, JsonValue> = {}
  for (const [names, member] of [
    [['timeout', 'request_timeout', 'timeout_seconds'], 'total'],
    [['connect_timeout'], 'connect'],
    [['read_timeout'], 'idle'],
  ] as const) {
    const time = at.any(...names)
    if (!time.isThere) continue
    const written = duration(time, draft)
    if (
      written === undefined ||
      draft.problem(`providers.timeouts.${member}`, written) !== undefined
    ) {
      time.left('is no time in seconds', `Set providers[].timeouts.${member}.`)
    } else {
      times[member] = written
      time.carried(`providers[].timeouts.${member}`)
    }
  }
  if (Object.keys(times).length > 0) form['timeouts'] = times
  const retries = at.any('max_retries', 'retries', 'retry_count')
  const { number } = retries
  if (number !== undefined && draft.problem('providers.retries.max', number) === undefined) {
    form['retries'] = { max: number }
    retries.carried('providers[].retries.max')
  } else retries.left('is no number of repeats that Weir makes', 'Set providers[].retries.max.')
  const inner = at.get('network')
  const network = networkForm(inner.isMapping ? inner : at, 'providers.network', draft)
  if (Object.keys(network).length > 0) form['network'] = network
}
