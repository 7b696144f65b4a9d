// An OpenID provider as it is configured: whose tokens are believed, and what is read out of them. Pure data; it holds a secret, so it
// must never be logged as a whole.

import type { NetworkSettings } from './catalog.ts'

export type IssuerKind = 'generic' | 'keycloak' | 'entra'

export interface IssuerSettings {
  readonly id: string
  readonly kind: IssuerKind
  /** On the button of the login page. */
  readonly label: string
  /** As `iss` says it. */
  readonly issuer: string
  readonly clientId: string
  readonly clientSecret?: string
  /** Whether people may log in with it, and whether its access tokens are taken in place of keys. */
  readonly login: boolean
  readonly bearer: boolean
  /** `aud` of an access token must hold one of them. */
  readonly audiences: readonly string[]
  readonly scopes: readonly string[]
  readonly algorithms: readonly string[]
  readonly clockSkewMs: number
  /** Paths of claims; a dot within a name is `\.`. */
  readonly rolesClaims: readonly string[]
  readonly groupsClaim: string
  /** The issuer's roles and groups in our words; what is not here gives nothing. */
  readonly roles: Readonly<Record<string, string>>
  readonly groupRoles: Readonly<Record<string, string>>
  readonly defaultRole?: string
  /** Fixed, else by `tenantClaim`, else the default tenant. */
  readonly tenantId?: string
  readonly tenantClaim?: string
  readonly createUsers: boolean
  readonly graphUrl: string
  readonly network: NetworkSettings
}

/** Issuer of users with a password of ours. */
export const LOCAL_ISSUER = 'local'
