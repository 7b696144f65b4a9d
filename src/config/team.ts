// Turns validated settings of issuers, limits and budgets into the words of the core. Pure; what is absent stays absent.

import type { IssuerSettings } from '../core/issuer.ts'
import type { BudgetRule, LimitRule } from '../core/money.ts'
import { NANO_PER_USD } from '../core/nano-usd.ts'
import { toNetwork } from './catalog.ts'
import { toAmounts } from './own-limits.ts'
import type { IssuerValues } from './schema-auth.ts'
import type { Settings } from './schema.ts'
import type { SettingOrigin } from './validate.ts'

const DEFAULT_ALERTS = [0.8, 1]
const DEFAULT_ALGORITHMS = ['RS256', 'PS256', 'ES256', 'EdDSA']
const DEFAULT_SCOPES = ['openid', 'profile', 'email']

type Ruled = Readonly<Partial<Record<'per' | 'only' | 'window', unknown>>>

/**
 * How many before it in its list are for the same: the part of a rule's id that tells twins apart. What stands elsewhere in the list
 * does not change it, or whoever put a rule in would begin all those behind it anew.
 */
export function placeAmong(rules: readonly Ruled[], index: number): number {
  const named = ({ only, per, window }: Ruled) => JSON.stringify([per, only, window])
  const own = named(rules[index] ?? {})
  return rules.slice(0, index).filter((rule) => named(rule) === own).length
}

export function toLimitRule(
  settings: Settings['limits'][number],
  place: number,
  from?: SettingOrigin,
): LimitRule {
  const { only, per, when_unavailable: whenUnavailable } = settings
  const isFile = from !== 'environment'
  return {
    // The same rule twice is two counters, and both must let a request through.
    id: isFile
      ? `file:${place}:${per}${only === undefined ? '' : `:${only}`}`
      : `environment:${per}`,
    origin: isFile ? 'file' : 'environment',
    per,
    ...(only === undefined ? {} : { only }),
    amounts: toAmounts(settings),
    whenUnavailable,
  }
}

export function toBudgetRule(settings: Settings['budgets'][number], place: number): BudgetRule {
  const { action, alert_at: alertAt, only, per, usd, webhook, window } = settings
  return {
    id: `file:${place}:${per}:${window}${only === undefined ? '' : `:${only}`}`,
    origin: 'file',
    per,
    ...(only === undefined ? {} : { only }),
    nanoUsd: Math.round(usd * NANO_PER_USD),
    window,
    action,
    alertAt: alertAt ?? DEFAULT_ALERTS,
    ...(webhook === undefined ? {} : { webhookUrl: webhook }),
    unknownPrice: settings.unknown_price ?? (action === 'block' ? 'block' : 'allow'),
  }
}

/** Where Keycloak and Entra ID put things, unless the file says otherwise. */
const CLAIMS = {
  generic: { roles: ['roles'] },
  keycloak: { roles: ['realm_access.roles', 'resource_access.{client_id}.roles'] },
  entra: { roles: ['roles'] },
} as const

export function toIssuer(values: IssuerValues): IssuerSettings {
  return {
    id: values.id,
    kind: values.kind,
    label: values.label ?? values.id,
    issuer: values.issuer,
    clientId: values.client_id,
    login: values.login,
    bearer: values.bearer,
    audiences: values.audience ?? [values.client_id],
    scopes: values.scopes ?? DEFAULT_SCOPES,
    algorithms: values.algorithms ?? DEFAULT_ALGORITHMS,
    clockSkewMs: values.clock_skew,
    rolesClaims:
      values.roles_claim ??
      CLAIMS[values.kind].roles.map((path) =>
        path.replace('{client_id}', values.client_id.replaceAll('.', '\\.')),
      ),
    groupsClaim: values.groups_claim ?? 'groups',
    roles: values.roles,
    groupRoles: values.group_roles,
    createUsers: values.create_users,
    graphUrl: values.graph ?? 'https://graph.microsoft.com',
    network: toNetwork(values.network),
    ...(values.client_secret === undefined ? {} : { clientSecret: values.client_secret }),
    ...(values.default_role === undefined ? {} : { defaultRole: values.default_role }),
    ...(values.tenant === undefined ? {} : { tenantId: values.tenant }),
    ...(values.tenant_claim === undefined ? {} : { tenantClaim: values.tenant_claim }),
  }
}
