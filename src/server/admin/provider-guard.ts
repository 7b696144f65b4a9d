// What must hold before a provider that somebody describes is saved or tried: its addresses are ones that this server may connect to, its
// certificates can be used, who says so may say so, and no secret that is there goes where its owner has not sent it. Saving and trying
// come through here alike.

import { classifyAddress } from '../../core/address.ts'
import { azureCloud } from '../../core/azure-cloud.ts'
import type { NetworkSettings, Provider } from '../../core/catalog.ts'
import { GatewayError } from '../../core/error.ts'
import { bareHost } from '../../core/outbound-text.ts'
import type { ServerDeps } from '../context.ts'
import { overAll } from '../visible.ts'
import type { ProviderAsking, ProviderBook } from './provider-book.ts'
import { invalid } from './provider-input.ts'
import { KEPT, type WholeProvider } from './provider-schemas.ts'

/** A provider as it was, as it is to be, and what was said for that. */
export interface ProviderChange {
  readonly before: Provider | undefined
  readonly after: Provider
  readonly given: WholeProvider
}

/**
 * @throws GatewayError 400 naming the member, 403 for what they may not say
 */
export async function guardProvider(
  change: ProviderChange,
  asking: ProviderAsking,
  book: ProviderBook,
  deps: ServerDeps,
): Promise<void> {
  requireRights(change, asking, book, deps)
  requireSecretsAnew(change)
  const { after, before } = change
  if (before !== undefined && wayOf(before) === wayOf(after)) return
  const inForce = book.inForce(after)
  refuseUnheldProxy(inForce.network)
  for (const { allowPrivate, host, isLiteralOnly, param } of placesOf(inForce)) {
    // What a proxy resolves is the proxy's to reach; what is written as an address is judged.
    if (isLiteralOnly && classifyAddress(host) === 'name') continue
    const refused = await deps.providers.refusedAddress(host, allowPrivate)
    if (refused === undefined) continue
    throw invalid(param, `${refused.charAt(0).toUpperCase()}${refused.slice(1)}`, 'address_refused')
  }
  const problem = deps.providers.tlsProblem(withoutFiles(after.network))
  if (problem === undefined) return
  const [, param = 'network', words = problem] = /^(network\.\w+) (.*)$/.exec(problem) ?? []
  throw invalid(param, `${words.charAt(0).toUpperCase()}${words.slice(1)}.`)
}

/** Keys are another right than settings; the networks of this server are the installation's. */
function requireRights(
  { after, before, given }: ProviderChange,
  asking: ProviderAsking,
  book: ProviderBook,
  deps: ServerDeps,
): void {
  const secret = given.entra?.client_secret ?? KEPT
  if (given.keys !== undefined || secret !== KEPT) {
    book.require(asking, 'provider_key.write', after.id, 'To give keys')
  }
  const { allowPrivate } = after.network
  // What was allowed is one place, not every one inside.
  const isAllowed = before?.network.allowPrivate === true && reachOf(before) === reachOf(after)
  if (allowPrivate !== true || isAllowed) return
  const { allowPrivate: mayAll, isShared } = deps.providers.network()
  if ((mayAll ?? !isShared) || overAll(asking.principal, 'provider.write')) return
  deps.denials.note(asking.actor, asking.rule)
  throw new GatewayError('permission', {
    param: 'network.allow_private',
    message: 'network.allow_private takes rights over the whole installation.',
  })
}

/**
 * Secrets that are there were given for one place. Where requests go elsewhere, or through somebody else who could read them, they must be
 * given anew: else whoever may change an address could have them sent to themselves.
 * @throws GatewayError `secrets_needed`
 */
function requireSecretsAnew({ after, before, given }: ProviderChange): void {
  if (before === undefined) return
  const { entra } = after
  const isKept = entra !== undefined && given.entra?.client_secret === KEPT
  const usesFiles = entra?.certFile !== undefined
  if (isKept || usesFiles) {
    const [old, now] = [before.entra, entra].map((each) =>
      each === undefined ? [] : [azureCloud(each).authority, azureCloud(each).management],
    )
    if (JSON.stringify(old) !== JSON.stringify(now)) {
      throw anew('entra.client_secret', 'Give the secret anew', 'tokens are asked for elsewhere')
    }
  }
  const why = elsewhere(before, after)
  if (why === undefined) return
  if (given.keys === undefined && before.keys.length > 0) {
    throw anew('keys', 'Give the keys anew', why)
  }
  const header = Object.keys(after.headers).find((name) => given.headers?.[name] === KEPT)
  if (header !== undefined) {
    const param = /^[\w.-]{1,60}$/.test(header) ? `headers.${header}` : 'headers'
    throw anew(param, 'Give its value anew', why)
  }
  if (isKept || usesFiles) throw anew('entra.client_secret', 'Give the secret anew', why)
}

function anew(param: string, what: string, why: string): GatewayError {
  const message = `${what}: ${why}, and stored secrets are not sent where they were not given for.`
  return invalid(param, message, 'secrets_needed')
}

/** Why secrets would go another way than before, in words; undefined where they would not. */
function elsewhere(before: Provider, after: Provider): string | undefined {
  const [was, is] = [before.network, after.network]
  if (originOf(before.baseUrl) !== originOf(after.baseUrl)) return 'base_url is at another origin'
  if (accountOf(before.baseUrl) !== accountOf(after.baseUrl)) {
    return 'base_url is at another path, which may be that of somebody else'
  }
  if (is.proxy !== undefined && placeOf(is.proxy) !== (was.proxy && placeOf(was.proxy))) {
    return 'requests go through another proxy'
  }
  if (is.verify === false && was.verify !== false) return 'certificates are not verified any more'
  if (is.ca !== undefined && is.ca !== was.ca) return 'other authorities are trusted'
  return undefined
}

function originOf(text: string): string {
  return URL.parse(text)?.origin ?? text
}

/** The path without a version or dialect at its end: hosts that many share tell their customers apart by what is before it. */
function accountOf(text: string): string {
  const path = URL.parse(text)?.pathname ?? ''
  return path.replace(/(?:\/(?:v\d+[a-z0-9]*|api|openai|anthropic)?)*$/, '')
}

/** Whom a provider's requests are sent to, wherever on their servers. */
function reachOf({ baseUrl, entra, network }: Provider): string {
  const places = [baseUrl, entra?.authority, entra?.management].map((url) => url && originOf(url))
  return JSON.stringify([...places, network.proxy && placeOf(network.proxy)])
}

function placeOf(proxy: string): string {
  const url = URL.parse(proxy)
  return url === null ? proxy : `${url.protocol}//${url.host}`
}

/** Everything that decides where a request goes and how. */
function wayOf({ baseUrl, entra, network }: Provider): string {
  return JSON.stringify([baseUrl, entra?.authority, entra?.management, network])
}

/** A proxy that is connected to with TLS is looked up by its name once more, and could then be another than the one that is judged here. */
function refuseUnheldProxy({ allowPrivateProxy, proxy }: NetworkSettings): void {
  const url = proxy === undefined ? null : URL.parse(proxy)
  if (url?.protocol !== 'https:' || allowPrivateProxy !== false) return
  if (classifyAddress(bareHost(url.hostname)) !== 'name') return
  throw invalid(
    'network.proxy',
    'Must begin with http:// here: others reach this server too, and a proxy with https:// cannot be held to one address.',
    'address_refused',
  )
}

interface Place {
  readonly param: string
  readonly host: string
  readonly allowPrivate: boolean
  readonly isLiteralOnly: boolean
}

function placesOf({ baseUrl, entra, network, type }: Provider): Place[] {
  // It is never connected to.
  if (type === 'mock') return []
  const allowPrivate = network.allowPrivate === true
  const isLiteralOnly = network.proxy !== undefined
  const places: Place[] = []
  const add = (param: string, text: string | undefined, over: Partial<Place> = {}) => {
    const url = text === undefined ? null : URL.parse(text)
    if (url === null) return
    places.push({ param, host: bareHost(url.hostname), allowPrivate, isLiteralOnly, ...over })
  }
  add('base_url', baseUrl)
  add('entra.authority', entra?.authority)
  add('entra.management', entra?.management)
  add('network.proxy', network.proxy, {
    allowPrivate: network.allowPrivateProxy !== false,
    isLiteralOnly: false,
  })
  return places
}

/** Files are what a command has named; they are judged where they are used. */
function withoutFiles(network: NetworkSettings): NetworkSettings {
  const { caFile: _ca, certFile: _cert, keyFile: _key, ...rest } = network
  return rest
}
