// Which models a request may be answered by: the one it asks for, and every other that its body names. Whoever may not use
// one learns no more of it than of one that is not there. Nothing has been sent when this is decided.

import type { Model } from '../core/catalog.ts'
import { GatewayError } from '../core/error.ts'
import type { JsonObject } from '../core/json.ts'
import { repeatsMember } from '../core/json-span.ts'
import { mayAskProvider, mayUseModel } from '../core/permission.ts'
import type { Principal } from '../core/principal.ts'
import type { GatewayDeps } from './deps.ts'
import { namedBeside } from './named-models.ts'
import type { PeekedBody } from './peek.ts'
import { resolve } from './resolve.ts'
import type { Snapshot } from './snapshot.ts'

/**
 * The model of that name that the caller may use.
 * @param peeked the body that asks, where it is JSON: what it names beside the model must be allowed as well
 * @throws GatewayError `model_not_found`, the same for "no such model" and "not yours"; `invalid_json` for a restricted
 * caller's body that two readers could read in two ways
 */
export function requireModel(
  name: string,
  peeked: PeekedBody | undefined,
  principal: Principal,
  snapshot: Snapshot,
  deps: Pick<GatewayDeps, 'directory'>,
): Model {
  const model = resolve(name, snapshot, deps.directory)
  if (model === undefined || !mayUseModel(principal, name)) throw modelNotFound(name, 'model')
  if (principal.models !== undefined && peeked !== undefined) {
    requireOneReading(peeked)
    requireNamed(peeked.body, name, model, principal)
  }
  return model
}

/**
 * The same for what is named beside the model, for another model that is asked in its place: its providers are others.
 * @throws GatewayError `model_not_found`
 */
export function requireBeside(
  model: Model,
  peeked: PeekedBody | undefined,
  asked: string,
  principal: Principal,
): void {
  if (principal.models === undefined || peeked === undefined) return
  requireNamed(peeked.body, asked, model, principal)
}

/** Every other model in the body: allowed by the name it has there, or as each provider that could be asked has it. */
function requireNamed(body: JsonObject, asked: string, model: Model, principal: Principal): void {
  const providerIds = new Set(model.targets.map(({ providerId }) => providerId))
  const { names, open } = namedBeside(body, asked)
  for (const { name, param } of names) {
    if (mayUseModel(principal, name)) continue
    for (const id of providerIds) {
      if (!mayAskProvider(principal, id, [name])) throw modelNotFound(name, param)
    }
  }
  if (open === undefined) return
  for (const id of providerIds) {
    if (mayAskProvider(principal, id, [])) continue
    throw new GatewayError('model_not_found', {
      param: open,
      message: `'${open}' lets the provider choose among models that you may not have access to.`,
    })
  }
}

/**
 * Holds the body of a restricted caller to one way of being read.
 * @throws GatewayError `invalid_json` where a member is named twice: the provider may read the one that was not judged
 */
export function requireOneReading({ bytes, body }: PeekedBody): void {
  if (!repeatsMember(bytes, body)) return
  throw new GatewayError('invalid_json', { message: 'The body names a member twice.' })
}

/** The client's own word for the model, cut, in the sentence that SDK users know. */
function modelNotFound(model: string, param: string): GatewayError {
  const shown = model.length > 100 ? `${model.slice(0, 100)}…` : model
  return new GatewayError('model_not_found', {
    param,
    message: `The model '${shown}' does not exist or you do not have access to it.`,
  })
}
