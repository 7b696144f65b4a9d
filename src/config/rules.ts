// Rules between keys, which no single node of the schema can hold: ids that occur twice, targets without a provider, what a
// type of provider needs. They run on whatever was valid, so that all problems of a file are told at once.

import { isSharedEntraIssuer } from '../core/entra-issuer.ts'
import { LOCAL_ISSUER } from '../core/issuer.ts'
import { isClientsOwn } from '../core/policy/overrides.ts'
import { headerNameProblem, providerProblems, type ProviderFacts } from '../core/provider-rules.ts'
import { DEFAULT_BASE_URLS } from './base-urls.ts'
import { childPath } from './lines.ts'
import type { Unproven } from './node.ts'
import { quoteName } from './problem.ts'
import type { Settings } from './schema.ts'
import type { ModelSettings } from './schema-catalog.ts'
import type { ProviderSettings } from './schema-provider.ts'
import { checkCache } from './rules-cache.ts'
import { refuseTwice, type RuleContext } from './rule-context.ts'
import { checkFlagRules, checkGuardrails } from './rules-guardrails.ts'
import { suggest } from './suggest.ts'
import { checkClickHouse } from './clickhouse.ts'
import { checkTelemetry } from './telemetry.ts'
import type { ProblemList } from './validate.ts'

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
  checkGuardrails(settings, context)
  checkFlagRules(settings, context)
  checkCache(settings, context)
  checkIssuers(settings, context)
  checkTelemetry(settings, problems)
  checkClickHouse(settings.clickhouse, problems)
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

function checkProvider(
  provider: Unproven<ProviderSettings>,
  path: string,
  context: RuleContext,
): void {
  const { problems } = context
  for (const { message, path: below } of providerProblems(factsOf(provider, path, context))) {
    problems.add(`${path}.${below}`, message)
  }
  checkNetwork(`${path}.network`, context)
  refuseTwice(provider.keys ?? [], `${path}.keys`, '', problems)
  for (const name of Object.keys(provider.headers ?? {})) checkHeaderName(name, path, problems)
}

function factsOf(
  provider: Unproven<ProviderSettings>,
  path: string,
  context: RuleContext,
): ProviderFacts {
  const { base_url: baseUrl, entra, id, keys = [], retries, type } = provider
  const has = (key: string) => context.has(`${path}.${key}`)
  return {
    id,
    type,
    needsBaseUrl: type !== undefined && DEFAULT_BASE_URLS[type] === undefined,
    baseUrl,
    hasBaseUrl: has('base_url'),
    hasCompatible: has('compatible'),
    hasApiVersion: provider.api_version !== undefined,
    hasRegion: has('region'),
    hasContext: provider.context !== undefined,
    hasConfigId: has('config_id'),
    // One that could not be read counts: it was said.
    keys: keys.length === 0 && has('keys[0]') ? [undefined] : keys,
    retries: { baseMs: retries?.base, capMs: retries?.cap },
    entra:
      entra === undefined
        ? undefined
        : {
            hasSecret: has('entra.client_secret'),
            hasCertificate: has('entra.cert_file'),
            hasKey: has('entra.key_file'),
            hasPassphrase: has('entra.key_passphrase'),
            authority: entra.authority,
            management: entra.management,
          },
  }
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

function checkHeaderName(name: string, path: string, problems: ProblemList): void {
  const at = childPath(
    childPath(path, 'headers'),
    /^[\w.-]{1,60}$/.test(name) ? name : quoteName(name),
  )
  const problem = headerNameProblem(name)
  if (problem !== undefined) problems.add(at, problem)
}

function checkTargets(settings: Unproven<Settings>, context: RuleContext): void {
  const declared = (settings.providers ?? []).map((provider) => provider?.id)
  const known = new Set([...declared, ...context.foundProviders].filter((id) => id !== undefined))
  for (const [index, model] of (settings.models ?? []).entries()) {
    const path = `models[${index}]`
    if (model !== undefined) checkOverrides(model, path, context.problems)
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

/** What a target cannot set: what is asked, and how it is answered, is the client's. @param path of the model, '' for one alone */
export function checkOverrides(
  model: Unproven<ModelSettings>,
  path: string,
  problems: ProblemList,
): void {
  for (const [position, target] of (model.targets ?? []).entries()) {
    for (const name of Object.keys(target?.overrides ?? {})) {
      if (!isClientsOwn(name)) continue
      const at = childPath(childPath(childPath(path, 'targets'), position), 'overrides')
      problems.add(childPath(at, name), 'is the client’s own')
    }
  }
}
