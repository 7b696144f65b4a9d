// What one request of a soak asks for, written into its prompt: both ends work out the whole answer from it, each piece and its
// moment, so that a byte lost, doubled or mixed up shows at the client. Pure: nothing here opens a connection.

import { seededInteger, seededRandom } from '../src/testing/seed.ts'
import { CHAT_DIALECTS, type ChatDialect } from './pairs.ts'

/** What the first provider does wrong. The first four are before anything is answered, where a gateway must go on to the second. */
export const FAULTS_BEFORE = ['429', '500', 'reset', 'stall'] as const
/** With the answer begun, where it can only be told in the client's protocol: ends without its end, is cut, goes silent. */
export const FAULTS_AFTER = ['truncate', 'cut', 'silence'] as const
export const FAULTS = [...FAULTS_BEFORE, 'slow', ...FAULTS_AFTER] as const

export type Fault = (typeof FAULTS)[number] | 'none'

/** Whether an error in the answer itself is the right outcome, where the faulty provider was the one to answer. */
export function isAfterCommit(fault: Fault): boolean {
  return FAULTS_AFTER.some((each) => each === fault)
}

export interface Plan {
  /** Of this request alone. */
  readonly nonce: string
  readonly pieces: number
  /** On the way to each piece, on average. 0 sends as fast as the reader takes. */
  readonly gapMs: number
  /** Characters of each piece besides its name. */
  readonly fillChars: number
  /** The last half of the pieces are arguments of a tool call. */
  readonly tool: boolean
  readonly fault: Fault
}

export const INPUT_TOKENS = 10

/** A provider's time to its first byte with the fault `slow`: less than the gateway waits. */
export const SLOW_MS = 400
/** How long a fault of silence lasts: more than anybody waits. */
export const SILENCE_MS = 300_000
/** A call that goes out as one is held back so long at most. */
export const GAP_MS_MAX = 2_000

/** What the gateway waits for a provider. */
export interface Patience {
  readonly firstByteMs: number
  /** Longer than the longest pause of a provider that does nothing wrong. */
  readonly idleMs: number
}

/** For a run of seconds, which must not wait for its last silence longer than it lasts. */
export const SHORT_PATIENCE: Patience = { firstByteMs: 3_000, idleMs: 4_000 }
/** For minutes on a machine that others use: a provider that is held up is none that is silent. */
export const LONG_PATIENCE: Patience = { firstByteMs: 5_000, idleMs: 15_000 }

export function promptOf({ nonce, pieces, gapMs, fillChars, tool, fault }: Plan): string {
  return `soak ${nonce} ${pieces} ${gapMs} ${fillChars} ${tool ? 'tool' : 'text'} ${fault}.`
}

/** The plan within a request body of any dialect; undefined where there is none. */
export function planIn(body: string): Plan | undefined {
  const match = /soak (\w+) (\d+) (\d+) (\d+) (tool|text) (\w+)\./.exec(body)
  if (match === null) return undefined
  const [, nonce = '', pieces, gapMs, fillChars, tool, fault] = match
  return {
    nonce,
    pieces: Number(pieces),
    gapMs: Number(gapMs),
    fillChars: Number(fillChars),
    tool: tool === 'tool',
    fault: FAULTS.find((each) => each === fault) ?? 'none',
  }
}

/** The piece of that index: no two of a run are equal, and each holds characters of two and of four bytes to be cut apart. */
export function pieceOf({ nonce, fillChars }: Plan, index: number): string {
  return `${nonce}.${index}é🜄${'~'.repeat(fillChars)} `
}

function piecesFrom(plan: Plan, from: number, to: number): string {
  let text = ''
  for (let index = from; index < to; index += 1) text += pieceOf(plan, index)
  return text
}

/** How many of the pieces are text. */
export function textPieces({ pieces, tool }: Plan): number {
  return tool ? Math.ceil(pieces / 2) : pieces
}

export function textOf(plan: Plan): string {
  return piecesFrom(plan, 0, textPieces(plan))
}

/** Arguments of the call as JSON text; undefined without one. */
export function argumentsOf(plan: Plan): string | undefined {
  if (!plan.tool) return undefined
  return `${ARGUMENTS_OPEN}${piecesFrom(plan, textPieces(plan), plan.pieces)}${ARGUMENTS_CLOSE}`
}

export const ARGUMENTS_OPEN = '{"said":"'
export const ARGUMENTS_CLOSE = '"}'
export const TOOL = 'say'

/** Waits before each piece; both ends know them from the nonce. One in twenty is a pause of five. */
export function gapsOf(plan: Plan): number[] {
  const random = seededRandom(Number(Bun.hash.crc32(plan.nonce)))
  return Array.from({ length: plan.pieces }, (_, index) => {
    // The first comes at once: how long a client waits for it is the gateway's doing alone.
    if (index === 0) return 0
    const gapMs = plan.gapMs * (0.5 + random())
    return Math.round(random() < 0.05 ? gapMs * 5 : gapMs)
  })
}

/** How long the provider takes for the whole answer when nothing goes wrong. */
export function plannedMs(plan: Plan): number {
  const slowMs = plan.fault === 'slow' ? SLOW_MS : 0
  return gapsOf(plan).reduce((sum, gapMs) => sum + gapMs, slowMs)
}

/** How a client behaves. */
export type Habit = 'whole' | 'reads' | 'slow' | 'leaves'

/** One request as its client makes it. */
export interface Errand {
  readonly plan: Plan
  readonly client: ChatDialect
  /** Spoken by the provider; the same as the client's is relayed. */
  readonly provider: ChatDialect
  readonly habit: Habit
  /** Of a client that leaves: once so much of the answer has come. */
  readonly leaveAfterBytes: number
}

export interface Mix {
  readonly dialects: readonly ChatDialect[]
  readonly faults: readonly Fault[]
  readonly piecesPerSecond: number
  /** The longest stream. */
  readonly secondsMax: number
}

export const ALL_DIALECTS = CHAT_DIALECTS

const TOOL_SHARE = 0.3
const FAULT_SHARE = 0.25
const WHOLE_SHARE = 0.08
const LEAVE_SHARE = 0.08
const SLOW_SHARE = 0.02
/** A slow reader's answer is large and comes at once, so that somebody has to hold it back. */
const SLOW_PIECES = 150
const SLOW_FILL_CHARS = 20_000

/**
 * The next request of a client, by chance alone.
 * @param due what goes wrong with it in any case: a short run may draw one of the faults for nobody
 */
export function nextErrand(nonce: string, mix: Mix, random: () => number, due?: Fault): Errand {
  const pick = <T>(values: readonly T[]): T => values[seededInteger(random, values.length)]!
  const client = pick(mix.dialects)
  const provider = random() < 0.5 ? client : pick(mix.dialects)
  const dice = random()
  const drawn: Habit =
    dice < WHOLE_SHARE
      ? 'whole'
      : dice < WHOLE_SHARE + LEAVE_SHARE
        ? 'leaves'
        : dice < WHOLE_SHARE + LEAVE_SHARE + SLOW_SHARE
          ? 'slow'
          : 'reads'
  // Who leaves or asks for all at once may not see what goes wrong.
  const habit = due === undefined ? drawn : 'reads'
  const chosen = mix.faults.length > 0 && random() < FAULT_SHARE ? pick(mix.faults) : 'none'
  const wished = due ?? chosen
  const tool = random() < TOOL_SHARE
  const seconds = 1 + random() * (mix.secondsMax - 1)
  const pieces = Math.max(4, Math.round(seconds * mix.piecesPerSecond))
  const isSlow = habit === 'slow'
  return {
    client,
    provider,
    habit,
    leaveAfterBytes: seededInteger(random, 4_000),
    plan: {
      nonce,
      tool: tool && !isSlow,
      // What was asked for whole and went wrong on the way may be asked again: the client sees nothing of it.
      fault: isSlow ? 'none' : wished,
      ...(isSlow
        ? { pieces: SLOW_PIECES, gapMs: 0, fillChars: SLOW_FILL_CHARS }
        : { pieces, gapMs: Math.round(1_000 / mix.piecesPerSecond), fillChars: 0 }),
    },
  }
}
