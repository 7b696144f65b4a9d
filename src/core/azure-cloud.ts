// Azure's clouds: where each one's token service and management API are and which scopes their tokens are for. Sovereign clouds are
// whole copies under other names, so every address follows from the cloud unless a setting replaces it. Pure data.

import { classifyAddress } from './address.ts'
import type { EntraCloud, EntraSettings } from './catalog.ts'

/** What a token is for: asking models, or the management API. */
export type TokenAudience = 'models' | 'management'

export interface AzureCloud {
  /** Origin of the token service. */
  readonly authority: string
  /** Origin of the management API (Azure Resource Manager). */
  readonly management: string
  readonly modelsScope: string
  readonly managementScope: string
}

/** https://learn.microsoft.com/entra/identity-platform/authentication-national-cloud */
const CLOUDS: Readonly<Record<EntraCloud, AzureCloud>> = {
  public: {
    authority: 'https://login.microsoftonline.com',
    management: 'https://management.azure.com',
    modelsScope: 'https://cognitiveservices.azure.com/.default',
    managementScope: 'https://management.azure.com/.default',
  },
  us_government: {
    authority: 'https://login.microsoftonline.us',
    management: 'https://management.usgovcloudapi.net',
    modelsScope: 'https://cognitiveservices.azure.us/.default',
    managementScope: 'https://management.usgovcloudapi.net/.default',
  },
  china: {
    authority: 'https://login.partner.microsoftonline.cn',
    management: 'https://management.chinacloudapi.cn',
    modelsScope: 'https://cognitiveservices.azure.cn/.default',
    managementScope: 'https://management.chinacloudapi.cn/.default',
  },
}

/** Whether a secret or a token may be sent to an address: encrypted, or to this machine. */
export function mayCarrySecrets(url: string): boolean {
  const parsed = URL.parse(url)
  if (parsed === null) return false
  return parsed.protocol === 'https:' || classifyAddress(parsed.hostname) === 'loopback'
}

function withoutSlashes(url: string): string {
  return url.replace(/\/+$/, '')
}

/** The addresses and scopes in force for an application: its cloud's, but for what its settings replace. */
export function azureCloud(entra: EntraSettings): AzureCloud {
  const cloud = CLOUDS[entra.cloud]
  const management =
    entra.management === undefined ? cloud.management : withoutSlashes(entra.management)
  return {
    authority: entra.authority === undefined ? cloud.authority : withoutSlashes(entra.authority),
    management,
    modelsScope: entra.scope ?? cloud.modelsScope,
    managementScope:
      entra.management === undefined ? cloud.managementScope : `${management}/.default`,
  }
}

/** Where an application's tokens are asked for (OAuth 2.0, version 2 of Entra ID's endpoint). */
export function tokenEndpoint(entra: EntraSettings): string {
  return `${azureCloud(entra).authority}/${encodeURIComponent(entra.tenant)}/oauth2/v2.0/token`
}

/** The cloud whose token service this is; undefined for an address of none of them. */
export function cloudOfAuthority(authority: string): EntraCloud | undefined {
  const host = URL.parse(authority)?.host ?? authority.replace(/\/+$/, '')
  const names = Object.keys(CLOUDS) as EntraCloud[]
  // China's older name is still in many a script.
  if (host === 'login.chinacloudapi.cn') return 'china'
  return names.find((name) => URL.parse(CLOUDS[name].authority)?.host === host)
}
