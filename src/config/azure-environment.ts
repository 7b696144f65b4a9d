// An Entra ID application from the variables that Azure's own SDKs read. Pure: it looks at variables alone, and a set that is not whole
// is none, as many a machine has some of them for other reasons.

import { cloudOfAuthority } from '../core/azure-cloud.ts'
import type { EntraCloud } from '../core/catalog.ts'
import { type Surroundings, variable } from './surroundings.ts'

/** An application in the words of the configuration file. */
export interface FoundEntra {
  readonly tenant: string
  readonly client_id: string
  readonly client_secret?: string
  readonly cert_file?: string
  readonly key_passphrase?: string
  readonly cloud?: EntraCloud
  readonly authority?: string
}

/** The application that the environment names; undefined where a part of it is missing. A secret wins over a certificate. */
export function entraFromEnvironment(surroundings: Surroundings): FoundEntra | undefined {
  const of = (name: string) => variable(surroundings, name)?.trim()
  const tenant = of('AZURE_TENANT_ID')
  const clientId = of('AZURE_CLIENT_ID')
  const secret = of('AZURE_CLIENT_SECRET')
  const certificate = of('AZURE_CLIENT_CERTIFICATE_PATH')
  if (tenant === undefined || clientId === undefined) return undefined
  if (secret === undefined && certificate === undefined) return undefined
  const passphrase = of('AZURE_CLIENT_CERTIFICATE_PASSWORD')
  const authority = of('AZURE_AUTHORITY_HOST')
  const cloud = authority === undefined ? undefined : cloudOfAuthority(authority)
  return {
    tenant,
    client_id: clientId,
    ...(secret === undefined ? { cert_file: certificate! } : { client_secret: secret }),
    ...(secret === undefined && passphrase !== undefined ? { key_passphrase: passphrase } : {}),
    ...(cloud === undefined ? {} : { cloud }),
    ...(authority === undefined || cloud !== undefined ? {} : { authority: url(authority) }),
  }
}

/** The SDKs take a bare host too. */
function url(authority: string): string {
  return /^[a-z]+:\/\//i.test(authority) ? authority : `https://${authority}`
}
