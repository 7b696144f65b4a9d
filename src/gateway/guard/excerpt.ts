// What an entry of the audit quotes of the texts a rule was asked about: little of them, and without what redaction takes out. It decides
// nothing about whose texts may be quoted.

import type { Redactor } from '../../core/content.ts'
import type { GuardText } from '../../core/guardrail.ts'
import { LIMITS } from '../../core/limits.ts'
import { redactBody } from '../../core/redact-body.ts'

/** Of a text that was cut so much is not quoted: what the cut went through is not recognised, and labels may be longer than what they are for. */
const CUT_CHARS = 2 * LIMITS.contentCutChars
const READ_CHARS = LIMITS.auditExcerptChars + CUT_CHARS

/**
 * The beginning of the joined texts; undefined where there is none.
 * @param redact absent: nothing is taken out
 */
export function excerptOf(
  texts: readonly Pick<GuardText, 'text'>[],
  redact: Redactor | undefined,
): string | undefined {
  let read = ''
  let isCut = false
  for (const { text } of texts) {
    if (text === '') continue
    const joined = read === '' ? '' : '\n'
    const room = READ_CHARS - read.length - joined.length
    if (text.length > room) {
      read += joined + text.slice(0, Math.max(0, room))
      isCut = true
      break
    }
    read += joined + text
  }
  const redacted = redact === undefined ? read : redactBody(read, redact)
  const kept = isCut ? redacted.slice(0, Math.max(0, redacted.length - CUT_CHARS)) : redacted
  // Half a character is none.
  const excerpt = kept.slice(0, LIMITS.auditExcerptChars).replace(/[\uD800-\uDBFF]$/, '')
  return excerpt === '' ? undefined : excerpt
}
