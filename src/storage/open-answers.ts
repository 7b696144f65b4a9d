// What a store gives the response cache: a place for answers in the log store, with a queue and bounds of its own, and what seals them
// wherever they lie. Both engines open it alike.

import { AnswerSeal } from './answer-seal.ts'
import type { QueryBuilder, StoreDatabase } from './atomically.ts'
import { ANSWERS_ALONE, Kept, type KeptOptions } from './kept.ts'
import { StoredAnswers } from './stored-answers.ts'

export interface AnswerPlace {
  readonly answers: StoredAnswers
  readonly answerSeal: AnswerSeal
}

/** @param options as those of the store's other `Kept` */
export function openAnswers(
  database: StoreDatabase,
  queries: QueryBuilder,
  options: KeptOptions,
): AnswerPlace {
  const answerSeal = new AnswerSeal(options.keyring)
  const kept = new Kept(database, queries, { ...options, ...ANSWERS_ALONE })
  return { answers: new StoredAnswers(kept, answerSeal), answerSeal }
}
