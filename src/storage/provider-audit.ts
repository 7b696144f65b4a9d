// Providers and their keys as the audit has them: what they are, with every secret masked. Nothing is opened for it.

import type { AuditEvent } from '../core/audit.ts'
import type { ProviderToSave } from '../core/ports.ts'

/** Four characters tell keys apart, but of a short secret they would be too much. */
const MASKABLE_SECRET_CHARS_MIN = 16

/** What a key is told apart by. */
export function lastFour(secret: string): string {
  return secret.length >= MASKABLE_SECRET_CHARS_MIN ? secret.slice(-4) : ''
}

export type Shown = Readonly<Record<string, unknown>>

/** In place of what the audit must not hold. */
export const MASKED = '***'

/** Without the members that are null. */
export function withoutNulls(row: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(row).filter(([, value]) => value !== null))
}

/** A provider that is being saved, as the audit has it: secrets masked, header values too. */
export function shownProvider(provider: ProviderToSave): Shown {
  const { entra, headers, keys, network, ...rest } = provider
  const { key: networkKey, keyPassphrase, proxy, ...open } = network
  const { clientSecret: _secret, keyPassphrase: _passphrase, ...application } = entra ?? {}
  return {
    ...rest,
    network: open,
    ...(proxy === undefined ? {} : { proxy: MASKED }),
    ...(networkKey === undefined ? {} : { networkKey: MASKED }),
    ...(keyPassphrase === undefined ? {} : { keyPassphrase: MASKED }),
    ...(Object.keys(headers).length === 0 ? {} : { headers: MASKED }),
    ...(entra === undefined ? {} : { entra: application }),
    ...(keys === undefined
      ? {}
      : {
          keys: keys.map((key) => ({
            id: key.id,
            lastFour: lastFour(key.secret),
            draining: key.draining === true,
          })),
        }),
  }
}

export function providerEvent(
  action: 'provider.save' | 'provider.delete',
  tenantId: string,
  id: string,
  before: Shown | undefined,
  after: Shown | undefined,
): AuditEvent {
  return {
    tenantId,
    action,
    target: { kind: 'provider', id },
    ...(before === undefined ? {} : { before }),
    ...(after === undefined ? {} : { after }),
  }
}

export function keyEvent(
  action: 'provider_key.create' | 'provider_key.update' | 'provider_key.delete',
  tenantId: string,
  [providerId, keyId]: readonly [string, string],
  before: Shown | undefined,
  after: Shown | undefined,
): AuditEvent {
  return {
    tenantId,
    action,
    target: { kind: 'provider_key', id: `${providerId}/${keyId}` },
    ...(before === undefined ? {} : { before }),
    ...(after === undefined ? {} : { after }),
  }
}
