// Whether a text would be a configuration, for whoever has made one and is about to hand it on. Nothing is taken over; of files only those that
// the text names are looked at.

import { join } from 'node:path'
import { readSettings } from './load.ts'
import { ConfigError, type ConfigProblem } from './problem.ts'
import { parseConfigText } from './read.ts'
import type { Surroundings } from './surroundings.ts'

/** What keeps the YAML of a `weir.yaml` from being one, in the same words as a file's; empty where nothing does. */
export function problemsOf(text: string, surroundings: Surroundings): readonly ConfigProblem[] {
  const label = 'weir.yaml'
  const path = join(surroundings.workingFolder, label)
  try {
    const value = parseConfigText(text, 'yaml', label)
    readSettings(
      { path, label, format: 'yaml', text, hash: '', modifiedMs: 0, value },
      {},
      surroundings,
    )
    return []
  } catch (error) {
    if (error instanceof ConfigError) return error.problems
    throw error
  }
}
