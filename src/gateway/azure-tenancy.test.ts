// Whose Entra ID application looks around in Azure, where there is more than one tenant: another tenant's never does, and the platform's
// only for those who run the installation.

import { expect, test } from 'bun:test'
import { systemActor } from '../core/audit.ts'
import type { Provider } from '../core/catalog.ts'
import { GatewayError } from '../core/error.ts'
import { NO_NETWORK_DEFAULTS } from '../core/network.ts'
import { testProvider } from '../testing/gateway.ts'
import { FakeClock } from '../testing/clock.ts'
import { existingCatalog, onboardAzure, type AzureErrand } from './azure-onboarding.ts'

const entra = { tenant: 't', clientId: 'c', clientSecret: 'canary', cloud: 'public' } as const

function azure(id: string, tenantId?: string): Provider {
  return testProvider({
    id,
    type: 'azure',
    baseUrl: 'https://x.openai.azure.com',
    origin: tenantId === undefined ? 'file' : 'store',
    entra: { ...entra, clientId: `c-${id}` },
    ...(tenantId === undefined ? {} : { tenantId }),
  })
}

/** Whose application was about to be used; else the words of the refusal. */
async function looksAs(tenantId: string, errand: Partial<AzureErrand>): Promise<string> {
  const declared = { providers: [azure('common')], models: [] }
  const stored = [azure('own', 'a'), azure('common', 'a'), azure('theirs', 'b')]
  let used: string | undefined
  const store = { providers: { all: async () => stored }, models: { all: async () => [] } }
  try {
    await onboardAzure(
      tenantId,
      { application: {}, isImport: false, withModels: false, ...errand },
      {
        by: systemActor('a test'),
        clock: new FakeClock(),
        tokens: {
          bearer: (provider) => {
            used = provider.entra?.clientId
            return Promise.reject(new GatewayError('upstream_auth'))
          },
          refused: () => false,
        },
        transport: () => ({ send: () => Promise.reject(new GatewayError('upstream_error')) }),
        network: () => NO_NETWORK_DEFAULTS,
        existing: () => existingCatalog(tenantId, declared, store),
        store: () => Promise.reject(new Error('nothing is taken over')),
      },
    )
  } catch (error) {
    if (used === undefined) return (error as Error).message
  }
  return used ?? 'nobody'
}

const NONE = 'There is no such provider.'
const of = (providerId: string) => ({ application: { providerId } })

test.each([
  ['a', of('own'), 'c-own'],
  ['a', of('common'), 'c-common'],
  ['a', of('theirs'), NONE],
  ['a', of('nowhere'), NONE],
  ['b', of('own'), NONE],
  ['b', of('theirs'), 'c-theirs'],
  ['a', { ...of('common'), isOwnOnly: true }, NONE],
  ['a', { ...of('own'), isOwnOnly: true }, 'c-own'],
  ['a', { isOwnOnly: true }, 'c-own'],
  ['c', { isOwnOnly: true }, 'No provider has an Entra ID application: give one.'],
  ['c', {}, 'c-common'],
] as const)('tenant %s with %j: %s', async (tenantId, errand, wanted) => {
  expect(await looksAs(tenantId, errand)).toBe(wanted)
})
