// Takes personal data and secrets out of texts that are kept or shown: log lines, bodies of the log, exports. What it takes out is
// gone; nothing here can be put back, and nothing is decided about requests.

import type { PiiDetector } from '../core/guardrail-option.ts'
import { compilePatterns, type CustomPattern } from './detectors/custom.ts'
import { detectorsOf } from './detectors/all.ts'
import { findIn } from './find.ts'
import { irreversible, mergeSpans } from './mask.ts'

/**
 * A function that replaces what it finds by labels, such as `[EMAIL]`. JSON stays JSON, and what is written with escapes is found too. It is linear in its text and runs at once: hand it no more than
 * what is kept of a body.
 * @throws GatewayError `invalid_request` for a pattern that does not compile
 */
export function createRedactor(
  names: readonly PiiDetector[],
  custom: readonly CustomPattern[] = [],
): (text: string) => string {
  const detectors = [...detectorsOf(names), ...compilePatterns(custom)]
  if (detectors.length === 0) return (text) => text
  return (text) => {
    const spans = findIn(text, detectors, true)
    if (spans.length === 0) return text
    let redacted = ''
    let at = 0
    for (const { start, end, label } of mergeSpans(text, spans)) {
      redacted += text.slice(at, start) + betweenQuotes(text.slice(start, end), label)
      at = end
    }
    return redacted + text.slice(at)
  }
}

/** A value in quotes is replaced within them: of JSON, quotes without a backslash are not part of any text. */
function betweenQuotes(value: string, label: string): string {
  if (!value.includes('"')) return irreversible(value, label, 'label')
  const pieces: string[] = []
  let from = 0
  for (let at = 0; at < value.length; at++) {
    if (value[at] === '\\') at++
    else if (value[at] === '"') {
      pieces.push(value.slice(from, at))
      from = at + 1
    }
  }
  pieces.push(value.slice(from))
  return pieces
    .map((piece) => (/[\p{L}\p{N}]/u.test(piece) ? irreversible(piece, label, 'label') : piece))
    .join('"')
}
