// `/admin/discovery/…`: what Azure and the providers have, and taking it over. What is taken over goes into the store, whose watcher
// brings it into force; an application's secret that is given here is used or sealed there, and never told again.

import { Elysia, type Static } from 'elysia'
import type { Actor } from '../../core/audit.ts'
import type { EntraSettings } from '../../core/catalog.ts'
import { GatewayError } from '../../core/error.ts'
import type { JsonObject } from '../../core/json.ts'
import { LIMITS } from '../../core/limits.ts'
import { outboundNetwork } from '../../core/network.ts'
import { bareHost, headerValue } from '../../core/outbound-text.ts'
import { can, scopes, type Action } from '../../core/permission.ts'
import { reportJson, type AzureErrand, type AzureReport } from '../../gateway/azure-onboarding.ts'
import { isShared, type ServerDeps } from '../context.ts'
import { overAll } from '../visible.ts'
import { adminRoutes, moment, nullable, oneOf, strict, t } from './contract.ts'
import type { ProviderAsking } from './provider-book.ts'
import { invalid } from './provider-input.ts'

/** What discovery needs of the outside. */
export interface DiscoveryDeps {
  azure(tenantId: string, errand: AzureErrand, by: Actor): Promise<AzureReport>
}

const TEXT_CHARS_MAX = 4_096
const PLAIN_ID = '^[A-Za-z0-9][A-Za-z0-9._-]*$'

function text(description: string, options: object = {}) {
  return t.Optional(
    nullable(t.String({ minLength: 1, maxLength: TEXT_CHARS_MAX, description, ...options })),
  )
}

function plainId(description: string) {
  return t.String({ pattern: PLAIN_ID, maxLength: 200, description, wanted: 'Must be an id.' })
}

const ApplicationSchema = strict({
  tenant: plainId('Directory id or its domain.'),
  client_id: plainId('The application.'),
  client_secret: t.String({ minLength: 1, maxLength: TEXT_CHARS_MAX, writeOnly: true }),
  cloud: t.Optional(nullable(oneOf(['public', 'us_government', 'china']))),
  authority: text('Address of the token service, for private clouds.'),
  management: text('Address of the management API, for private clouds.'),
  scope: text('Scope that tokens are asked for.'),
})

const ErrandSchema = strict({
  provider: text('Whose application looks: that of a provider there is.'),
  entra: t.Optional(nullable(ApplicationSchema, { description: 'Or one that is given.' })),
  subscription: text('Looks into this subscription alone.', {
    pattern: '^[\\w-]{1,100}$',
    wanted: 'Must be the id of a subscription.',
  }),
  import: t.Optional(nullable(t.Boolean({ description: 'Makes a provider of each account.' }))),
  models: t.Optional(
    nullable(t.Boolean({ description: 'With import: also a model for each base model.' })),
  ),
  accounts: t.Optional(
    t.Array(t.String({ minLength: 1, maxLength: 200 }), {
      maxItems: LIMITS.adminListItemsMax,
      description: 'With import: only accounts of these names.',
    }),
  ),
})

const IMPORTED = {
  id: t.String(),
  action: oneOf(['added', 'updated', 'unchanged', 'declared', 'skipped']),
  reason: nullable(t.String()),
}

const ReportSchema = t.Object(
  {
    accounts: t.Array(
      t.Object({
        name: t.String(),
        kind: t.String(),
        subscription: t.String(),
        location: t.String(),
        endpoint: t.String(),
        takes_tokens: t.Boolean(),
        deployments: t.Array(
          t.Object({
            name: t.String(),
            model: t.String(),
            model_version: nullable(t.String()),
            model_format: nullable(t.String()),
            state: t.String(),
            sku: nullable(t.String()),
            capacity: nullable(t.Number()),
            capabilities: t.Array(t.String()),
            context_window: nullable(t.Integer()),
            retires: nullable(moment()),
            rate_limits: t.Array(
              t.Object({ key: t.String(), count: t.Number(), period_seconds: t.Number() }),
            ),
          }),
        ),
      }),
    ),
    problems: t.Array(t.Object({ where: t.String(), reason: t.String() })),
    imported: nullable(
      t.Object({
        providers: t.Array(t.Object({ account: t.String(), ...IMPORTED })),
        models: t.Array(t.Object(IMPORTED)),
      }),
    ),
  },
  { $id: 'AzureReport' },
)

export function discoveryRoutes(deps: ServerDeps) {
  const on = adminRoutes(deps)
  return new Elysia({ name: 'discovery-routes' }).post(
    '/admin/discovery/azure',
    ...on(
      'POST',
      '/admin/discovery/azure',
      {
        summary: 'Look at what Azure has, and take it over',
        description:
          'Accounts and deployments that an application of Entra ID sees. Taking over twice changes nothing.',
        tag: 'Providers',
        body: ErrandSchema,
        answers: { 200: ReportSchema },
        errors: [502, 504],
      },
      async (ask) => {
        const { actor, body, principal, reply, rule, tenantId } = ask
        const isOwnOnly = isShared(deps) && !overAll(principal, rule.action)
        const errand = { ...errandOf(body), isOwnOnly }
        requireRights(errand, ask, deps)
        await judgePlaces(errand.application.entra, deps)
        const report = await deps.discovery.azure(tenantId, errand, actor)
        return reply(reportJson(report) as unknown as JsonObject)
      },
    ),
  )
}

/** Who takes something over makes it. @throws GatewayError `permission` */
function requireRights(
  { application: { providerId }, isImport, withModels }: AzureErrand,
  { actor, principal, rule, tenantId }: ProviderAsking,
  deps: ServerDeps,
): void {
  // Whose application looks is theirs to use; one that is not is answered as one that is not there.
  if (
    providerId !== undefined &&
    !can(principal, rule.action, scopes.provider(tenantId, providerId))
  ) {
    deps.denials.note(actor, rule)
    throw invalid('provider', 'There is no such provider.')
  }
  const needed: readonly Action[] = [
    ...(isImport ? (['provider.write', 'provider_key.write'] as const) : []),
    ...(withModels ? (['model.write'] as const) : []),
  ]
  const missing = needed.find((action) => !can(principal, action, scopes.tenant(tenantId)))
  if (missing === undefined) return
  deps.denials.note(actor, rule)
  throw new GatewayError('permission', { message: `To take this over takes the right ${missing}.` })
}

/** @throws GatewayError 400 for an address that this server may not connect to */
async function judgePlaces(entra: EntraSettings | undefined, deps: ServerDeps): Promise<void> {
  for (const name of ['authority', 'management'] as const) {
    const url = URL.parse(entra?.[name] ?? '')
    if (url === null) continue
    const network = outboundNetwork(url.href, false, deps.providers.network())
    const host = bareHost(url.hostname)
    const refused = await deps.providers.refusedAddress(host, network.allowPrivate === true)
    if (refused === undefined) continue
    throw invalid(`entra.${name}`, `It ${refused}`, 'address_refused')
  }
}

/** @throws GatewayError `invalid_request` naming the member */
function errandOf(body: Static<typeof ErrandSchema>): AzureErrand {
  const { accounts, subscription } = body
  const providerId = body.provider ?? undefined
  const isImport = body.import ?? false
  const withModels = body.models ?? false
  if (withModels && !isImport) throw invalid('models', 'It goes with import.')
  if (accounts !== undefined && !isImport) throw invalid('accounts', 'It goes with import.')
  const entra = body.entra ?? undefined
  if (providerId !== undefined && entra !== undefined) {
    throw invalid('entra', 'Give a provider or an application, not both.')
  }
  return {
    application: {
      ...(providerId === undefined ? {} : { providerId }),
      ...(entra === undefined ? {} : { entra: applicationOf(entra) }),
    },
    ...(subscription === undefined || subscription === null
      ? {}
      : { subscriptionId: subscription }),
    isImport,
    withModels,
    ...(accounts === undefined ? {} : { accounts }),
  }
}

/** An application by its secret. Files of this machine are named in the configuration file alone. */
function applicationOf(given: Static<typeof ApplicationSchema>): EntraSettings {
  const checked = headerValue(given.client_secret)
  if ('problem' in checked) throw invalid('entra.client_secret', `It ${checked.problem}.`)
  const authority = address(given.authority, 'authority')
  const management = address(given.management, 'management')
  const scope = given.scope ?? undefined
  return {
    tenant: given.tenant,
    clientId: given.client_id,
    clientSecret: given.client_secret,
    cloud: given.cloud ?? 'public',
    ...(authority === undefined ? {} : { authority }),
    ...(management === undefined ? {} : { management }),
    ...(scope === undefined ? {} : { scope }),
  }
}

/** A secret goes there: HTTPS, and nothing but an origin and a path. */
function address(given: string | null | undefined, name: string): string | undefined {
  if (given === undefined || given === null) return undefined
  const url = URL.parse(given)
  const isFine =
    url?.protocol === 'https:' && url.username === '' && url.password === '' && !/[?#@]/.test(given)
  if (!isFine) throw invalid(`entra.${name}`, 'It must be an address that begins with https://.')
  return given.replace(/\/+$/, '')
}
