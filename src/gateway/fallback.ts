// The models a request goes on to when no target of the one it asked for answered: by what kept it from being answered, each at most
// once. The operator named them for this model, so whoever may ask for it may be answered by them. It sends nothing.

import { DEFAULT_ROUTING, type FallbackCause, type Model } from '../core/catalog.ts'
import type { ErrorKind, GatewayError } from '../core/error.ts'
import { LIMITS } from '../core/limits.ts'
import type { ModelDirectory } from './catalog.ts'
import { resolve } from './resolve.ts'
import type { Snapshot } from './snapshot.ts'

/** Failures that another model may not have. What is wrong in the request itself is wrong for all of them. */
const CAUSES: Readonly<Partial<Record<ErrorKind, FallbackCause>>> = {
  upstream_rate_limited: 'rate_limited',
  concurrency_limit: 'rate_limited',
  upstream_timeout: 'timed_out',
  context_length: 'context_length',
  content_filter: 'content_filter',
  upstream_error: 'failed',
  upstream_auth: 'failed',
  upstream_bad_response: 'failed',
  upstream_redirect: 'failed',
  upstream_unavailable: 'failed',
  overloaded: 'failed',
  model_not_found: 'failed',
  unsupported: 'failed',
}

/** The lists for a cause, most particular first. A refusal by content rules must be named to be gone round. */
export function fallbacksFor(model: Model, cause: FallbackCause): readonly string[] {
  const { fallbacks } = model.routing ?? DEFAULT_ROUTING
  return fallbacks[cause] ?? (cause === 'content_filter' ? [] : (fallbacks.any ?? []))
}

export class Fallbacks {
  private readonly model: Model
  private readonly snapshot: Snapshot
  private readonly directory: ModelDirectory
  private readonly asked: Set<string>

  constructor(model: Model, snapshot: Snapshot, directory: ModelDirectory) {
    this.model = model
    this.snapshot = snapshot
    this.directory = directory
    this.asked = new Set([model.id])
  }

  /** The next model to ask after this failure; undefined when there is none for it. */
  after(error: GatewayError): { readonly model: Model; readonly cause: FallbackCause } | undefined {
    const cause = CAUSES[error.kind]
    if (cause === undefined || this.asked.size > LIMITS.fallbacksMax) return undefined
    for (const id of fallbacksFor(this.model, cause)) {
      if (this.asked.has(id)) continue
      this.asked.add(id)
      const model = resolve(id, this.snapshot, this.directory)
      if (model !== undefined) return { model, cause }
    }
    return undefined
  }
}
