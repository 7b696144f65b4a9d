// One model as somebody declares it outside the file, by the same table and rules as `models` of `weir.yaml`: what the file refuses is
// refused here in the same words. It reads no reference: a `${…}` in it is text.

import type { Model } from '../core/catalog.ts'
import type { JsonObject } from '../core/json.ts'
import { toModel } from './catalog.ts'
import type { Unproven } from './node.ts'
import type { ConfigProblem } from './problem.ts'
import { checkOverrides } from './rules.ts'
import { MODEL, type ModelSettings } from './schema-catalog.ts'
import { ProblemList, validateSection } from './validate.ts'

/** A model, or what is wrong with it; paths are those of `declared`. */
export type DeclaredModel =
  | { readonly model: Model; readonly problems?: never }
  | { readonly model?: never; readonly problems: readonly ConfigProblem[] }

/** Reads one entry of `models` that comes from the store's side. @param declared null stands for absent */
export function readDeclaredModel(declared: JsonObject): DeclaredModel {
  const problems = new ProblemList()
  const settings = validateSection(MODEL, declared, '', {
    folder: '/',
    platform: process.platform,
    problems,
    references: new Map(),
    refused: new Set<string>(),
    overrides: new Map(),
    origin: 'file',
    origins: new Map(),
  })
  checkOverrides(settings as Unproven<ModelSettings>, '', problems)
  if (problems.count > 0) return { problems: problems.list() }
  return { model: toModel(settings as unknown as ModelSettings, 'store') }
}
