// Which models a request may be answered by: the one it asks for, and every other that its body names. Whoever may not use
// one learns no more of it than of one that is not there. Nothing has been sent when this is decided.

import type { Model } from '../core/catalog.ts'
import { GatewayError } from '../core/error.ts'
import type { JsonObject } from '../core/json.ts'
import { repeatsMember } from '../core/json-span.ts'
import {
  isModelDenied,
  isOnList,
  isTargetDenied,
  mayAskProvider,
  mayUseEveryModel,
  mayUseModel,
} from '../core/permission.ts'
import type { Principal } from '../core/principal.ts'
import type { ModelDirectory } from './catalog.ts'
import type { GatewayDeps } from './deps.ts'
import { namedBeside } from './named-models.ts'
import type { PeekedBody } from './peek.ts'
import { resolve } from './resolve.ts'
import type { Catalog } from './snapshot.ts'

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
  catalog: Catalog,
  deps: Pick<GatewayDeps, 'directory'>,
): Model {
  const model = allowedModel(name, principal, catalog, deps.directory)
  if (model === undefined) throw modelNotFound(name, 'model')
  if (peeked !== undefined && !mayUseEveryModel(principal)) {
    requireOneReading(peeked)
    requireNamed(peeked.body, name, model, principal)
  }
  return model
}

/**
 * The model behind a name as the principal may use it, without the targets that are denied to it. Undefined for one that is not
 * there, one that it may not use, and one of which nothing is left.
 */
export function allowedModel(
  name: string,
  principal: Principal,
  catalog: Catalog,
  directory: ModelDirectory,
): Model | undefined {
  if (!mayUseModel(principal, name)) return undefined
  const model = resolve(name, catalog, directory)
  return model === undefined ? undefined : reachableModel(model, principal)
}

/**
 * The model that answers in place of another one which the principal may use: the operator has joined the two, so that it needs no
 * permission of its own; but what is denied, or has a list that the principal is not on, stays closed.
 */
export function fallbackModel(
  name: string,
  principal: Principal,
  catalog: Catalog,
  directory: ModelDirectory,
): Model | undefined {
  if (isModelDenied(principal, name)) return undefined
  const model = resolve(name, catalog, directory)
  return model === undefined ? undefined : reachableModel(model, principal)
}

/** The same for a model whose name the principal may use. */
export function reachableModel(model: Model, principal: Principal): Model | undefined {
  if (!isOnList(principal, model)) return undefined
  // Of nearly every request: nothing is copied.
  if (!model.targets.some((target) => isTargetDenied(principal, target))) return model
  const targets = model.targets.filter((target) => !isTargetDenied(principal, target))
  return targets.length === 0 ? undefined : { ...model, targets }
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
  if (peeked === undefined || mayUseEveryModel(principal)) return
  requireNamed(peeked.body, asked, model, principal)
}

/** Every other model in the body: allowed by the name it has there, or as each provider that could be asked has it. */
function requireNamed(body: JsonObject, asked: string, model: Model, principal: Principal): void {
  const providerIds = new Set(model.targets.map(({ providerId }) => providerId))
  const { names, open } = namedBeside(body, asked)
  for (const { name, param } of names) {
    const isAllowed = mayUseModel(principal, name)
    for (const providerId of providerIds) {
      const mayBeAsked =
        (isAllowed && !isTargetDenied(principal, { providerId, model: name })) ||
        mayAskProvider(principal, providerId, [name])
      if (!mayBeAsked) throw modelNotFound(name, param)
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

/** The client's own word for the model, cut, in the sentence that SDK users know: the same for what is not there and not theirs. */
export function modelNotFound(model: string, param: string): GatewayError {
  const shown = model.length > 100 ? `${model.slice(0, 100)}…` : model
  return new GatewayError('model_not_found', {
    param,
    message: `The model '${shown}' does not exist or you do not have access to it.`,
  })
}
