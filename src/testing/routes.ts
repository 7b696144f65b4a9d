// Targets, needs and questions for tests of routing, with everything unsaid as a plain chat to healthy targets has it.

import { DEFAULT_ROUTING, type RoutingSettings, type Target } from '../core/catalog.ts'
import type { RouteNeeds, RouteQuestion, RouteTarget } from '../core/policy/route-candidate.ts'

export const PLAIN_NEEDS: RouteNeeds = {
  vision: false,
  tools: false,
  jsonSchema: false,
  form: 'chat',
  tokensMax: 10,
  tokensMin: 10,
  inputTokens: 10,
  outputTokens: 10,
}

/** A target named by its provider; its model is always `m`. */
export function targetOf(providerId: string, over: Partial<Target> = {}): Target {
  return { providerId, model: 'm', order: 0, weight: 1, ...over }
}

export interface CandidateOver extends Partial<Omit<RouteTarget, 'target' | 'health'>> {
  readonly target?: Partial<Target>
  readonly health?: Partial<RouteTarget['health']>
}

export function candidateOf(providerId: string, over: CandidateOver = {}): RouteTarget {
  const { health, target, ...more } = over
  return {
    learned: {},
    ...more,
    target: targetOf(providerId, target),
    health: { circuit: 'closed', opensInMs: 0, running: 0, ...health },
  }
}

export interface QuestionOver extends Partial<Omit<RouteQuestion, 'routing' | 'needs'>> {
  readonly routing?: Partial<RoutingSettings>
  readonly needs?: Partial<RouteNeeds>
}

/** A question whose chance is always 0.5, on the first turn. */
export function questionOf(
  candidates: readonly RouteTarget[],
  over: QuestionOver = {},
): RouteQuestion {
  const { needs, routing, ...more } = over
  return {
    model: 'fast',
    random: () => 0.5,
    turn: 0,
    ...more,
    candidates,
    routing: { ...DEFAULT_ROUTING, ...routing },
    needs: { ...PLAIN_NEEDS, ...needs },
  }
}
