// The conversation of this tab: which models are asked, what was said, what is set. It is kept for the tab's life and no longer; the pieces of
// answers that are still coming are held apart, so that a token draws one answer and not the whole page.

import { effect, signal, type Signal } from '@preact/signals'
import { keep, kept } from '../kept.ts'
import { session } from '../session.ts'
import {
  NO_SETTINGS,
  type Column,
  type Draft,
  type Settings,
  type Step,
  type Turn,
} from './types.ts'

export const COLUMNS_MAX = 4
const NAME = 'weir-playground'
/** Of what a browser keeps for a tab, some 5 million characters, a good half. */
const KEPT_CHARS_MAX = 3_000_000
const KEEP_AFTER_MS = 250

export const columns = signal<readonly Column[]>([{ id: 'a', model: '' }])
export const turns = signal<readonly Turn[]>([])
export const settings = signal<Settings>(NO_SETTINGS)
/** What is written and not sent yet; another part of the page may put something here to be said anew. */
export const draft = signal<Draft>({ text: '', pictures: [] })

/** Steps that are coming, by turn and column. */
const live = new Map<string, Signal<Step>>()
/** What ends each of them. */
const ends = new Map<string, AbortController>()
/** How many are coming: changes when one begins or ends. */
export const running = signal(0)

const keyOf = (turn: string, column: string) => `${turn} ${column}`

export function liveStep(turn: string, column: string): Signal<Step> | undefined {
  return live.get(keyOf(turn, column))
}

/** @returns what takes it away again */
export function addLive(
  turn: string,
  column: string,
  step: Signal<Step>,
  end: AbortController,
): () => void {
  const key = keyOf(turn, column)
  live.set(key, step)
  ends.set(key, end)
  running.value = live.size
  return () => {
    // A conversation that was cleared meanwhile may have begun another one here.
    if (live.get(key) !== step) return
    live.delete(key)
    ends.delete(key)
    running.value = live.size
  }
}

/** Ends what is coming: all of it, or of one column. */
export function stop(turn?: string, column?: string): void {
  const one = turn === undefined || column === undefined ? undefined : keyOf(turn, column)
  for (const [key, end] of ends) if (one === undefined || key === one) end.abort()
}

/** Puts a step at the end of an answer, in place of what begins at `from`. */
export function putStep(turn: string, column: Column, from: number, step: Step): void {
  turns.value = turns.value.map((each) => {
    if (each.id !== turn) return each
    const steps = [...(each.answers[column.id]?.steps ?? []).slice(0, from), step]
    return { ...each, answers: { ...each.answers, [column.id]: { model: column.model, steps } } }
  })
}

/** Keeps what was typed as the results of tools. */
export function putResults(
  turn: string,
  column: string,
  results: Readonly<Record<string, string>>,
): void {
  turns.value = turns.value.map((each) => {
    const answer = each.answers[column]
    const last = answer?.steps.at(-1)
    if (each.id !== turn || answer === undefined || last === undefined) return each
    const steps = [...answer.steps.slice(0, -1), { ...last, results }]
    return { ...each, answers: { ...each.answers, [column]: { ...answer, steps } } }
  })
}

/** Forgets what was said; what is set stays. */
export function clear(): void {
  stop()
  turns.value = []
}

/** Of a new turn. `crypto.randomUUID` is not there on every address that a UI is served at. */
export function newId(): string {
  return `${Date.now().toString(36)}-${Math.random().toString(36).slice(2, 10)}`
}

interface Kept {
  /** Whose it is: in a tab one may log in after another. */
  readonly who: string
  readonly columns: readonly Column[]
  readonly turns: readonly Turn[]
  readonly settings: Settings
  readonly draft?: Draft
}

/** Whose conversation it is, as known when the page was opened: when a session ends it is still theirs. Empty for the local user. */
let who = ''

function restore(): void {
  const text = kept('sessionStorage', NAME)
  if (text === undefined) return
  try {
    const found = JSON.parse(text) as Partial<Kept>
    if (found.who !== who) return
    if (Array.isArray(found.columns) && found.columns.length > 0) columns.value = found.columns
    if (Array.isArray(found.turns)) turns.value = found.turns.map(withoutRunning)
    settings.value = { ...NO_SETTINGS, ...found.settings }
    if (found.draft !== undefined) draft.value = found.draft
  } catch (thrown) {
    // Of another version of this page: then a new conversation begins.
    if (!(thrown instanceof SyntaxError)) throw thrown
  }
}

/** What was coming when the page was left comes no more. */
function withoutRunning(turn: Turn): Turn {
  const answers = Object.entries(turn.answers).map(([column, answer]) => {
    const steps = answer.steps.map((step) =>
      step.state === 'running' ? { ...step, state: 'stopped' as const } : step,
    )
    return [column, { ...answer, steps }]
  })
  return { ...turn, answers: Object.fromEntries(answers) as Turn['answers'] }
}

function textOf(all: Kept): string {
  const whole = JSON.stringify(all)
  if (whole.length <= KEPT_CHARS_MAX) return whole
  const { draft: _left, ...others } = all
  const bare = all.turns.map((turn) =>
    turn.pictures.length === 0 ? turn : { ...turn, pictures: [], hasLostPictures: true as const },
  )
  const smaller = JSON.stringify({ ...others, turns: bare })
  return smaller.length <= KEPT_CHARS_MAX ? smaller : JSON.stringify({ ...others, turns: [] })
}

let timer: ReturnType<typeof setTimeout> | undefined

function write(): void {
  clearTimeout(timer)
  timer = undefined
  const said = { columns: columns.peek(), turns: turns.peek(), settings: settings.peek() }
  keep('sessionStorage', NAME, textOf({ who, ...said, draft: draft.peek() }))
}

let hasBegun = false

/** Takes up what this tab has kept, once, when it is known who looks; keeps what changes from then on. */
export function begin(): void {
  if (hasBegun) return
  hasBegun = true
  who = session.peek()?.user?.id ?? ''
  restore()
  let isFirst = true
  effect(() => {
    void [columns.value, turns.value, settings.value, draft.value]
    if (!isFirst) timer ??= setTimeout(write, KEEP_AFTER_MS)
    isFirst = false
  })
  // What was typed just before the page is left is kept as well.
  addEventListener('pagehide', () => timer !== undefined && write())
}
