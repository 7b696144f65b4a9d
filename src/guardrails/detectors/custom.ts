// Patterns that an operator adds to the detectors, each with a name and perhaps a checksum its matches must have.

import { compilePattern, type Pattern } from '../engine.ts'
import { isLuhn, isMod97 } from './checksums.ts'

/** As configuration has it. */
export interface CustomPattern {
  readonly name: string
  /** In the syntax of RE2. */
  readonly pattern: string
  readonly checksum?: 'luhn' | 'mod97'
}

/** A compiled one; unlike a detector it can pause between two matches, since all of them together need not be linear. */
export interface PatternDetector {
  readonly label: string
  readonly pattern: Pattern
  /** Whether a match counts. */
  accepts(match: string): boolean
}

/** @throws GatewayError `invalid_request` for one that does not compile */
export function compilePatterns(patterns: readonly CustomPattern[]): PatternDetector[] {
  return patterns.map(({ name, pattern, checksum }) => ({
    label: name,
    pattern: compilePattern(pattern),
    accepts: ACCEPTS[checksum ?? 'none'],
  }))
}

const ACCEPTS = {
  none: () => true,
  luhn: (match: string) => isLuhn(match.replace(/\D/g, '')),
  mod97: (match: string) => isMod97(match.replace(/[^0-9A-Za-z]/g, '').toUpperCase()),
}
