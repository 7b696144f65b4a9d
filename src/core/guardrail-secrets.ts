// Which options of a guardrail's check are secret, by their descriptions: what is sealed in the store, masked where it is shown and kept where
// a change brings the mask back. Pure.

import type { GuardCheckKind } from './guardrail.ts'
import type { CheckOption } from './guardrail-option.ts'
import { checkDescription } from './guardrail-options.ts'
import { isObject, type JsonObject, type JsonValue } from './json.ts'

/** Stands for a secret where a rule is shown; of a longer one the last four characters come behind it. */
export const MASK = '****'

/** Shorter ones are masked as a whole: four characters would be too much of it. */
const SHOWN_CHARS_MIN = 12

/** Whether an option is one that is never shown: a secret text, or names with secret texts. */
export function isSecretOption(check: string, name: string): boolean {
  const option = checkDescription(check)?.options.find((one) => one.name === name)
  return option !== undefined && isSecret(option)
}

function isSecret(option: CheckOption): boolean {
  return (option.type === 'text' || option.type === 'map') && option.secret === true
}

/** Options parted into what may be kept in clear and what not. */
export function secretOptions(
  check: GuardCheckKind,
  options: JsonObject,
): { readonly plain: JsonObject; readonly secret: JsonObject } {
  const parts = Object.groupBy(Object.entries(options), ([name]) =>
    isSecretOption(check, name) ? 'secret' : 'plain',
  )
  return {
    plain: Object.fromEntries(parts.plain ?? []),
    secret: Object.fromEntries(parts.secret ?? []),
  }
}

/** Options as they may be shown. */
export function maskedOptions(check: GuardCheckKind, options: JsonObject): JsonObject {
  return Object.fromEntries(
    Object.entries(options).map(([name, value]) => [
      name,
      isSecretOption(check, name) ? masked(value) : value,
    ]),
  )
}

function masked(value: JsonValue | undefined): JsonValue {
  if (typeof value === 'string') {
    return value.length < SHOWN_CHARS_MIN ? MASK : `${MASK}${value.slice(-4)}`
  }
  if (!isObject(value)) return MASK
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, masked(member)]))
}

/**
 * Options as they were sent, with the secrets of before in the place of masks that were sent back as they were shown.
 */
export function unmaskedOptions(
  check: GuardCheckKind,
  sent: JsonObject,
  before: JsonObject,
): JsonObject {
  return Object.fromEntries(
    Object.entries(sent).map(([name, value]) => [
      name,
      isSecretOption(check, name) ? unmasked(value, before[name]) : value,
    ]),
  )
}

function unmasked(sent: JsonValue | undefined, before: JsonValue | undefined): JsonValue {
  if (isObject(sent)) {
    const known = isObject(before) ? before : {}
    return Object.fromEntries(
      Object.entries(sent).map(([name, member]) => [name, unmasked(member, known[name])]),
    )
  }
  const isKept = before !== undefined && typeof sent === 'string' && sent === masked(before)
  return isKept ? before : (sent ?? null)
}
