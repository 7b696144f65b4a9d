// Asking: one request for each column, each with its own clock and its own end. What comes is shown as it comes, at most once per frame.

import { signal } from '@preact/signals'
import { ask, problemOfResponse, toProblem } from '../api.ts'
import { session } from '../session.ts'
import { chatBody } from './chat-body.ts'
import { factsOf, Fold, readEvents, type Completion } from './chat-stream.ts'
import { priceOf, workedOut } from './models.ts'
import { addLive, columns, newId, putResults, putStep, settings, turns } from './state.ts'
import {
  NEW_STEP,
  type Column,
  type Facts,
  type Picture,
  type Problem,
  type Step,
} from './types.ts'

/** What has just been answered, for those who hear it; the last few. */
export const heard = signal<readonly { readonly id: number; readonly words: string }[]>([])
const HEARD_MAX = 4
const HEARD_CHARS_MAX = 600
let heardCount = 0

/** Says something to every column. @throws SettingsProblem before anything is asked */
export function send(text: string, pictures: readonly Picture[]): void {
  const all = columns.peek()
  const turn = { id: newId(), text, pictures, answers: {} }
  const asked = [...turns.peek(), turn]
  const bodies = all.map(({ id, model }) => chatBody(model, settings.peek(), asked, id))
  turns.value = asked
  for (const [at, column] of all.entries()) void answer(turn.id, column, 0, bodies[at] ?? {})
}

/** Asks a column once more for its answer to what was said. @throws SettingsProblem */
export function retry(turn: string, column: Column): void {
  const asked = upTo(turn).map((each) => {
    if (each.id !== turn) return each
    const { [column.id]: _gone, ...answers } = each.answers
    return { ...each, answers }
  })
  void answer(turn, column, 0, chatBody(column.model, settings.peek(), asked, column.id))
}

/** Goes on with what the tools gave. @throws SettingsProblem */
export function sendResults(
  turn: string,
  column: Column,
  results: Readonly<Record<string, string>>,
): void {
  putResults(turn, column.id, results)
  const from = turns.peek().find(({ id }) => id === turn)?.answers[column.id]?.steps.length ?? 0
  const body = chatBody(column.model, settings.peek(), upTo(turn), column.id)
  void answer(turn, column, from, body)
}

function upTo(turn: string) {
  const all = turns.peek()
  return all.slice(0, all.findIndex(({ id }) => id === turn) + 1)
}

async function answer(turn: string, column: Column, from: number, body: object): Promise<void> {
  const step = signal<Step>(NEW_STEP)
  const end = new AbortController()
  const remove = addLive(turn, column.id, step, end)
  // Its place in the conversation; what comes is shown by the signal until the end.
  putStep(turn, column, from, NEW_STEP)
  const last = await whole(body, end.signal, (next) => (step.value = next))
  const isThere = turns.peek().some(({ id }) => id === turn)
  const price = priceOf(column.model, last.facts)
  if (isThere) putStep(turn, column, from, { ...last, facts: workedOut(last.facts, price) })
  remove()
  if (isThere) say(column.model, last)
}

/** One request from its beginning to its end, however it ends. Never rejects. */
async function whole(body: object, abort: AbortSignal, show: (step: Step) => void): Promise<Step> {
  const fold = new Fold()
  const startMs = performance.now()
  let facts: Facts = {}
  let frame: number | undefined
  const draw = () => {
    frame ??= requestAnimationFrame(() => {
      frame = undefined
      show(fold.step('running', facts))
    })
  }
  const seen = (isOfAnswer: boolean) => {
    if (isOfAnswer && facts.firstTokenMs === undefined) {
      facts = { ...facts, firstTokenMs: performance.now() - startMs }
    }
    draw()
  }
  const ended = (state: Step['state'], problem?: Problem): Step => {
    if (frame !== undefined) cancelAnimationFrame(frame)
    const step = fold.step(state, { ...facts, totalMs: performance.now() - startMs })
    return problem === undefined ? step : { ...step, problem }
  }
  try {
    const response = await request(body, abort)
    facts = factsOf(response.headers)
    if (!response.ok) {
      const { code, detail, param, status } = await problemOfResponse(response)
      return ended('failed', {
        status,
        code,
        words: detail,
        ...(param === undefined ? {} : { param }),
      })
    }
    const isStream = response.headers.get('content-type')?.startsWith('text/event-stream')
    if (isStream !== true || response.body === null) {
      fold.take((await response.json()) as Completion)
      return ended(fold.problem === undefined ? 'done' : 'failed')
    }
    await readEvents(response.body, fold, seen)
    if (fold.problem !== undefined) return ended('failed')
    return fold.hasEnded ? ended('done') : ended('failed', BROKEN)
  } catch (thrown) {
    if (abort.aborted) return ended('stopped')
    // Fetch and streams say a broken connection in words of the browser's.
    if (thrown instanceof TypeError) return ended('failed', BROKEN)
    const { code, detail, status } = toProblem(thrown)
    return ended('failed', { status, code, words: detail })
  }
}

const BROKEN: Problem = {
  status: 0,
  code: 'broken_off',
  words: 'The answer broke off before its end.',
}

/** Always in one's own tenant, whichever is looked at. */
function request(body: object, abort: AbortSignal): Promise<Response> {
  const own = session.peek()?.tenant
  const tenant = own === undefined ? '' : `?tenant=${encodeURIComponent(own)}`
  return ask(`/admin/playground/chat/completions${tenant}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
    signal: abort,
  })
}

function say(model: string, { calls, problem, refusal, state, text }: Step): void {
  heardCount += 1
  const called = calls.map(({ name }) => name).join(', ')
  const what =
    state === 'failed'
      ? `has failed. ${problem?.words ?? ''}`
      : state === 'stopped'
        ? 'was stopped.'
        : called === ''
          ? `says: ${(text === '' ? refusal : text).slice(0, HEARD_CHARS_MAX)}`
          : `calls ${called}.`
  const next = { id: heardCount, words: `${model} ${what}` }
  heard.value = [...heard.peek(), next].slice(-HEARD_MAX)
}
