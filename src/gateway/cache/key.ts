// Under which name the answer to a request is kept: a hash of everything that may change the answer, and of who may have it. The tenant is
// always part of it, and so is how the model is made up at the moment: an alias that was changed answers nothing from before.

import type { CacheScope } from '../../core/answer-cache.ts'
import type { Model } from '../../core/catalog.ts'
import { providerUid } from '../../core/catalog.ts'
import { callerOf, type Principal } from '../../core/principal.ts'
import { forwardedHeaders } from '../headers.ts'
import type { RequestForms } from '../plan.ts'
import { TAGS_HEADER } from '../route-wishes.ts'
import type { Catalog } from '../snapshot.ts'
import { canonicalBody } from './canonical.ts'

/** Changes with the form of what is kept, so that another version of this program finds nothing it cannot read. */
const FORM = 1

/**
 * Who shares answers with whoever asks. Undefined: everybody of the tenant. Whom nothing names, at this machine, is one of them alone.
 */
export function ownerOf(principal: Principal, scope: CacheScope): string | undefined {
  if (scope === 'tenant') return undefined
  const { serviceId, userId } = principal
  if (scope === 'user') {
    if (userId !== undefined) return `user:${userId}`
    if (serviceId !== undefined) return `service:${serviceId}`
  }
  const caller = callerOf(principal)
  // File keys and rows have ids of their own; none can look like the others'.
  if (principal.keyId !== undefined) return `key:${principal.keyId}`
  return caller ?? 'anonymous'
}

/**
 * The name of a request.
 * @param body its canonical text; that of the semantic cache's bucket leaves out what is compared by meaning
 * @returns SHA-256 in hexadecimal
 */
export function cacheKey(
  forms: RequestForms,
  catalog: Catalog,
  owner: string | undefined,
  body: string,
): string {
  const { inbound, model, peeked } = forms
  const { dialect, headers, hints, operation, principal } = inbound
  return hashOf(
    JSON.stringify([
      FORM,
      principal.tenantId,
      owner ?? null,
      dialect,
      operation,
      hints.legacy === true,
      hints.batch === true,
      peeked.model,
      versionOf(model, catalog),
      forwardedHeaders(headers),
      headers.get(TAGS_HEADER),
      body,
    ]),
  )
}

/** The canonical text of a request; undefined for one that has none. */
export function bodyText({ inbound, peeked }: RequestForms): string | undefined {
  return canonicalBody(peeked.body, inbound.dialect)
}

/** Models and catalogues are one object each until something changes. */
const versions = new WeakMap<Catalog, WeakMap<Model, string>>()

/** How a model is made up: who may answer it, with which settings, at which address. */
function versionOf(model: Model, catalog: Catalog): string {
  let ofCatalog = versions.get(catalog)
  if (ofCatalog === undefined) versions.set(catalog, (ofCatalog = new WeakMap()))
  let version = ofCatalog.get(model)
  if (version === undefined) {
    const providers = model.targets.map(({ providerId }) => {
      const provider = catalog.providers.get(providerId)
      if (provider === undefined) return providerId
      const { apiVersion, baseUrl, compatible, configId, context, headers, region, type } = provider
      // By name: a member that is not there must not look like one that was put in its place.
      return [
        providerUid(provider),
        { apiVersion, baseUrl, compatible, configId, context, headers, region, type },
      ]
    })
    version = hashOf(JSON.stringify([model.id, model.targets, model.defaults, providers]))
    ofCatalog.set(model, version)
  }
  return version
}

function hashOf(text: string): string {
  return Bun.SHA256.hash(text, 'hex')
}
