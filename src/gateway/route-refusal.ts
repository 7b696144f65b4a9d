// The error of a request that no target of its model can take, for a reason of the request's own: what it needs, the target or
// the tags it wishes for. What is the targets' own fault (left alone, without a credential) is not here.

import { GatewayError, type ErrorKind, type GatewayErrorOptions } from '../core/error.ts'
import type { RouteRecord } from '../core/outcome.ts'
import type { RouteDecision } from '../core/policy/route-candidate.ts'
import type { RouteAsking } from './routing.ts'
import { TAGS_HEADER, TARGET_HEADER } from './route-wishes.ts'
import { notOffered } from './target-errors.ts'

/** A refusal with the decision it comes of, for the log. */
export class RouteRefused extends GatewayError {
  readonly route: RouteRecord

  constructor(kind: ErrorKind, route: RouteRecord, options: GatewayErrorOptions) {
    super(kind, { ...options, cause: reasonsOf(route) })
    this.route = route
  }
}

/** Why nobody is asked, for the operator. */
function reasonsOf({ candidates }: RouteRecord): string {
  return candidates
    .map(({ model, providerId, reason }) => `${providerId}/${model}: ${reason}`)
    .join('; ')
}

/** The error; undefined where it is not the request that keeps all of them from being asked. */
export function refusalOf(
  asking: RouteAsking,
  { passedOver, record }: RouteDecision,
): GatewayError | undefined {
  const reasons = new Set(passedOver)
  if (reasons.has('open')) return undefined
  const abilities = (['chat', 'vision', 'tools', 'json_schema'] as const).filter((ability) =>
    reasons.has(ability),
  )
  if (reasons.has('context')) {
    return new RouteRefused('context_length', record, {
      message: 'No target of this model that could answer takes a prompt and an answer this long.',
    })
  }
  if (abilities.length > 0) {
    return new RouteRefused('unsupported', record, {
      param: 'model',
      message: `No target of this model takes what the request needs (${abilities.join(', ')}).`,
    })
  }
  if (reasons.has('unoffered')) return notOffered(asking.operation.name)
  if (reasons.has('missing') || !asking.isAskedFor) return undefined
  if (reasons.has('untagged')) {
    return new RouteRefused('invalid_request', record, {
      param: TAGS_HEADER,
      message: `No target of this model has all the tags of '${TAGS_HEADER}'.`,
    })
  }
  if (!reasons.has('unnamed')) return undefined
  return new RouteRefused('invalid_request', record, {
    param: TARGET_HEADER,
    message: `This model has no such target as '${TARGET_HEADER}' names.`,
  })
}
