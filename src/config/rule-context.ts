// What rules between keys are given, and the one that several of them need: ids that occur twice. The rules themselves are in `rules.ts` and beside
// it.

import { childPath } from './lines.ts'
import type { ProblemList } from './validate.ts'

export interface RuleContext {
  readonly problems: ProblemList
  /** The document had a value here, valid or not. */
  has(path: string): boolean
  /** Ids of providers that exist without being declared in the file. */
  readonly foundProviders: readonly string[]
}

/** Adds a problem for each value that stands in its list before. @param key of the entry; '' where it is the value itself */
export function refuseTwice(
  values: readonly (string | undefined)[],
  path: string,
  key: string,
  problems: ProblemList,
): void {
  const first = new Map<string, number>()
  for (const [index, value] of values.entries()) {
    if (value === undefined) continue
    const earlier = first.get(value)
    if (earlier === undefined) first.set(value, index)
    else {
      const at = key === '' ? childPath(path, index) : childPath(childPath(path, index), key)
      problems.add(at, `is the same as that of ${childPath(path, earlier)}`)
    }
  }
}
