// Whether one target may be asked by one request: the target that the client named, tags, what the operator declares it can do,
// its circuit, and what is only heard of it. Pure. What it says is kept in the log, so it tells nothing of a request's content.

import type { Target } from '../catalog.ts'
import { LIMITS } from '../limits.ts'
import type {
  Ability,
  LearnedFacts,
  PassedOver,
  RouteNeeds,
  RouteQuestion,
  RouteTarget,
  TargetPin,
} from './route-candidate.ts'

export type Verdict =
  /** A note is what is to be said of it beside its place. */
  | { readonly place: 'among'; readonly note?: string }
  | { readonly place: 'behind'; readonly note: string }
  | { readonly place: 'passed over'; readonly why: PassedOver; readonly reason: string }

const AMONG: Verdict = { place: 'among' }

/**
 * The verdict on one target. One that the client named is asked whatever is said against it: whoever may name targets may try
 * them, and only its own circuit still stops it.
 */
export function judge(candidate: RouteTarget, question: RouteQuestion): Verdict {
  const { health, target, unusable } = candidate
  const { needs, pin, tags } = question
  if (pin !== undefined && !isPinned(target, pin)) {
    return { place: 'passed over', why: 'unnamed', reason: 'not the target that was named' }
  }
  const missing = tags?.find((tag) => target.tags?.includes(tag) !== true)
  if (missing !== undefined) {
    return { place: 'passed over', why: 'untagged', reason: 'without the tags that were asked for' }
  }
  if (unusable !== undefined) {
    return { place: 'passed over', why: unusable.kind, reason: unusable.reason }
  }
  const isOpen = health.circuit === 'open'
  if (pin !== undefined)
    return isOpen ? { place: 'among', note: restText(health.opensInMs) } : AMONG
  const lacks = declaredLack(target, needs)
  if (lacks !== undefined) return { place: 'passed over', ...lacks }
  if (isOpen) return { place: 'passed over', why: 'open', reason: restText(health.opensInMs) }
  const doubt = learnedDoubt(candidate.learned, target, needs)
  if (doubt !== undefined) return { place: 'behind', note: doubt }
  return health.circuit === 'half_open'
    ? { place: 'among', note: 'tried again after it failed' }
    : AMONG
}

/** Whether a target is the one that was named. */
export function isPinned(target: Target, pin: TargetPin): boolean {
  return (
    target.providerId === pin.providerId && (pin.model === undefined || target.model === pin.model)
  )
}

function restText(opensInMs: number): string {
  return `left alone for another ${Math.max(1, Math.ceil(opensInMs / 1_000))} s`
}

const DECLARED: readonly (readonly [
  Ability,
  (target: Target) => boolean | undefined,
  (needs: RouteNeeds) => boolean,
])[] = [
  ['chat', ({ abilities }) => abilities?.chat, (needs) => needs.form === 'chat'],
  ['vision', ({ abilities }) => abilities?.vision, (needs) => needs.vision],
  ['tools', ({ abilities }) => abilities?.tools, (needs) => needs.tools],
  ['json_schema', ({ abilities }) => abilities?.jsonSchema, (needs) => needs.jsonSchema],
]

/** What the operator says that it cannot do and the request needs. The request is looked at last: that is what costs. */
function declaredLack(
  target: Target,
  needs: RouteNeeds,
): { readonly why: PassedOver; readonly reason: string } | undefined {
  if (target.abilities === undefined) return undefined
  for (const [ability, can, isNeeded] of DECLARED) {
    if (can(target) === false && isNeeded(needs)) {
      return { why: ability, reason: `declared without ${ability}` }
    }
  }
  const { contextWindow } = target.abilities
  if (contextWindow === undefined || fits(contextWindow, needs)) return undefined
  return { why: 'context', reason: `declared context of ${contextWindow} tokens is too short` }
}

/** What speaks against a target by word of others, where the operator says nothing. */
function learnedDoubt(
  learned: LearnedFacts,
  { abilities }: Target,
  needs: RouteNeeds,
): string | undefined {
  if (learned.gone === true) return 'its provider has taken it away'
  if (learned.chat === false && abilities?.chat === undefined && needs.form !== undefined) {
    return 'its provider lists it without completion'
  }
  if (learned.vision === false && abilities?.vision === undefined && needs.vision) {
    return 'its provider lists it without vision'
  }
  if (learned.tools === false && abilities?.tools === undefined && needs.tools) {
    return 'its provider lists it without tools'
  }
  if (needs.tokensMax <= LIMITS.routeSmallTokensMax || abilities?.contextWindow !== undefined) {
    return undefined
  }
  const { contextWindow } = learned
  if (contextWindow === undefined || fits(contextWindow, needs)) return undefined
  return `its context of ${contextWindow} tokens is too short`
}

/** Nothing is counted where everything would fit anyway. */
function fits(contextWindow: number, needs: RouteNeeds): boolean {
  return needs.tokensMax <= contextWindow || needs.tokensMin <= contextWindow
}
