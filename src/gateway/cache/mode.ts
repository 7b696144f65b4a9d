// Whether a request has anything to do with the response cache: what the settings and the model say, and what is never answered from
// memory because asking does more than getting an answer. It looks at nothing that is kept.

import type { CacheMode, CacheSettings } from '../../core/answer-cache.ts'
import type { Model } from '../../core/catalog.ts'
import { GatewayError } from '../../core/error.ts'
import { repeatsMember } from '../../core/json-span.ts'
import { LIMITS } from '../../core/limits.ts'
import { matchesPattern } from '../../core/principal.ts'
import { hasEffects } from '../effects.ts'
import type { RequestForms } from '../plan.ts'
import { TARGET_HEADER } from '../route-wishes.ts'

/** How one model is cached. */
export interface ModePlan {
  readonly mode: Exclude<CacheMode, 'off'>
  readonly ttlMs: number
}

/** How requests for a model are cached; undefined: not at all. */
export function modeFor(model: Model, name: string, settings: CacheSettings): ModePlan | undefined {
  const { exact, semantic } = settings
  if (!exact.enabled && !semantic.enabled) return undefined
  const rule = settings.models.find(({ match }) => matchesPattern(match, name))
  const wanted = model.cache?.mode ?? rule?.mode ?? (semantic.enabled ? 'semantic' : 'exact')
  if (wanted === 'off') return undefined
  const mode = wanted === 'semantic' && semantic.enabled ? 'semantic' : 'exact'
  if (mode === 'exact' && !exact.enabled) return undefined
  const ttlMs =
    model.cache?.ttlMs ?? rule?.ttlMs ?? (mode === 'semantic' ? semantic.ttlMs : exact.ttlMs)
  return ttlMs > 0 ? { mode, ttlMs } : undefined
}

/** Whether the answer to a request may be kept, as far as the request tells. */
export function isCacheable(forms: RequestForms, settings: CacheSettings): boolean {
  const { inbound, peeked } = forms
  const { body } = peeked
  if (inbound.operation === 'token-count') return false
  if (peeked.bytes.length > LIMITS.cacheRequestBytesMax) return false
  // Whoever names a target means that one; and not everybody may.
  if (inbound.headers.has(TARGET_HEADER)) return false
  if (peeked.earlier !== undefined || hasEffects(inbound, body)) return false
  if (inbound.dialect === 'openai-responses' && leavesSomething(forms)) return false
  if (inbound.dialect === 'openai-chat' && body['store'] === true) return false
  // Two readers could read it in two ways: what one of them answered is no answer to the other's request.
  if (repeatsMember(peeked.bytes, body)) return false
  return !settings.onlyDeterministic || (isReadable(forms) && isDeterministic(forms))
}

/** Answers of the Responses protocol are kept at the provider unless told otherwise, for later requests to go on from. */
function leavesSomething({ peeked: { body } }: RequestForms): boolean {
  return body['store'] !== false || body['previous_response_id'] != null || body['prompt'] != null
}

/** The same answer is to be expected each time: temperature 0 or a seed, one choice. */
function isDeterministic(forms: RequestForms): boolean {
  if (forms.inbound.operation === 'embedding') return true
  const { n, sampling } = forms.decodedChat()
  return (sampling.temperature === 0 || sampling.seed !== undefined) && (n ?? 1) <= 1
}

/** Whether the client's body can be read, which relaying it does not need but an answer from here does. */
export function isReadable(forms: RequestForms): boolean {
  try {
    forms.decoded()
    return true
  } catch (error) {
    if (error instanceof GatewayError) return false
    throw error
  }
}
