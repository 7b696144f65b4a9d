// Rules between keys, which no single node of the schema can hold: ids that occur twice, targets without a provider, what a
// type of provider needs. They run on whatever was valid, so that all problems of a file are told at once.

import { awsCredentials, isAccessKey, regionOfUrl } from '../core/aws.ts'
import { mayCarrySecrets } from '../core/azure-cloud.ts'
import { isSharedEntraIssuer } from '../core/entra-issuer.ts'
import { LOCAL_ISSUER } from '../core/issuer.ts'
import { DEFAULT_BASE_URLS } from './base-urls.ts'
import { childPath } from './lines.ts'
import type { Unproven } from './node.ts'
import { quoteName } from './problem.ts'
import type { Settings } from './schema.ts'
import type { ProviderSettings } from './schema-provider.ts'
import { suggest } from './suggest.ts'
import type { ProblemList } from './validate.ts'

export interface RuleContext {
  readonly problems: ProblemList
  /** The document had a value here, valid or not. */
  has(path: string): boolean
  /** Ids of providers that exist without being declared in the file. */
  readonly foundProviders: readonly string[]
}

/** Adds a problem for every rule that is broken. */
export function checkRules(settings: Unproven<Settings>, context: RuleContext): void {
  const { providers = [], models = [], keys = [] } = settings
  const { problems } = context
  refuseTwice(
    providers.map((provider) => provider?.id),
    'providers',
    'id',
    problems,
  )
  refuseTwice(
    models.map((model) => model?.id),
    'models',
    'id',
    problems,
  )
  refuseTwice(
    keys.map((key) => key?.name),
    'keys',
    'name',
    problems,
  )
  refuseTwice(
    keys.map((key) => key?.key),
    'keys',
    'key',
    problems,
  )
  for (const [index, provider] of providers.entries()) {
    if (provider !== undefined) checkProvider(provider, childPath('providers', index), context)
  }
  checkIssuers(settings, context)
  checkNetwork('network', context)
  checkTargets(settings, context)
}

/** An issuer's id is part of who its users are: two issuers of one id would be each other's users, and `local` those with a password. */
function checkIssuers({ auth }: Unproven<Settings>, { problems }: RuleContext): void {
  const ids = (auth?.oidc ?? []).map((issuer) => issuer?.id)
  refuseTwice(ids, 'auth.oidc', 'id', problems)
  for (const [index, id] of ids.entries()) {
    if (id !== LOCAL_ISSUER) continue
    const path = childPath(childPath('auth.oidc', index), 'id')
    problems.add(path, 'is the name of users with a password; take another')
  }
  for (const [index, issuer] of (auth?.oidc ?? []).entries()) {
    if (issuer?.kind !== 'entra' || issuer.tenant_claim !== undefined) continue
    if (!isSharedEntraIssuer(issuer.issuer ?? '')) continue
    problems.add(
      childPath(childPath('auth.oidc', index), 'issuer'),
      'stands for every directory there is: name one, or set tenant_claim to tid, so that only those come that are tenants here',
    )
  }
}

function refuseTwice(
  values: readonly (string | undefined)[],
  path: string,
  key: string,
  problems: ProblemList,
): void {
  const first = new Map<string, number>()
  for (const [index, value] of values.entries()) {
    if (value === undefined) continue
    const earlier = first.get(value)
    if (earlier === undefined) first.set(value, index)
    else {
      const at = key === '' ? childPath(path, index) : childPath(childPath(path, index), key)
      problems.add(at, `is the same as that of ${childPath(path, earlier)}`)
    }
  }
}

/** Servers that hold a model in memory themselves, with a context of a set size. */
const RUNS_MODELS: ReadonlySet<string> = new Set(['ollama', 'lmstudio', 'custom'])

function checkProvider(
  provider: Unproven<ProviderSettings>,
  path: string,
  context: RuleContext,
): void {
  const { problems } = context
  const { keys = [], retries, type } = provider
  const needs = (key: string, why: string) => {
    if (!context.has(childPath(path, key))) problems.add(childPath(path, key), `missing; ${why}`)
  }
  if (type !== undefined && DEFAULT_BASE_URLS[type] === undefined) {
    needs('base_url', `a provider of type ${type} has no address of its own`)
  }
  if (type === 'custom') needs('compatible', 'say whether it speaks openai or anthropic')
  else if (type !== undefined && provider.compatible !== undefined) {
    problems.add(childPath(path, 'compatible'), 'is for providers of type custom only')
  }
  if (type !== undefined && type !== 'azure' && provider.api_version !== undefined) {
    problems.add(childPath(path, 'api_version'), 'is for providers of type azure only')
  }
  if (type !== undefined && type !== 'bedrock' && provider.region !== undefined) {
    problems.add(childPath(path, 'region'), 'is for providers of type bedrock only')
  }
  if (type === 'bedrock') checkAccessKeys(provider, path, context)
  if (provider.entra !== undefined) checkEntra(provider, path, context)
  if (type !== undefined && provider.context !== undefined && !RUNS_MODELS.has(type)) {
    problems.add(
      childPath(path, 'context'),
      `is for providers of type ${[...RUNS_MODELS].join(', ')}`,
    )
  }
  if (provider.id === 'mock' && type !== undefined && type !== 'mock') {
    problems.add(childPath(path, 'id'), 'mock is kept for the provider of that type')
  }
  checkNetwork(`${path}.network`, context)
  if (retries?.base !== undefined && retries.cap !== undefined && retries.base > retries.cap) {
    problems.add(`${path}.retries.base`, 'must not be longer than cap')
  }
  refuseTwice(keys, `${path}.keys`, '', problems)
  for (const name of Object.keys(provider.headers ?? {})) checkHeaderName(name, path, problems)
}

/** A certificate without its key is of no use, at either level. */
function checkNetwork(path: string, context: RuleContext): void {
  const hasCertificate = context.has(`${path}.cert_file`)
  const hasKey = context.has(`${path}.key_file`)
  if (hasCertificate !== hasKey) {
    const missing = hasCertificate ? 'key_file' : 'cert_file'
    context.problems.add(`${path}.${missing}`, 'missing; cert_file and key_file need each other')
  }
  if (context.has(`${path}.key_passphrase`) && !hasKey) {
    context.problems.add(
      `${path}.key_passphrase`,
      'is for an encrypted key_file, and there is none',
    )
  }
}

/** An application proves itself in one way, and stands in for keys. */
function checkEntra(
  provider: Unproven<ProviderSettings>,
  path: string,
  { has, problems }: RuleContext,
): void {
  const at = `${path}.entra`
  if (provider.type !== undefined && provider.type !== 'azure') {
    problems.add(at, 'is for providers of type azure only')
    return
  }
  const hasSecret = has(`${at}.client_secret`)
  const hasCertificate = has(`${at}.cert_file`)
  if (hasSecret && hasCertificate) {
    problems.add(`${at}.cert_file`, 'must not stand beside client_secret: choose one')
  } else if (!hasSecret && !hasCertificate) {
    problems.add(`${at}.client_secret`, 'missing; the application needs it, or cert_file')
  }
  for (const key of ['key_file', 'key_passphrase']) {
    if (has(`${at}.${key}`) && !hasCertificate) {
      problems.add(`${at}.${key}`, 'belongs to cert_file, which is missing')
    }
  }
  for (const key of ['authority', 'management'] as const) {
    const address = provider.entra?.[key]
    if (address !== undefined && !mayCarrySecrets(address)) {
      problems.add(`${at}.${key}`, 'must begin with https://: secrets and tokens go there')
    }
  }
  if ((provider.keys ?? []).length > 0 || has(`${path}.keys[0]`)) {
    problems.add(`${path}.keys`, 'must not stand beside entra: tokens take their place')
  }
}

/** An access key signs for a region, which must be known, and has a form of its own. */
function checkAccessKeys(
  provider: Unproven<ProviderSettings>,
  path: string,
  context: RuleContext,
): void {
  let signs = false
  for (const [index, key] of (provider.keys ?? []).entries()) {
    if (key === undefined || !isAccessKey(key)) continue
    signs = true
    if (awsCredentials(key) !== undefined) continue
    context.problems.add(
      childPath(`${path}.keys`, index),
      'must be an API key, or ACCESS_KEY_ID:SECRET_ACCESS_KEY with or without :SESSION_TOKEN',
    )
  }
  if (!signs || context.has(`${path}.region`) || provider.base_url === undefined) return
  if (regionOfUrl(provider.base_url) === undefined) {
    context.problems.add(`${path}.region`, 'missing; base_url does not say which it is')
  }
}

/** Fields that belong to the connection or to the body; setting them by hand breaks or smuggles requests. */
const OWN_HEADERS = new Set([
  'connection',
  'content-length',
  'content-encoding',
  'expect',
  'host',
  'keep-alive',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
])

function checkHeaderName(name: string, path: string, problems: ProblemList): void {
  const at = childPath(
    childPath(path, 'headers'),
    /^[\w.-]{1,60}$/.test(name) ? name : quoteName(name),
  )
  if (!/^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}$/.test(name)) problems.add(at, 'is no name of a header')
  else if (OWN_HEADERS.has(name.toLowerCase())) problems.add(at, 'is set by Weir itself')
}

function checkTargets(settings: Unproven<Settings>, context: RuleContext): void {
  const declared = (settings.providers ?? []).map((provider) => provider?.id)
  const known = new Set([...declared, ...context.foundProviders].filter((id) => id !== undefined))
  for (const [index, model] of (settings.models ?? []).entries()) {
    for (const [position, target] of (model?.targets ?? []).entries()) {
      const id = target?.provider
      if (id === undefined || known.has(id)) continue
      context.problems.add(
        `models[${index}].targets[${position}].provider`,
        `no provider ${quoteName(id)} is declared here or found in the environment`,
        suggest(id, known),
      )
    }
  }
}
