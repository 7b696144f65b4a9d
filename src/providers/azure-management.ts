// Azure's management API as far as models go: subscriptions, the accounts in them that serve models, and what is deployed in each.
// URLs and readers alone; whoever sends holds a token that may change a company's resources, so no address is taken from an answer
// that is not checked here first.

import type { EntraSettings } from '../core/catalog.ts'
import { azureCloud } from '../core/azure-cloud.ts'
import { asArray, asNumber, asObject, asString, type JsonValue } from '../core/json.ts'
import { LIMITS } from '../core/limits.ts'
import type { ModelFacts } from '../core/model-status.ts'
import { likelyCapabilities } from './capabilities.ts'
import { capabilities, type Capability } from './shared.ts'

const SUBSCRIPTIONS_VERSION = '2022-12-01'
const ACCOUNTS_VERSION = '2024-10-01'

export interface AzureSubscription {
  readonly id: string
  readonly name: string
}

/** An account that serves models. */
export interface AzureAccount {
  /** `/subscriptions/…/accounts/NAME`. */
  readonly resourceId: string
  readonly name: string
  readonly kind: 'OpenAI' | 'AIServices'
  readonly location: string
  /** Where its models are asked, without a slash at its end. */
  readonly endpoint: string
  /** False where the address is that of a whole region: such an account takes no tokens. */
  readonly takesTokens: boolean
}

export interface AzureDeployment {
  readonly name: string
  readonly model: {
    readonly name: string
    readonly version?: string
    /** The vendor: `OpenAI`, `Mistral AI`. */
    readonly format?: string
  }
  /** `Standard`, `GlobalStandard`, `ProvisionedManaged`. */
  readonly sku?: string
  /** In units of the sku: thousands of tokens a minute, or provisioned units. */
  readonly capacity?: number
  /** `Succeeded`, `Creating`, `Disabled`, … */
  readonly state: string
  /** As Azure writes them: `chatCompletion: "true"`, `maxContextToken: "128000"`. */
  readonly capabilities: Readonly<Record<string, string>>
  /** By key (`request`, `token`): how many within so many seconds. */
  readonly rateLimits: readonly {
    readonly key: string
    readonly count: number
    readonly periodSeconds: number
  }[]
  /** When its model will be taken away. */
  readonly retiresMs?: number
}

/** What an account could deploy; tells when models end. */
export interface AzureModel {
  readonly name: string
  readonly version?: string
  readonly format?: string
  readonly capabilities: Readonly<Record<string, string>>
  /** `GenerallyAvailable`, `Preview`, `Deprecating`, `Deprecated`. */
  readonly lifecycle?: string
  readonly retiresMs?: number
}

export interface Page<T> {
  readonly items: readonly T[]
  readonly next: NextPage
}

/** Where a list goes on: nowhere, at an address of the same service, or at one that must not be asked. */
export type NextPage =
  | { readonly kind: 'end' }
  | { readonly kind: 'more'; readonly url: string }
  | { readonly kind: 'foreign' }

export function subscriptionsUrl(entra: EntraSettings): string {
  return `${azureCloud(entra).management}/subscriptions?api-version=${SUBSCRIPTIONS_VERSION}`
}

export function accountsUrl(entra: EntraSettings, subscriptionId: string): string {
  const path = `/subscriptions/${encodeURIComponent(subscriptionId)}/providers/Microsoft.CognitiveServices/accounts`
  return `${azureCloud(entra).management}${path}?api-version=${ACCOUNTS_VERSION}`
}

/** @param account as read by `readAccounts`, whose id is of a known form */
export function deploymentsUrl(entra: EntraSettings, account: AzureAccount): string {
  return `${azureCloud(entra).management}${account.resourceId}/deployments?api-version=${ACCOUNTS_VERSION}`
}

/** What an account could deploy. */
export function accountModelsUrl(entra: EntraSettings, account: AzureAccount): string {
  return `${azureCloud(entra).management}${account.resourceId}/models?api-version=${ACCOUNTS_VERSION}`
}

/** Usable subscriptions; disabled ones answer nothing. */
export function readSubscriptions(body: JsonValue, entra: EntraSettings): Page<AzureSubscription> {
  return page(body, entra, (item) => {
    const id = asString(item['subscriptionId'])
    if (id === undefined || !/^[\w-]{1,100}$/.test(id)) return undefined
    const state = asString(item['state'])
    if (state === 'Disabled' || state === 'Deleted') return undefined
    return { id, name: asString(item['displayName']) ?? id }
  })
}

/** Nothing that could lead to another path, host or query. */
const RESOURCE_ID =
  /^\/subscriptions\/[\w-]+\/resourceGroups\/[^/?#%\\\s]+\/providers\/Microsoft\.CognitiveServices\/accounts\/[\w.-]+$/i

/** Accounts that serve models; those of other kinds (speech, vision, …) are passed over. */
export function readAccounts(body: JsonValue, entra: EntraSettings): Page<AzureAccount> {
  return page(body, entra, (item) => {
    const resourceId = asString(item['id'])
    const name = asString(item['name'])
    const kind = asString(item['kind'])
    const properties = asObject(item['properties'])
    const endpoint = endpointOf(properties)
    if (resourceId === undefined || !RESOURCE_ID.test(resourceId)) return undefined
    if (name === undefined || endpoint === undefined) return undefined
    if (kind !== 'OpenAI' && kind !== 'AIServices') return undefined
    return {
      resourceId,
      name,
      kind,
      location: asString(item['location']) ?? '',
      endpoint,
      takesTokens: !/\.api\.cognitive\.microsoft\.|\.api\.cognitive\.azure\./i.test(endpoint),
    }
  })
}

/** Where an account's models are asked: its own OpenAI address where it has several. */
function endpointOf(properties: ReturnType<typeof asObject>): string | undefined {
  const named = Object.values(asObject(properties?.['endpoints']) ?? {})
  const openai = named
    .map(asString)
    .find((url) => /^https:\/\/[\w-]+\.openai\.azure\./.test(url ?? ''))
  const url = URL.parse(openai ?? asString(properties?.['endpoint']) ?? '')
  // A token goes there: never in clear, and never past a name before an `@`.
  if (url === null || url.protocol !== 'https:' || url.username !== '' || url.password !== '') {
    return undefined
  }
  return `${url.origin}${url.pathname}`.replace(/\/+$/, '')
}

export function readDeployments(body: JsonValue, entra: EntraSettings): Page<AzureDeployment> {
  return page(body, entra, (item) => {
    const name = asString(item['name'])
    const properties = asObject(item['properties'])
    const model = asObject(properties?.['model'])
    const modelName = asString(model?.['name'])
    if (name === undefined || name === '') return undefined
    if (modelName === undefined || modelName === '') return undefined
    const sku = asObject(item['sku'])
    const retiresMs = timeMs(asObject(properties?.['deprecation'])?.['inference'])
    return {
      name,
      model: { name: modelName, ...versionAndFormat(model) },
      ...defined('sku', asString(sku?.['name'])),
      ...defined('capacity', asNumber(sku?.['capacity'] ?? properties?.['currentCapacity'])),
      state: asString(properties?.['provisioningState']) ?? 'unknown',
      capabilities: textMembers(properties?.['capabilities']),
      rateLimits: readRateLimits(properties?.['rateLimits']),
      ...defined('retiresMs', retiresMs),
    }
  })
}

export function readAccountModels(body: JsonValue, entra: EntraSettings): Page<AzureModel> {
  return page(body, entra, (item) => {
    const name = asString(item['name'])
    if (name === undefined) return undefined
    return {
      name,
      ...versionAndFormat(item),
      capabilities: textMembers(item['capabilities']),
      ...defined('lifecycle', asString(item['lifecycleStatus'])),
      ...defined('retiresMs', timeMs(asObject(item['deprecation'])?.['inference'])),
    }
  })
}

/** The model behind a deployment among those its account could deploy. */
export function modelBehind(
  deployment: AzureDeployment,
  models: readonly AzureModel[],
): AzureModel | undefined {
  const { format, name, version } = deployment.model
  return models.find(
    (model) => model.name === name && model.version === version && model.format === format,
  )
}

/** What the gateway keeps of a deployment. */
export function deploymentFacts(deployment: AzureDeployment, model?: AzureModel): ModelFacts {
  const can = { ...model?.capabilities, ...deployment.capabilities }
  const words = capabilityWords(can, deployment.model.name)
  const context = Number(can['maxContextToken'])
  const retiresMs = deployment.retiresMs ?? model?.retiresMs
  return {
    baseModel: deployment.model.name,
    ...defined('version', deployment.model.version),
    status: deployment.state,
    ...defined('capabilities', words),
    ...(Number.isSafeInteger(context) && context > 0 ? { contextWindow: context } : {}),
    ...defined('retiresMs', retiresMs),
  }
}

/** Azure's words for what a model can do, in ours. It names neither vision nor thinking, which the model's name tells. */
function capabilityWords(
  can: Readonly<Record<string, string>>,
  model: string,
): readonly string[] | undefined {
  const has = (...names: string[]) => names.some((name) => can[name]?.toLowerCase() === 'true')
  const writes = has('chatCompletion', 'completion', 'responses')
  if (!writes && !has('embeddings')) return likelyCapabilities(model)
  const likely: readonly Capability[] = likelyCapabilities(model) ?? []
  const chats = has('chatCompletion', 'responses')
  return capabilities({
    completion: writes,
    tools:
      chats && (has('assistants', 'agentsV2', 'jsonSchemaResponse') || likely.includes('tools')),
    vision: chats && likely.includes('vision'),
    thinking: chats && likely.includes('thinking'),
    embedding: has('embeddings'),
    audio: has('audio', 'realtime'),
  })
}

type Item = NonNullable<ReturnType<typeof asObject>>

function page<T>(
  body: JsonValue,
  entra: EntraSettings,
  read: (item: Item) => T | undefined,
): Page<T> {
  const items: T[] = []
  for (const value of (asArray(asObject(body)?.['value']) ?? []).slice(
    0,
    LIMITS.modelListEntriesMax,
  )) {
    const item = asObject(value)
    const result = item === undefined ? undefined : read(item)
    if (result !== undefined) items.push(result)
  }
  return { items, next: nextPage(asString(asObject(body)?.['nextLink']), entra) }
}

/** An answer says where it goes on, and the token goes there too: only to the service that was asked. */
function nextPage(link: string | undefined, entra: EntraSettings): NextPage {
  if (link === undefined || link === '') return { kind: 'end' }
  const url = URL.parse(link)
  const { origin } = new URL(azureCloud(entra).management)
  const isOurs = url !== null && url.origin === origin && url.username === '' && url.password === ''
  return isOurs ? { kind: 'more', url: url.href } : { kind: 'foreign' }
}

function versionAndFormat(model: Item | undefined) {
  return {
    ...defined('version', asString(model?.['version'])),
    ...defined('format', asString(model?.['format'])),
  }
}

function defined<K extends string, V>(key: K, value: V | undefined): { readonly [P in K]?: V } {
  return (value === undefined ? {} : { [key]: value }) as { readonly [P in K]?: V }
}

/** Members that are text, or a number or truth value written as such. */
function textMembers(value: JsonValue | undefined): Readonly<Record<string, string>> {
  const entries = Object.entries(asObject(value) ?? {}).slice(0, 200)
  return Object.fromEntries(
    entries
      .filter(([, member]) => ['string', 'number', 'boolean'].includes(typeof member))
      .map(([name, member]) => [name, String(member)]),
  )
}

function readRateLimits(value: JsonValue | undefined): AzureDeployment['rateLimits'] {
  return (asArray(value) ?? []).slice(0, 20).flatMap((entry) => {
    const limit = asObject(entry)
    const key = asString(limit?.['key'])
    const count = asNumber(limit?.['count'])
    const periodSeconds = asNumber(limit?.['renewalPeriod'])
    if (key === undefined || count === undefined || periodSeconds === undefined) return []
    return [{ key, count, periodSeconds }]
  })
}

/** An RFC 3339 time, or Unix seconds in newer versions of the API. */
function timeMs(value: JsonValue | undefined): number | undefined {
  const seconds = asNumber(value)
  const parsed = seconds === undefined ? Date.parse(asString(value) ?? '') : seconds * 1_000
  return Number.isFinite(parsed) && parsed > 0 ? parsed : undefined
}
