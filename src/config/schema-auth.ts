// The part of the schema table that says who may call and how they prove who they are: issuers, sessions, the local administrator.
// Apart from `schema.ts` only because of its length; the rules are the same.

import { LIMITS } from '../core/limits.ts'
import { NETWORK } from './schema-network.ts'
import type { SectionNode, ValueOf } from './node.ts'

const HOUR = 3_600_000

const ISSUER = {
  kind: 'section',
  doc: 'An OpenID provider: people log in with it, and its tokens are taken wherever a key is.',
  synonyms: { name: 'label', url: 'issuer', scope: 'scopes', role_mapping: 'roles' },
  keys: {
    id: {
      kind: 'text',
      format: 'id',
      doc: 'Shown in the log; part of the identity of its users.',
      required: true,
      maxChars: 64,
    },
    kind: {
      kind: 'choice',
      doc: 'Where roles and groups stand in its tokens by default: `keycloak`, `entra` (Microsoft Entra ID, v2.0), or `generic`.',
      values: ['generic', 'keycloak', 'entra'],
      default: 'generic',
    },
    label: {
      kind: 'text',
      format: 'model-id',
      doc: 'On the button of the login page.',
      absent: 'the id',
      maxChars: 100,
    },
    issuer: {
      kind: 'text',
      format: 'base-url',
      doc: 'Its issuer URL, exactly as its tokens say it (`iss`).',
      required: true,
    },
    client_id: {
      kind: 'text',
      format: 'header-value',
      doc: 'The client that Weir is to it.',
      required: true,
      maxChars: 300,
    },
    client_secret: {
      kind: 'text',
      format: 'header-value',
      doc: 'Of that client; without one it is a public client, and PKCE alone protects the login.',
      secret: true,
      absent: 'a public client',
      maxChars: 4_096,
    },
    login: { kind: 'boolean', doc: 'Whether people may log in with it.', default: true },
    bearer: {
      kind: 'boolean',
      doc: 'Whether its access tokens are taken in place of keys.',
      default: true,
    },
    audience: {
      kind: 'list',
      doc: 'What `aud` of an access token must hold one of.',
      optional: true,
      absent: 'the client id',
      item: { kind: 'text', format: 'header-value', doc: 'An audience.', maxChars: 300 },
    },
    scopes: {
      kind: 'list',
      doc: 'Scopes asked for at a login.',
      optional: true,
      absent: 'openid, profile, email',
      item: { kind: 'text', format: 'header-value', doc: 'A scope.', maxChars: 200 },
    },
    algorithms: {
      kind: 'list',
      doc: 'Signatures that are taken. HMAC and `none` never are.',
      optional: true,
      absent: 'RS256, PS256, ES256, EdDSA',
      item: {
        kind: 'choice',
        doc: 'An algorithm.',
        values: [
          'RS256',
          'RS384',
          'RS512',
          'PS256',
          'PS384',
          'PS512',
          'ES256',
          'ES384',
          'ES512',
          'EdDSA',
        ],
      },
    },
    clock_skew: {
      kind: 'duration',
      doc: 'How far clocks may differ.',
      default: 60_000,
      min: 0,
      max: 300_000,
    },
    roles_claim: {
      kind: 'list',
      doc: 'Paths of claims that hold roles (`realm_access.roles`); a literal dot is written `\\.`.',
      optional: true,
      absent: 'what `kind` says',
      item: { kind: 'text', format: 'model-id', doc: 'A path.', maxChars: 300 },
    },
    groups_claim: {
      kind: 'text',
      format: 'model-id',
      doc: 'Path of the claim that holds groups.',
      absent: '`groups`',
      maxChars: 300,
    },
    roles: {
      kind: 'map',
      format: 'role',
      doc: "The issuer's roles in Weir's words: `weir-admins: admin`. With `@/` behind it a role holds for the whole installation. A role that is not here gives nothing.",
    },
    group_roles: {
      kind: 'map',
      format: 'role',
      doc: 'The same for groups.',
    },
    default_role: {
      kind: 'text',
      format: 'role',
      doc: 'Role of everybody who logs in with it.',
      absent: 'none',
    },
    tenant: {
      kind: 'text',
      format: 'tenant-id',
      doc: 'Tenant of its users.',
      absent: '`tenant_claim`, else `default`',
    },
    tenant_claim: {
      kind: 'text',
      format: 'model-id',
      doc: 'Path of the claim that names the tenant; a tenant there is not is refused.',
      maxChars: 300,
    },
    create_users: {
      kind: 'boolean',
      doc: 'Whether who is not known yet becomes a user; else an administrator makes users first.',
      default: true,
    },
    graph: {
      kind: 'text',
      format: 'base-url',
      doc: 'Where Entra ID is asked for the groups of people who are in too many for a token.',
      absent: 'https://graph.microsoft.com',
    },
    network: { ...NETWORK, doc: 'How to reach it, where that differs from `network`.' },
  },
} as const satisfies SectionNode

export const AUTH = {
  kind: 'section',
  doc: 'Who may call.',
  keys: {
    anonymous: {
      kind: 'choice',
      doc: '`loopback`: local clients may call without a key.',
      values: ['loopback', 'never'],
      absent: '`loopback`; `never` with an issuer or with Postgres',
    },
    local: {
      kind: 'boolean',
      doc: 'Whether local users may log in with a password: the administrator who is set up through a link that the first start prints.',
      default: true,
    },
    session: {
      kind: 'section',
      doc: 'Browsers that are logged in.',
      keys: {
        idle: {
          kind: 'duration',
          doc: 'Ends when nothing came for so long.',
          default: LIMITS.sessionIdleMs,
          min: 300_000,
          max: 30 * 24 * HOUR,
        },
        lifetime: {
          kind: 'duration',
          doc: 'Ends after so long in any case.',
          default: LIMITS.sessionLifetimeMs,
          min: 60_000,
          max: 90 * 24 * HOUR,
        },
      },
    },
    oidc: { kind: 'list', doc: 'OpenID providers.', item: ISSUER },
  },
} as const satisfies SectionNode

export type IssuerValues = ValueOf<typeof ISSUER>
