// `/admin/discovery/…`: what Azure and the providers have, and taking it over. What is taken over goes into the store, whose watcher
// brings it into force; an application's secret that is given here is used or sealed there, and never told again.

import { Elysia } from 'elysia'
import type { Actor } from '../../core/audit.ts'
import type { EntraCloud, EntraSettings } from '../../core/catalog.ts'
import { GatewayError, toGatewayError } from '../../core/error.ts'
import { isObject, parseJson, type JsonObject } from '../../core/json.ts'
import { reportJson, type AzureErrand, type AzureReport } from '../../gateway/azure-onboarding.ts'
import { actorOf, isShared, type ServerDeps } from '../context.ts'
import { readBody, requireJsonType } from '../request-body.ts'
import { respondError, respondJson } from '../respond.ts'
import { ruleOf } from '../route-actions.ts'
import { overAll } from '../visible.ts'
import { authorizeAdmin } from './authorize.ts'

/** Bytes of a body that names an application. */
const BODY_BYTES_MAX = 64 * 1_024
const TEXT_CHARS_MAX = 4_096

/** What discovery needs of the outside. */
export interface DiscoveryDeps {
  azure(tenantId: string, errand: AzureErrand, by: Actor): Promise<AzureReport>
}

export function discoveryRoutes(deps: ServerDeps) {
  const app = new Elysia({ name: 'discovery-routes' })
  const rule = ruleOf('POST', '/admin/discovery/azure')
  app.post(
    '/admin/discovery/azure',
    async ({ request }) => {
      try {
        const principal = await authorizeAdmin(request, rule, deps)
        const isOwnOnly = isShared(deps) && !overAll(principal, rule.action)
        const errand = { ...errandOf(await bodyOf(request, deps)), isOwnOnly }
        const report = await deps.discovery.azure(
          principal.tenantId,
          errand,
          actorOf(request, principal),
        )
        return respondJson(request, reportJson(report) as unknown as JsonObject)
      } catch (thrown) {
        return respondError(request, toGatewayError(thrown))
      }
    },
    { parse: 'none' },
  )
  return app
}

async function bodyOf(request: Request, deps: ServerDeps): Promise<JsonObject> {
  requireJsonType(request.headers, false)
  const { bodyTimeoutMs } = deps.settings()
  const bytes = await readBody(request, BODY_BYTES_MAX, bodyTimeoutMs, deps.gateway.deadlines)
  const json = new TextDecoder().decode(bytes)
  const body = json.trim() === '' ? {} : parseJson(json)
  if (!isObject(body)) throw new GatewayError('invalid_json')
  return body
}

const MEMBERS = ['provider', 'entra', 'subscription', 'import', 'models']

/** @throws GatewayError `invalid_request` naming the member */
function errandOf(body: JsonObject): AzureErrand {
  refuseUnknown(body, MEMBERS, '')
  const providerId = text(body, 'provider', '')
  const subscriptionId = text(body, 'subscription', '')
  if (subscriptionId !== undefined && !/^[\w-]{1,100}$/.test(subscriptionId)) {
    throw invalid('subscription', 'It must be the id of a subscription.')
  }
  const isImport = flag(body, 'import')
  const withModels = flag(body, 'models')
  if (withModels && !isImport) throw invalid('models', 'It goes with import.')
  const entra = body['entra'] === undefined ? undefined : entraOf(body['entra'])
  if (providerId !== undefined && entra !== undefined) {
    throw invalid('entra', 'Give a provider or an application, not both.')
  }
  return {
    application: {
      ...(providerId === undefined ? {} : { providerId }),
      ...(entra === undefined ? {} : { entra }),
    },
    ...(subscriptionId === undefined ? {} : { subscriptionId }),
    isImport,
    withModels,
  }
}

const ENTRA_MEMBERS = [
  'tenant',
  'client_id',
  'client_secret',
  'cloud',
  'authority',
  'management',
  'scope',
]
const CLOUDS: readonly EntraCloud[] = ['public', 'us_government', 'china']
const ID = /^[A-Za-z0-9][A-Za-z0-9._-]{0,199}$/

/** An application by its secret. Files of this machine are named in the configuration file alone. */
function entraOf(value: unknown): EntraSettings {
  if (!isObject(value)) throw invalid('entra', 'It must be an object.')
  refuseUnknown(value, ENTRA_MEMBERS, 'entra.')
  const needed = (name: string) => {
    const found = text(value, name, 'entra.')
    if (found === undefined) throw invalid(`entra.${name}`, 'It is missing.')
    return found
  }
  const id = (name: string) => {
    const found = needed(name)
    if (!ID.test(found)) throw invalid(`entra.${name}`, 'It is no id.')
    return found
  }
  const clouds = text(value, 'cloud', 'entra.') ?? 'public'
  const cloud = CLOUDS.find((name) => name === clouds)
  if (cloud === undefined) throw invalid('entra.cloud', `It must be one of ${CLOUDS.join(', ')}.`)
  const authority = address(value, 'authority')
  const management = address(value, 'management')
  const scope = text(value, 'scope', 'entra.')
  return {
    tenant: id('tenant'),
    clientId: id('client_id'),
    clientSecret: needed('client_secret'),
    cloud,
    ...(authority === undefined ? {} : { authority }),
    ...(management === undefined ? {} : { management }),
    ...(scope === undefined ? {} : { scope }),
  }
}

/** A secret goes there: HTTPS, and nothing but an origin and a path. */
function address(value: JsonObject, name: string): string | undefined {
  const given = text(value, name, 'entra.')
  if (given === undefined) return undefined
  const url = URL.parse(given)
  const isFine =
    url?.protocol === 'https:' && url.username === '' && url.password === '' && !/[?#]/.test(given)
  if (!isFine) throw invalid(`entra.${name}`, 'It must be an address that begins with https://.')
  return given.replace(/\/+$/, '')
}

function text(body: JsonObject, name: string, path: string): string | undefined {
  const value = body[name]
  if (value === undefined || value === null) return undefined
  if (typeof value === 'string' && value.trim() !== '' && value.length <= TEXT_CHARS_MAX)
    return value
  throw invalid(`${path}${name}`, 'It must be text.')
}

function flag(body: JsonObject, name: string): boolean {
  const value = body[name] ?? false
  if (typeof value !== 'boolean') throw invalid(name, 'It must be true or false.')
  return value
}

function refuseUnknown(body: JsonObject, known: readonly string[], path: string): void {
  const unknown = Object.keys(body).find((name) => !known.includes(name))
  if (unknown === undefined) return
  throw invalid(`${path}${unknown.slice(0, 80)}`, `Known members: ${known.join(', ')}.`)
}

function invalid(param: string, message: string): GatewayError {
  return new GatewayError('invalid_request', { param, message })
}
