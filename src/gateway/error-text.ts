// What the log row of a failed request says of its failure: the message and what stands behind it, for the operator and nobody else. Every
// secret of the provider is taken out of it.

import type { Provider } from '../core/catalog.ts'
import type { GatewayError } from '../core/error.ts'
import { parseJson } from '../core/json.ts'
import { LIMITS } from '../core/limits.ts'
import { withoutQuotes } from '../core/policy/quoted.ts'
import { providerSecrets, scrubMessage } from '../core/policy/scrub.ts'

/**
 * The message and its cause for the operator, without any provider key in it.
 * @param request of which nothing may be in it: providers repeat what they were asked
 */
export function errorText(
  error: GatewayError,
  provider: Provider | undefined,
  request: Uint8Array,
): string {
  const detail = describeCause(error.cause)
  const text = detail === '' ? error.message : `${error.message} (${detail})`
  const secrets = provider === undefined ? [] : providerSecrets(provider)
  const scrubbed = scrubMessage(text, secrets)
  // Words of our own quote nothing.
  const isTold = error.cause !== undefined || error.kind.startsWith('upstream')
  const isBare = request.length === 0 || !isTold
  return (isBare ? scrubbed : unquoted(scrubbed, request)).slice(0, LIMITS.logErrorCharsMax)
}

/** A request that is no JSON is one text. */
function unquoted(text: string, request: Uint8Array): string {
  const said = new TextDecoder().decode(request)
  return withoutQuotes(text, parseJson(said) ?? said)
}

function describeCause(cause: unknown): string {
  if (cause === undefined || cause === null) return ''
  if (cause instanceof Error) return `${cause.name}: ${cause.message}`
  return typeof cause === 'object' ? JSON.stringify(cause) : String(cause)
}
