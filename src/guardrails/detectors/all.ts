// Which detector answers to which name of the configuration.

import type { PiiDetector } from '../../core/guardrail-option.ts'
import { detectAssigned } from './assigned.ts'
import { detectCard } from './card.ts'
import type { Detector } from './detector.ts'
import { detectEmail } from './email.ts'
import { detectIban } from './iban.ts'
import { nationalIdDetector } from './national-id.ts'
import { detectIp, detectMac } from './network-address.ts'
import { detectPhone } from './phone.ts'
import { detectIssued } from './secret.ts'

const BY_NAME: Readonly<Record<PiiDetector, readonly Detector[]>> = {
  email: [detectEmail],
  phone: [detectPhone],
  card: [detectCard],
  iban: [detectIban],
  national_id: [nationalIdDetector(false)],
  ip: [detectIp],
  mac: [detectMac],
  secret: [detectIssued, detectAssigned],
}

const BARE_IDS = nationalIdDetector(true)

/**
 * The detectors of these names, each once.
 * @param bare national ids need no word beside them that names them
 */
export function detectorsOf(
  names: readonly PiiDetector[],
  { bare = false }: { readonly bare?: boolean } = {},
): Detector[] {
  return [...new Set(names)].flatMap((name) =>
    bare && name === 'national_id' ? [BARE_IDS] : BY_NAME[name],
  )
}
