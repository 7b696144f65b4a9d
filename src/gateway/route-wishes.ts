// What a client says about the way of its request, in header fields: the target it names, tags, its session. Read strictly: a wish
// that is not understood is refused, for a request that goes elsewhere than its client said is worse than none.

import { GatewayError } from '../core/error.ts'
import { LIMITS } from '../core/limits.ts'
import { can } from '../core/permission.ts'
import type { TargetPin } from '../core/policy/route-candidate.ts'
import type { Principal } from '../core/principal.ts'

export const TARGET_HEADER = 'x-weir-target'
export const TAGS_HEADER = 'x-weir-tags'
export const SESSION_HEADER = 'x-session-id'

export interface RouteWishes {
  readonly pin?: TargetPin | undefined
  readonly tags?: readonly string[] | undefined
}

/** Letters, digits, `.`, `_` and `-`, as the configuration has it. */
const TAG = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/

// oxlint-disable-next-line no-control-regex
const UNSAFE = /[\u0000-\u001f\u007f]/

/**
 * The target and the tags that a client asks for; undefined when it asks for neither.
 * @throws GatewayError `permission` where the caller may not name targets, `invalid_request` naming the field
 */
export function wishesOf(headers: Headers, principal: Principal): RouteWishes | undefined {
  const target = headers.get(TARGET_HEADER)
  const tags = headers.get(TAGS_HEADER)
  if (target === null && tags === null) return undefined
  return {
    pin: target === null ? undefined : pinOf(target, principal),
    tags: tags === null ? undefined : tagsOf(tags),
  }
}

function pinOf(value: string, principal: Principal): TargetPin {
  if (!can(principal, 'target.pin')) {
    throw new GatewayError('permission', {
      param: TARGET_HEADER,
      message: `This credential may not choose the target of a request ('${TARGET_HEADER}').`,
    })
  }
  return readPin(value, TARGET_HEADER)
}

/** `provider` or `provider/model`. @param from the field it stands in @throws GatewayError `invalid_request` naming it */
export function readPin(value: string, from: string): TargetPin {
  const text = value.trim()
  if (text.length > LIMITS.routeHeaderCharsMax || UNSAFE.test(text))
    throw malformed(from, 'a target')
  const slash = text.indexOf('/')
  if (text === '' || slash === 0 || slash === text.length - 1) {
    throw malformed(from, "'provider' or 'provider/model'")
  }
  if (slash < 0) return { providerId: text }
  return { providerId: text.slice(0, slash), model: text.slice(slash + 1) }
}

function tagsOf(value: string): string[] {
  if (value.length > LIMITS.routeHeaderCharsMax) throw malformed(TAGS_HEADER, 'a few words')
  return readTags(value.split(','), TAGS_HEADER)
}

/** Words for tags. @param from the field they stand in @throws GatewayError `invalid_request` naming it */
export function readTags(words: readonly string[], from: string): string[] {
  const tags = words.map((word) => word.trim())
  if (tags.length > LIMITS.routeTagsMax || !tags.every((tag) => TAG.test(tag))) {
    throw malformed(from, `at most ${LIMITS.routeTagsMax} words with commas between them`)
  }
  return [...new Set(tags)]
}

/**
 * The session a client says its request is of; undefined when it says none.
 * @throws GatewayError `invalid_request` for a value that is none
 */
export function sessionOf(headers: Headers): string | undefined {
  const value = headers.get(SESSION_HEADER)?.trim()
  if (value === undefined || value === '') return undefined
  if (value.length <= LIMITS.routeHeaderCharsMax && !UNSAFE.test(value)) return value
  throw malformed(SESSION_HEADER, 'a session id')
}

/** The client's value is not repeated: it may be anything. */
function malformed(from: string, wanted: string): GatewayError {
  return new GatewayError('invalid_request', {
    param: from,
    message: `Invalid value for '${from}': expected ${wanted}.`,
  })
}
