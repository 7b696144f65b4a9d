// What is wrong with a store now, in words: the same on both engines.

import type { StoreWatcher } from './change-runs.ts'

interface Writer {
  readonly problem: string | undefined
}

/** In words for the operator; empty while all is well. */
export function storeProblems(parts: {
  readonly watcher: StoreWatcher
  readonly log: Writer
  readonly kept: Writer
}): string[] {
  const { kept, log, watcher } = parts
  return [
    ...(watcher.problem === undefined ? [] : [watcher.problem]),
    ...(log.problem === undefined ? [] : [`The request log is not written (${log.problem}).`]),
    ...(kept.problem === undefined ? [] : [`What is kept is not written (${kept.problem}).`]),
  ]
}
