// Which providers a command is to try, and with which models: those that are named, those behind an alias, or all that there are.

import type { Config } from '../config/config.ts'
import { suggest } from '../config/suggest.ts'
import type { Provider } from '../core/catalog.ts'
import type { Catalog } from '../gateway/snapshot.ts'
import { UsageError } from './command.ts'
import { printable } from './format.ts'

export interface Subject {
  readonly provider: Provider
  /** The provider's own name of a model that is to be asked. */
  readonly model?: string
  /** A local server that may well not be there: that is no failure. */
  readonly isOptional: boolean
}

/**
 * What to try.
 * @param ids of providers; none: all of them, or those that `model` names
 * @param model with one id that provider's own name of a model, else an alias or `provider/model`
 * @throws UsageError for a name that is none
 */
export function chooseSubjects(
  ids: readonly string[],
  model: string | undefined,
  catalog: Catalog,
  config: Pick<Config, 'localCandidates'>,
): Subject[] {
  const candidates = config.localCandidates.filter(({ id }) => !catalog.providers.has(id))
  const providers = new Map(catalog.providers)
  for (const candidate of candidates) providers.set(candidate.id, candidate)
  const named = (id: string, modelName: string | undefined): Subject => {
    const provider = providers.get(id)
    if (provider === undefined) throw new UsageError(unknownText(id, providers.keys()))
    return {
      provider,
      isOptional: false,
      ...(modelName === undefined ? {} : { model: modelName }),
    }
  }
  const [only] = ids
  if (ids.length === 1 && only !== undefined) return [named(only, model)]
  const chosen = [...new Set(ids)].map((id) => named(id, undefined))
  if (model === undefined) {
    if (chosen.length > 0) return chosen
    return [...providers.values()].map((provider) => ({
      provider,
      isOptional: candidates.includes(provider),
    }))
  }
  const asked = behindName(model, catalog, named)
  if (ids.length === 0) return asked
  // Others are tried as well, without a question to a model.
  const others = chosen.filter(({ provider: { id } }) =>
    asked.every(({ provider }) => provider.id !== id),
  )
  return [...asked, ...others]
}

function behindName(
  model: string,
  catalog: Catalog,
  named: (id: string, model: string) => Subject,
): Subject[] {
  const alias = catalog.models.get(model)
  if (alias !== undefined) return alias.targets.map((one) => named(one.providerId, one.model))
  const slash = model.indexOf('/')
  if (slash > 0) return [named(model.slice(0, slash), model.slice(slash + 1))]
  throw new UsageError(
    `No alias is named '${printable(model)}'. Name its provider: weir providers test ID --model MODEL`,
  )
}

function unknownText(id: string, known: Iterable<string>): string {
  const meant = suggest(id, known)
  const question = meant === undefined ? '' : ` Did you mean ${meant}?`
  return `There is no provider '${printable(id)}'.${question}`
}
