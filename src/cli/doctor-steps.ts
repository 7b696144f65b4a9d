// One step of a diagnosis: what was tried, how long it took, and what came of it or what to do; and how it is shown to a person and to a
// program. It tries nothing itself.

import { GatewayError } from '../core/error.ts'
import type { Output } from './command.ts'
import { formatMs, printable } from './format.ts'
import type { Advice } from './provider-advice.ts'

export type StepState =
  | 'ok'
  /** It works, and something about it should be known. */
  | 'warning'
  | 'failed'
  /** Not tried, for the reason told. */
  | 'skipped'
  /** Not tried, because something before it failed. */
  | 'not_reached'

export interface Step {
  readonly name: string
  /** Which of several: a masked key. */
  readonly label?: string
  readonly state: StepState
  readonly durationMs: number
  /** What came of it; absent when it failed. */
  readonly result?: string
  /** Of a failure or a warning. */
  readonly failure?: Advice
}

/** A step that failed, with the words for it. */
export class StepFailure extends Error {
  readonly advice: Advice
  constructor(advice: Advice) {
    super(advice.reason)
    this.advice = advice
  }
}

/** Why there was no answer from a place, as a person would say it: its kind tells no more than that our own time for it was over. */
export function unreached(error: unknown): string {
  const kind = error instanceof GatewayError ? error.kind : 'unknown'
  const isLate = kind === 'client_closed' || kind === 'upstream_timeout'
  return isLate ? 'does not answer in time' : `is not reached (${kind})`
}

/** What a step that did not fail has to say. */
export type Finding =
  string | { readonly skipped: string } | { readonly result: string; readonly warning: Advice }

/**
 * Runs one step and times it.
 * @param adviceOf words for what was thrown but is no `StepFailure`; throws what it has none for
 */
export async function runStep(
  name: string,
  monotonicMs: () => number,
  work: () => Finding | Promise<Finding>,
  adviceOf: (error: unknown) => Advice = rethrow,
): Promise<Step> {
  const startedMs = monotonicMs()
  try {
    const finding = await work()
    return { name, durationMs: monotonicMs() - startedMs, ...found(finding) }
  } catch (error) {
    const failure = error instanceof StepFailure ? error.advice : adviceOf(error)
    return { name, state: 'failed', durationMs: monotonicMs() - startedMs, failure }
  }
}

function rethrow(error: unknown): never {
  throw error
}

function found(finding: Finding): Pick<Step, 'state' | 'result' | 'failure'> {
  if (typeof finding === 'string') return { state: 'ok', result: finding }
  if ('skipped' in finding) return { state: 'skipped', result: finding.skipped }
  return { state: 'warning', result: finding.result, failure: finding.warning }
}

/** The same step of a server that need not be there. */
export function asOptional(step: Step): Step {
  const { failure, ...rest } = step
  if (step.state !== 'failed') return step
  return { ...rest, state: 'skipped', result: `not there: ${failure?.reason ?? ''}` }
}

/** Steps that something before them keeps from being tried. */
export function notReached(names: readonly string[]): Step[] {
  return names.map((name) => ({ name, state: 'not_reached', durationMs: 0 }))
}

const MARKS: Readonly<Record<StepState, readonly [text: string, color: number | undefined]>> = {
  ok: ['ok  ', 32],
  warning: ['warn', 33],
  failed: ['FAIL', 31],
  skipped: ['-   ', undefined],
  not_reached: ['-   ', undefined],
}

/**
 * The lines of one step.
 * @param nameWidth columns of the names, so that what follows stands in line
 */
export function stepText(step: Step, output: Output, nameWidth = 0): string {
  const { durationMs, failure, result, state } = step
  const name = step.label === undefined ? step.name : `${step.name} ${step.label}`
  const [mark, color] = MARKS[state]
  const painted = output.color && color !== undefined ? `\u001b[${color}m${mark}\u001b[0m` : mark
  const isTimed = state !== 'skipped' && state !== 'not_reached'
  const time = (isTimed ? formatMs(durationMs) : '').padStart(6)
  const said = [result, failure?.reason].filter((text) => text !== undefined && text !== '')
  const line = `  ${painted}  ${printable(name).padEnd(nameWidth)}  ${time}  ${printable(said.join('; '))}`
  const todo = failure?.todo ?? ''
  return `${line.trimEnd()}\n${todo === '' ? '' : `          → ${printable(todo)}\n`}`
}

/** One step as `--json` shows it. */
export function stepJson(subject: string, step: Step) {
  const { durationMs, failure, label, name, result, state } = step
  return {
    subject,
    step: name,
    label: label ?? null,
    state,
    duration_ms: Math.round(durationMs * 10) / 10,
    result: result ?? null,
    reason: failure?.reason ?? null,
    todo: failure === undefined || failure.todo === '' ? null : failure.todo,
  }
}
