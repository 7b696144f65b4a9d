// What a guardrail is to everybody: the rule as it is configured, what a check is asked and what it answers, and the verdict that a
// request's record keeps. The checks themselves are in `guardrails/`, what follows from a verdict is the gateway's. Nothing here judges.

import type { JsonObject, JsonValue } from './json.ts'
import type { Origin } from './catalog.ts'

/** What of a request is judged: what the client says, what tools have answered it, what the model says. */
export type GuardStage = 'input' | 'tool_result' | 'output'

export const GUARD_STAGES: readonly GuardStage[] = ['input', 'tool_result', 'output']

/**
 * What follows from a finding. `block` ends the request (or the answer), `mask` replaces what was found, `flag` lets it through and tells
 * in header, row and audit, `observe` lets it through and tells in row and metric alone.
 */
export type GuardMode = 'block' | 'mask' | 'flag' | 'observe'

export const GUARD_MODES = [
  'block',
  'mask',
  'flag',
  'observe',
] as const satisfies readonly GuardMode[]

/** Kinds of checks, by who judges. */
export type GuardCheckKind =
  | 'pii'
  | 'secrets'
  | 'words'
  | 'regex'
  | 'topic'
  | 'injection'
  | 'json_schema'
  | 'length'
  | 'nemo'
  | 'presidio'
  | 'moderation'
  | 'llama_guard'
  | 'shield_gemma'
  | 'webhook'

/** One rule of the policy list. Rules are asked in the order of the list. */
export interface GuardrailRule {
  /** Unique in what one tenant sees; stands in rows, headers, metrics and errors. */
  readonly id: string
  /** Whose it is; absent for one that holds for every tenant, as the file declares them. */
  readonly tenantId?: string
  readonly origin: Origin
  readonly enabled: boolean
  /** Patterns of model names it holds for; absent: every model. */
  readonly models?: readonly string[]
  /** Whose requests it holds for, as access lists say it (`key:ci`, `group:engineers`, …); absent: everybody's. */
  readonly for?: readonly string[]
  /** Whose requests it does not hold for; beats `for`. */
  readonly except?: readonly string[]
  readonly stages: readonly GuardStage[]
  readonly mode: GuardMode
  readonly check: GuardCheckKind
  /** What the check needs to know; each kind has its own members, proven when the rule was read (`guardrails/checks.ts`). */
  readonly options: JsonObject
  /** For one judgement, all tries included. */
  readonly timeoutMs: number
  /** What an unanswered question means: `closed` refuses the request, `open` lets it through and says so in header, row and audit. */
  readonly onFailure: 'closed' | 'open'
  /** Where text streams: how many characters are held back until they are judged. */
  readonly windowChars: number
}

/** Who said a text, and what kind of text it is. */
export interface GuardText {
  readonly text: string
  readonly role: 'system' | 'user' | 'assistant' | 'tool'
  /** `tool_input` is JSON text of a call's arguments; `data` is what stands in no message (embedding inputs, raw bodies). */
  readonly kind: 'text' | 'thinking' | 'refusal' | 'tool_input' | 'tool_result' | 'data'
}

/** What a check is asked. */
export interface GuardQuestion {
  readonly stage: GuardStage
  /** Those to judge, in the order of the conversation. */
  readonly texts: readonly GuardText[]
  /** What was said before, for checks that judge an answer by its question; empty where nothing is known. */
  readonly context: readonly GuardText[]
  readonly tenantId: string
  readonly requestId: string
  /** The model the client asks for. */
  readonly model: string
  /** Aborts at the rule's deadline or when the client leaves. */
  readonly signal: AbortSignal
  /** For checks that ask a model: in the name of whoever asks. */
  readonly ask?: GuardModelCaller
}

/** A place in one of the texts. */
export interface GuardSpan {
  /** Index in `texts`. */
  readonly text: number
  /** UTF-16 offsets. */
  readonly start: number
  readonly end: number
  /** What it is: `email`, `card`, …; becomes part of the placeholder. */
  readonly label: string
}

/** What a check answers. `hit` without spans concerns the texts as a whole: there is nothing that could be masked. */
export interface GuardJudgement {
  readonly hit: boolean
  /** Names of what was found, of a bounded vocabulary; never the text that was found. */
  readonly categories: readonly string[]
  readonly spans?: readonly GuardSpan[]
  /** The texts as the check wants them, where it rewrote them (NeMo, webhook); as many as were asked. */
  readonly rewritten?: readonly string[]
  /** 0 to 1, where the check tells. */
  readonly score?: number
}

/** A rule whose check is ready to be asked. */
export interface Guard {
  readonly rule: GuardrailRule
  /** Placeholders can be restored in the answer. */
  readonly reversible: boolean
  /**
   * How much of a text that is still streaming may be judged on its own: a check of `piece` finds whatever lies within the window, one of
   * `whole` needs everything (JSON schema, least length) and is asked at the end with all of it held back.
   */
  readonly sees: 'piece' | 'whole'
  /**
   * Judges; at once where nothing outside has to be asked.
   * @throws GatewayError `guardrail_unavailable` or any other where there is no answer, which `onFailure` decides about
   */
  judge(question: GuardQuestion): GuardJudgement | Promise<GuardJudgement>
  /** The rule is gone: what it held is let go. */
  close?(): void
}

/** Asks a model of this gateway for a check: authorised, limited, priced and recorded like any request, but never guarded itself. */
export interface GuardModelCaller {
  /** @returns the answer's text. @throws GatewayError */
  chat(asked: {
    readonly model: string
    readonly messages: readonly {
      readonly role: 'system' | 'user' | 'assistant'
      readonly content: string
    }[]
    readonly maxTokens: number
    /** Of the first token, where the check reads probabilities. */
    readonly logprobs?: number
    readonly signal: AbortSignal
  }): Promise<{
    readonly text: string
    /** Of the first token and its alternatives, where asked for and told. */
    readonly first?: readonly { readonly token: string; readonly logprob: number }[]
  }>
  /** @returns the answer of OpenAI's `/v1/moderations`, as it came. @throws GatewayError */
  moderate(asked: {
    readonly model: string
    readonly texts: readonly string[]
    readonly signal: AbortSignal
  }): Promise<JsonValue>
  /** @returns one vector for each text. @throws GatewayError */
  embed(asked: {
    readonly model: string
    readonly texts: readonly string[]
    readonly signal: AbortSignal
  }): Promise<readonly (readonly number[])[]>
}

/** What became of one rule in one request, for the record. Holds no text of the request. */
export interface GuardrailVerdict {
  readonly ruleId: string
  readonly check: GuardCheckKind
  readonly stage: GuardStage
  /** `pass` nothing found; `failed-open` nobody answered and it was let through; `failed-closed` the same and it was refused. */
  readonly verdict:
    'pass' | 'blocked' | 'masked' | 'flagged' | 'observed' | 'failed-open' | 'failed-closed'
  readonly categories: readonly string[]
  /** Of all judgements of this rule at this stage together. */
  readonly durationMs: number
  /** Milliseconds after the request arrived at which the first one began. */
  readonly startedMs: number
  /** How often it was asked; streams ask once for each window. */
  readonly asked: number
}
