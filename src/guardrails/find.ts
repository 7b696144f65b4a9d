// Runs detectors over the texts of a question: in slices with a pause between them, so that a long text stops nobody else, and over the
// parts of one message joined, so that what is split over them is found. It tells where something is; what follows is the caller's.

import type { GuardSpan, GuardText } from '../core/guardrail.ts'
import { LIMITS } from '../core/limits.ts'
import type { PatternDetector } from './detectors/custom.ts'
import type { Detector } from './detectors/detector.ts'
import { normalise, originalSpan, type Normal } from './normalise.ts'

/** What is looked for: built-in detectors, which see the normal form, and patterns, which see the text as it is as well. */
export type Seeker = Detector | PatternDetector

/** A place in one text. */
export interface Found {
  readonly start: number
  readonly end: number
  readonly label: string
}

/**
 * Everything found in one text, at once and however long it is. In no order, overlaps included.
 * @param escapes the text is JSON or has some in it: a span never begins or ends within an escape
 */
export function findIn(text: string, seekers: readonly Seeker[], escapes = false): Found[] {
  const found: Found[] = []
  runAtOnce(seek(text, seekers, found, escapes))
  return found
}

/**
 * Everything found in texts, at once where they are short and with pauses where they are not. With more than `guardSpansMax` places it ends:
 * they are too many to be masked, and for all else one is enough.
 * @param signal stops it between two slices, with its reason thrown
 */
export function findInTexts(
  texts: readonly GuardText[],
  seekers: readonly Seeker[],
  signal: AbortSignal,
): GuardSpan[] | Promise<GuardSpan[]> {
  const steps = seekInTexts(texts, seekers)
  let chars = 0
  for (const { text } of texts) chars += text.length
  let instructions = 0
  for (const one of seekers) if (typeof one !== 'function') instructions += one.pattern.size
  // Each match of a pattern may have read to the end of the text to find that it ends early, and the next begins behind it.
  const isShort =
    chars <= LIMITS.guardSliceChars / 2 &&
    chars * chars * instructions <= LIMITS.patternSliceStepsMax
  return isShort ? runAtOnce(steps) : runInSlices(steps, signal)
}

/** Takes all steps. */
export function runAtOnce<T>(steps: Generator<void, T>): T {
  for (;;) {
    const step = steps.next()
    if (step.done === true) return step.value
  }
}

/** Takes steps until a slice of time is used up, then lets others run. */
export async function runInSlices<T>(steps: Generator<void, T>, signal: AbortSignal): Promise<T> {
  for (;;) {
    signal.throwIfAborted()
    const untilMs = performance.now() + LIMITS.guardSliceMs
    do {
      const step = steps.next()
      if (step.done === true) return step.value
    } while (performance.now() < untilMs)
    await new Promise<void>((resume) => void setImmediate(resume))
  }
}

function* seekInTexts(
  texts: readonly GuardText[],
  seekers: readonly Seeker[],
): Generator<void, GuardSpan[]> {
  const spans: GuardSpan[] = []
  let own: ReadonlySet<string> | undefined
  for (const joined of joinedTexts(texts)) {
    const found: Found[] = []
    for (const _ of seek(joined.text, seekers, found)) {
      if (spans.length + found.length > LIMITS.guardSpansMax) break
      yield
    }
    if (joined.of.length > 1) own ??= ownSpans(spans)
    for (const one of found) {
      const pieces = spansOf(joined, one)
      const known = own !== undefined && pieces.some((piece) => own?.has(keyOf(piece)))
      if (!known) spans.push(...pieces)
    }
    if (spans.length > LIMITS.guardSpansMax) break
  }
  return spans
}

/**
 * What was found in single texts, by where it ends. A finding across a border that has one of these as a piece adds nothing but a word that
 * happens to stand beside it.
 */
function ownSpans(spans: readonly GuardSpan[]): Set<string> {
  return new Set(spans.map(keyOf))
}

function keyOf({ text, end, label }: GuardSpan): string {
  return `${text} ${end} ${label}`
}

/** One text, or neighbours that are read as one. */
export interface JoinedText {
  readonly text: string
  /** Indices of the texts it is made of. */
  readonly of: readonly number[]
  readonly lengths: readonly number[]
  /** Where each of them begins. */
  readonly starts: readonly number[]
}

/** Every text for itself, then what neighbours are when they are joined: as they are, and with a blank between. */
export function* joinedTexts(texts: readonly GuardText[]): Generator<JoinedText> {
  for (const [index, { text }] of texts.entries()) {
    yield { text, of: [index], lengths: [text.length], starts: [0] }
  }
  for (const of of runsOf(texts)) {
    const parts = of.map((index) => texts[index]!.text)
    const lengths = parts.map(({ length }) => length)
    for (const joint of ['', ' ']) {
      yield { text: parts.join(joint), of, lengths, starts: startsOf(parts, joint.length) }
    }
  }
}

/** What was found in joined texts as spans of each; nothing where it lies within one of several, as it is found there by itself. */
export function spansOf(joined: JoinedText, found: Found): GuardSpan[] {
  const { of, lengths, starts } = joined
  const { label } = found
  if (of.length === 1) return [{ text: of[0]!, ...found }]
  const spans: GuardSpan[] = []
  let at = lastAtOrBefore(starts, found.start)
  for (; at < starts.length && starts[at]! < found.end; at++) {
    const start = Math.max(0, found.start - starts[at]!)
    const end = Math.min(lengths[at]!, found.end - starts[at]!)
    if (start < end) spans.push({ text: of[at]!, start, end, label })
  }
  return spans.length > 1 ? spans : []
}

/** Kinds whose neighbours are read as one text by a model. */
const JOINED: readonly GuardText['kind'][] = ['text', 'tool_result']

/** Neighbours of one role and kind, two or more: they may be parts of one message. */
function runsOf(texts: readonly GuardText[]): number[][] {
  const runs: number[][] = []
  let run: number[] = []
  texts.forEach((text, index) => {
    const last = texts[run.at(-1) ?? -1]
    const joins = last?.role === text.role && last.kind === text.kind && JOINED.includes(text.kind)
    if (!joins) run = []
    run.push(index)
    if (run.length === 2) runs.push(run)
  })
  return runs
}

function startsOf(texts: readonly string[], gap: number): number[] {
  let at = 0
  return texts.map((text) => {
    const start = at
    at += text.length + gap
    return start
  })
}

function lastAtOrBefore(starts: readonly number[], offset: number): number {
  let low = 0
  let high = starts.length - 1
  while (low < high) {
    const middle = (low + high + 1) >> 1
    if (starts[middle]! <= offset) low = middle
    else high = middle - 1
  }
  return low
}

/** A part of a text, with what stands around it: only what begins within `from` and `to` is its own. */
export interface Slice {
  readonly text: string
  /** Offset of `text` in the whole. */
  readonly offset: number
  readonly from: number
  readonly to: number
}

/** A text in slices. */
export function* slicesOf(
  text: string,
  size: number = LIMITS.guardSliceChars,
  behind: number = LIMITS.guardOverlapChars,
): Generator<Slice> {
  const before = LIMITS.guardBeforeChars
  if (text.length <= size + behind) {
    if (text !== '') yield { text, offset: 0, from: 0, to: text.length }
    return
  }
  for (let at = 0; at < text.length; at += size) {
    const offset = Math.max(0, at - before)
    const end = at + size
    yield { text: text.slice(offset, end + behind), offset, from: at - offset, to: end - offset }
  }
}

/** One text; it pauses after each detector in each slice, and after each match of a pattern. */
function* seek(
  text: string,
  seekers: readonly Seeker[],
  found: Found[],
  escapes = false,
): Generator<void, void> {
  const detectors = seekers.filter((one) => typeof one === 'function')
  if (detectors.length > 0) {
    for (const slice of slicesOf(text)) {
      const normal = normalise(slice.text, false, escapes)
      for (const detector of detectors) {
        detector(normal.text, (start, end, label) => add(slice, normal, start, end, label, found))
        yield
      }
    }
  }
  for (const one of seekers)
    if (typeof one !== 'function') yield* seekPattern(text, one, found, escapes)
}

/** Slices so short that one step of the pattern, which reads a slice to its end at most, is short even where its engine is slow. */
function* seekPattern(
  text: string,
  { label, pattern, accepts }: PatternDetector,
  found: Found[],
  escapes: boolean,
): Generator<void, void> {
  const reach = Math.floor(LIMITS.patternSliceStepsMax / pattern.size)
  const behind = Math.floor(reach / 3)
  for (const slice of slicesOf(text, reach - behind, behind)) {
    const normal = normalise(slice.text, false, escapes)
    const forms = formsOf(slice.text, normal, escapes)
    for (const form of forms) {
      for (const [start, end] of pattern.matches(form.text, startIn(form, slice.from))) {
        if (accepts(form.text.slice(start, end))) add(slice, form, start, end, label, found)
        yield
      }
      yield
    }
  }
}

/** A pattern may name letters that the normal form does not have. */
function formsOf(text: string, normal: Normal, escapes: boolean): Normal[] {
  if (normal.offsets === undefined) return [normal]
  return escapes && text.includes('\\') ? [normal] : [normal, { text }]
}

function add(
  slice: Slice,
  form: Normal,
  from: number,
  to: number,
  label: string,
  found: Found[],
): void {
  const { start, end } = originalSpan(form, from, to)
  if (start < slice.from || start >= slice.to) return
  found.push({ start: start + slice.offset, end: end + slice.offset, label })
}

/** Offset in a form of an offset in its original. */
function startIn(form: Normal, offset: number): number {
  const { offsets } = form
  if (offsets === undefined) return offset
  let low = 0
  let high = offsets.length - 1
  while (low < high) {
    const middle = (low + high) >> 1
    if (offsets[middle]! >= offset) high = middle
    else low = middle + 1
  }
  return low
}
