// International bank account numbers: ISO 13616, by country's length and checksum, with or without blanks. Pure.

import { isMod97 } from './checksums.ts'
import type { Detector } from './detector.ts'

/** Lengths by country: the registry of SWIFT (https://www.swift.com/standards/data-standards/iban), release 99. */
const LENGTHS: ReadonlyMap<string, number> = new Map(
  (
    'AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BI27 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DJ27 DK18 DO28 EE20 EG29 ES24 FI18 FK18 ' +
    'FO18 FR27 GB22 GE22 GI23 GL18 GR27 GT28 HN28 HR21 HU28 IE22 IL23 IQ23 IS26 IT27 JO30 KW30 KZ20 LB28 LC32 LI21 LT20 LU20 LV21 ' +
    'LY25 MC27 MD24 ME22 MK19 MN20 MR27 MT31 MU30 NI28 NL18 NO15 OM23 PK24 PL28 PS29 PT25 QA29 RO24 RS22 RU33 SA24 SC31 SD18 SE24 ' +
    'SI19 SK24 SM27 SO23 ST25 SV28 TL23 TN24 TR26 UA29 VA22 VG24 XK20 YE30'
  )
    .split(' ')
    .map((entry) => [entry.slice(0, 2), Number(entry.slice(2))]),
)

const START = /(?<![A-Za-z0-9])[A-Za-z]{2}\d{2}(?=[ -]?[A-Za-z0-9])/g

export const detectIban: Detector = (text, found) => {
  START.lastIndex = 0
  for (let match = START.exec(text); match !== null; match = START.exec(text)) {
    const end = ibanEnd(text, match.index)
    if (end !== undefined) found(match.index, end, 'iban')
  }
}

/** Where the account that begins at an offset ends. */
function ibanEnd(text: string, start: number): number | undefined {
  const length = LENGTHS.get(text.slice(start, start + 2).toUpperCase())
  if (length === undefined) return undefined
  let signs = ''
  let at = start
  while (signs.length < length) {
    const code = text.charCodeAt(at)
    if (isAlphanumeric(code)) signs += text[at]
    else if (code !== 0x20 && code !== 0x2d) return undefined
    else if (!isAlphanumeric(text.charCodeAt(at - 1))) return undefined
    at++
  }
  if (isAlphanumeric(text.charCodeAt(at))) return undefined
  return isMod97(signs.toUpperCase()) ? at : undefined
}

function isAlphanumeric(code: number): boolean {
  return (
    (code >= 0x30 && code <= 0x39) ||
    (code >= 0x41 && code <= 0x5a) ||
    (code >= 0x61 && code <= 0x7a)
  )
}
