// Every name that a request for a model concerns: as it is asked for, and where it may be sent. A rule for some models holds for an alias that
// leads to one of them, whoever made the alias.

import type { ModelDirectory } from '../catalog.ts'
import { resolve } from '../resolve.ts'
import type { Catalog } from '../snapshot.ts'

/** The name itself first, then `provider/model` of its targets, then the same of models it falls back to. */
export function concernedNames(
  asked: string,
  catalog: Catalog,
  directory: ModelDirectory,
): readonly string[] {
  const names = new Set<string>()
  const visit = (name: string): void => {
    if (names.has(name)) return
    names.add(name)
    const model = resolve(name, catalog, directory)
    for (const { model: own, providerId } of model?.targets ?? []) names.add(`${providerId}/${own}`)
    for (const fallback of Object.values(model?.routing?.fallbacks ?? {}).flat()) visit(fallback)
  }
  visit(asked)
  return [...names]
}
