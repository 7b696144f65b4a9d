// Whether keys, models, limits and budgets mean something together: somebody can get in and nobody else can, an alias leads somewhere, a rule
// concerns something that is there. It judges what was read and asks nobody.

import type { Config } from '../config/config.ts'
import type { ApiKey, Model } from '../core/catalog.ts'
import type { BudgetRule, LimitRule } from '../core/money.ts'
import { matchesPattern } from '../core/principal.ts'
import type { Catalog } from '../gateway/snapshot.ts'
import { isLoopbackName } from '../server/host-guard.ts'
import { type Finding, StepFailure } from './doctor-steps.ts'
import { counted, formatDate, printable } from './format.ts'

const KEY_WARNING_MS = 14 * 24 * 60 * 60_000

/** @throws StepFailure when nobody could get in, or a start would be refused */
export function keysFinding(config: Config, keys: readonly ApiKey[], nowMs: number): Finding {
  const { auth, server } = config
  const usable = keys.filter(
    ({ expiresMs, revokedMs }) =>
      revokedMs === undefined && (expiresMs === undefined || expiresMs > nowMs),
  )
  const isLocal = isLoopbackName(server.host)
  const isShut = usable.length === 0 && (auth.anonymous === 'never' || !isLocal)
  if (isShut) {
    const reason =
      keys.length === 0
        ? 'there is no API key, and nobody is let in without one'
        : `no API key is valid any more (${counted(keys.length, 'key')})`
    const advice = { reason, todo: 'Make one: weir keys create NAME' }
    const hasLogin = auth.local || auth.issuers.length > 0
    // A start is refused where everybody on a network would be nobody; else people who log in can make the first key.
    if (!hasLogin || auth.anonymous === 'loopback') throw new StepFailure(advice)
    return { result: 'people who log in alone', warning: advice }
  }
  const result =
    usable.length === 0 ? 'none; this machine needs none' : counted(usable.length, 'key')
  const soon = usable.filter(({ expiresMs }) => (expiresMs ?? Infinity) < nowMs + KEY_WARNING_MS)
  if (soon.length > 0) {
    const named = soon.map(({ expiresMs, name }) => `${name} on ${formatDate(expiresMs ?? 0)}`)
    return {
      result,
      warning: {
        reason: `ends within two weeks: ${named.join(', ')}`,
        todo: 'Make another in time: weir keys rotate NAME',
      },
    }
  }
  if (auth.anonymous === 'loopback' && isLocal && server.publicUrl !== undefined) {
    return {
      result,
      warning: {
        reason:
          'whoever comes through the proxy behind server.public_url is told from this machine by its x-forwarded-for alone',
        todo: 'Set auth.anonymous: never.',
      },
    }
  }
  return result
}

/** @throws StepFailure for aliases that lead nowhere */
export function modelsFinding({ models, providers }: Catalog): Finding {
  if (models.size === 0) return { skipped: 'no alias is declared' }
  const lost = [...models.values()].flatMap(({ id, targets }) =>
    targets
      .filter(({ providerId }) => !providers.has(providerId))
      .map(({ providerId }) => ({ id, providerId })),
  )
  const dead = [...models.values()].filter(({ targets }) =>
    targets.every(({ providerId }) => !providers.has(providerId)),
  )
  if (dead.length > 0) {
    const [first] = dead
    throw new StepFailure({
      reason: `no provider is there for ${dead.map(({ id }) => id).join(', ')}`,
      todo: `Declare the provider ${first?.targets[0]?.providerId ?? ''}, or delete the alias.`,
    })
  }
  const result = `${models.size} ${models.size === 1 ? 'alias' : 'aliases'}`
  if (lost.length > 0) {
    const named = lost.map(({ id, providerId }) => `${id} → ${providerId}`)
    return {
      result,
      warning: {
        reason: `targets without a provider: ${named.join(', ')}`,
        todo: 'Declare the provider, or take the target out of the alias.',
      },
    }
  }
  const strays = [...models.values()].flatMap((model) =>
    fallbacksOf(model)
      .filter((name) => !isKnown(name, models, providers))
      .map((name) => `${model.id} → ${name}`),
  )
  if (strays.length === 0) return result
  return {
    result,
    warning: {
      reason: `fallbacks to nothing: ${strays.join(', ')}`,
      todo: 'Correct the name in routing.fallbacks.',
    },
  }
}

function fallbacksOf({ routing }: Model): readonly string[] {
  return [...new Set(Object.values(routing?.fallbacks ?? {}).flat())]
}

function isKnown(
  name: string,
  models: ReadonlyMap<string, unknown>,
  providers: ReadonlyMap<string, unknown>,
): boolean {
  return models.has(name) || providers.has(name.slice(0, Math.max(name.indexOf('/'), 0)))
}

export interface Rules {
  readonly limits: readonly LimitRule[]
  readonly budgets: readonly BudgetRule[]
}

/** Rules that let nothing through, and rules that concern nothing there is. */
export function rulesFinding(
  { budgets, limits }: Rules,
  { models, providers }: Catalog,
  keys: readonly ApiKey[],
): Finding {
  if (limits.length + budgets.length === 0) return { skipped: 'none declared' }
  const result = `${counted(limits.length, 'limit')}, ${counted(budgets.length, 'budget')}`
  const shut = [
    ...limits
      .filter(({ amounts }) => Object.values(amounts).includes(0))
      .map((rule) => `limit per ${nameOf(rule)}`),
    ...budgets
      .filter(({ action, nanoUsd }) => nanoUsd === 0 && action === 'block')
      .map((rule) => `budget per ${nameOf(rule)}`),
  ]
  if (shut.length > 0) {
    return {
      result,
      warning: {
        reason: `let nothing through: ${shut.join(', ')}`,
        todo: 'Leave an amount away where there is to be no bound; 0 refuses every request.',
      },
    }
  }
  const names: Readonly<Record<string, readonly string[]>> = {
    // A model may be asked for as provider/model without an alias.
    model: [...models.keys(), ...[...providers.keys()].map((id) => `${id}/`)],
    provider: [...providers.keys()],
    key: keys.flatMap(({ id, name }) => [id, name]),
  }
  const idle = [...limits, ...budgets].filter(({ only, per }) => {
    const known = names[per]
    if (only === undefined || known === undefined) return false
    return !known.some(
      (name) => matchesPattern(only, name) || (name.endsWith('/') && only.startsWith(name)),
    )
  })
  if (idle.length === 0) return result
  return {
    result,
    warning: {
      reason: `concern nothing there is: per ${idle.map(nameOf).join(', per ')}`,
      todo: 'Correct the name in `only`, or delete the rule.',
    },
  }
}

function nameOf({ only, per }: { readonly per: string; readonly only?: string }): string {
  return only === undefined ? per : `${per} ${printable(only)}`
}
