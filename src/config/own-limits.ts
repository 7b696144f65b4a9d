// Turns the limits and the budget that a key has of its own into the words of the core. Pure; what is absent stays absent.

import type { LimitAmounts, OwnLimits } from '../core/money.ts'
import { NANO_PER_USD } from '../core/nano-usd.ts'
import type { KeySettings } from './schema-catalog.ts'

type Amounts = NonNullable<KeySettings['limits']>

/** The amounts that are given. */
export function toAmounts(values: Amounts): LimitAmounts {
  return Object.fromEntries(
    Object.entries({
      requestsPerMinute: values.requests_per_minute,
      requestsPerHour: values.requests_per_hour,
      requestsPerDay: values.requests_per_day,
      tokensPerMinute: values.tokens_per_minute,
      tokensPerHour: values.tokens_per_hour,
      tokensPerDay: values.tokens_per_day,
      concurrent: values.concurrent,
    }).filter(([, value]) => value !== undefined),
  )
}

/** @param from where it is declared; absent: in the file */
/** Undefined where a key has neither limits nor a budget of its own. */
export function toOwnLimits({ budget, limits }: KeySettings): OwnLimits | undefined {
  if (limits === undefined && budget === undefined) return undefined
  return {
    ...(limits === undefined ? {} : { limits: toAmounts(limits) }),
    ...(budget === undefined
      ? {}
      : {
          budget: {
            nanoUsd: Math.round(budget.usd * NANO_PER_USD),
            window: budget.window,
            action: budget.action,
          },
        }),
  }
}
