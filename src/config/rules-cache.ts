// Rules between the keys of the response cache, which no single node of the schema can hold: a place needs its address, and comparing by
// meaning needs a model. They run on whatever was valid.

import type { Unproven } from './node.ts'
import type { RuleContext } from './rule-context.ts'
import type { Settings } from './schema.ts'

/** Adds a problem for every rule that is broken. */
export function checkCache(
  { cache, redis }: Unproven<Settings>,
  { has, problems }: RuleContext,
): void {
  const isOn = cache?.exact?.enabled === true || cache?.semantic?.enabled === true
  if (isOn && cache.exact?.store === 'redis' && redis?.url === undefined && !has('redis.url')) {
    problems.add('cache.exact.store', 'needs `redis.url`')
  }
  const { semantic } = cache ?? {}
  if (semantic?.enabled === true && semantic.model === undefined && !has('cache.semantic.model')) {
    problems.add('cache.semantic.enabled', 'needs `cache.semantic.model`, an embedding model')
  }
}
