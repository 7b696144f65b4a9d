// Turns validated settings of issuers, limits and budgets into the words of the core. Pure; what is absent stays absent.

import type { IssuerSettings } from '../core/issuer.ts'
import type { BudgetRule, LimitAmounts, LimitRule, OwnLimits } from '../core/money.ts'
import { toNetwork } from './catalog.ts'
import type { IssuerValues } from './schema-auth.ts'
import type { KeySettings } from './schema-catalog.ts'
import type { Settings } from './schema.ts'

const NANO = 1e9
const DEFAULT_ALERTS = [0.8, 1]
const DEFAULT_ALGORITHMS = ['RS256', 'PS256', 'ES256', 'EdDSA']
const DEFAULT_SCOPES = ['openid', 'profile', 'email']

type Amounts = NonNullable<KeySettings['limits']>

/** The amounts that are given. */
export function toAmounts(values: Amounts): LimitAmounts {
  return Object.fromEntries(
    Object.entries({
      requestsPerMinute: values.requests_per_minute,
      requestsPerHour: values.requests_per_hour,
      requestsPerDay: values.requests_per_day,
      tokensPerMinute: values.tokens_per_minute,
      tokensPerHour: values.tokens_per_hour,
      tokensPerDay: values.tokens_per_day,
      concurrent: values.concurrent,
    }).filter(([, value]) => value !== undefined),
  )
}

export function toLimitRule(settings: Settings['limits'][number], index: number): LimitRule {
  const { only, per, when_unavailable: whenUnavailable } = settings
  return {
    // Its place is part of what it is: the same rule twice is two counters, and both must let a request through.
    id: `file:${index}:${per}${only === undefined ? '' : `:${only}`}`,
    origin: 'file',
    per,
    ...(only === undefined ? {} : { only }),
    amounts: toAmounts(settings),
    whenUnavailable,
  }
}

export function toBudgetRule(settings: Settings['budgets'][number], index: number): BudgetRule {
  const { action, alert_at: alertAt, only, per, usd, webhook, window } = settings
  return {
    id: `file:${index}:${per}:${window}${only === undefined ? '' : `:${only}`}`,
    origin: 'file',
    per,
    ...(only === undefined ? {} : { only }),
    nanoUsd: Math.round(usd * NANO),
    window,
    action,
    alertAt: alertAt ?? DEFAULT_ALERTS,
    ...(webhook === undefined ? {} : { webhookUrl: webhook }),
    unknownPrice: settings.unknown_price ?? (action === 'block' ? 'block' : 'allow'),
  }
}

/** Undefined where a key has neither limits nor a budget of its own. */
export function toOwnLimits({ budget, limits }: KeySettings): OwnLimits | undefined {
  if (limits === undefined && budget === undefined) return undefined
  return {
    ...(limits === undefined ? {} : { limits: toAmounts(limits) }),
    ...(budget === undefined
      ? {}
      : {
          budget: {
            nanoUsd: Math.round(budget.usd * NANO),
            window: budget.window,
            action: budget.action,
          },
        }),
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
