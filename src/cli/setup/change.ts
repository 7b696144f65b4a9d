// What a setting of another program's file is: a place in it and a value; and the law every editor is held to: what was not named has the
// value it had, and every comment is still there. Pure; how a format writes text is its editor's own affair.

import { isDeepStrictEqual } from 'node:util'
import type { JsonObject, JsonValue } from '../../core/json.ts'

/** The entry of a list whose `key` is `is`. */
export interface ItemSegment {
  readonly key: string
  readonly is: string
  /** A new one stands before the others: some tools take the first as their default. */
  readonly isFirst?: true
}

export type Segment = string | ItemSegment

/** One setting; undefined takes it away. An object is merged into what is there, anything else takes its place. */
export interface Change {
  readonly path: readonly Segment[]
  readonly value: JsonValue | undefined
  /** It is made only where this stands there: what somebody else has put there stays. */
  readonly onlyIf?: JsonValue
}

/** The same with what stood there; `made` is how many of the path's first segments were there before. */
export interface DoneChange extends Change {
  readonly before: JsonValue | undefined
  readonly made: number
}

/** How one format is read and written. */
export interface FileFormat {
  /** @throws SyntaxError with words for a person; undefined when the file says nothing */
  parse(text: string): JsonValue | undefined
  /** Every comment, as it is written. */
  comments(text: string): readonly string[]
  /** The text with one value put in place; its parents may be missing. The text parses. */
  set(text: string, path: readonly Segment[], value: JsonValue): string
  /** The text without a value that is there. */
  remove(text: string, path: readonly Segment[]): string
}

/** The file cannot be changed so that all else stays as it is; the words say why. */
export class CannotEdit extends Error {}

export function isRecord(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** The value at a place; undefined where there is none. */
export function valueAt(
  root: JsonValue | undefined,
  path: readonly Segment[],
): JsonValue | undefined {
  let value: JsonValue | undefined = root
  for (const segment of path) value = stepInto(value, segment)
  return value
}

function stepInto(value: JsonValue | undefined, segment: Segment): JsonValue | undefined {
  if (typeof segment !== 'string') {
    return Array.isArray(value) ? value[itemIndex(value, segment)] : undefined
  }
  return isRecord(value) && Object.hasOwn(value, segment) ? value[segment] : undefined
}

/** Where in a list the entry stands; -1 where it does not. */
export function itemIndex(list: readonly JsonValue[], { is, key }: ItemSegment): number {
  return list.findIndex((item) => isRecord(item) && Object.hasOwn(item, key) && item[key] === is)
}

/** Changes down to the values that differ: objects are merged into objects, and what is already so is left alone. */
export function difference(
  root: JsonValue | undefined,
  changes: readonly Change[],
): readonly DoneChange[] {
  const done: DoneChange[] = []
  let now = root
  for (const { onlyIf, ...change } of changes) {
    if (onlyIf !== undefined && !isDeepStrictEqual(valueAt(now, change.path), onlyIf)) continue
    for (const each of leaves(now, change)) {
      const before = valueAt(now, each.path)
      if (isDeepStrictEqual(before, each.value)) continue
      done.push({ ...each, before, made: depthOf(now, each.path) })
      now = withChange(now, each)
    }
  }
  return done
}

function leaves(root: JsonValue | undefined, change: Change): readonly Change[] {
  const { path, value } = change
  const current = valueAt(root, path)
  if (
    value !== undefined &&
    current !== undefined &&
    current !== null &&
    kindOf(value) !== kindOf(current)
  ) {
    throw new CannotEdit(`${pathText(path)} has a value of another kind than its tool knows`)
  }
  if (!isRecord(value) || !isRecord(current)) return [change]
  return Object.entries(value).flatMap(([name, each]) =>
    leaves(root, { path: [...path, name], value: each as JsonValue }),
  )
}

function kindOf(value: JsonValue): 'list' | 'object' | 'plain' {
  return Array.isArray(value) ? 'list' : isRecord(value) ? 'object' : 'plain'
}

function depthOf(root: JsonValue | undefined, path: readonly Segment[]): number {
  for (let length = path.length; length > 0; length -= 1) {
    if (valueAt(root, path.slice(0, length)) !== undefined) return length
  }
  return 0
}

/** The same value with one thing changed; nothing of the given one is touched. */
export function withChange(
  root: JsonValue | undefined,
  { path, value }: Change,
): JsonValue | undefined {
  const [first, ...rest] = path
  if (first === undefined) return value
  if (typeof first !== 'string') return withItem(root, first, { path: rest, value })
  const object: Record<string, JsonValue | undefined> = isRecord(root) ? { ...root } : {}
  const inner = withChange(Object.hasOwn(object, first) ? object[first] : undefined, {
    path: rest,
    value,
  })
  if (inner === undefined) delete object[first]
  else {
    Object.defineProperty(object, first, {
      value: inner,
      configurable: true,
      enumerable: true,
      writable: true,
    })
  }
  return object as JsonObject
}

function withItem(
  root: JsonValue | undefined,
  segment: ItemSegment,
  change: Change,
): JsonValue | undefined {
  const list = Array.isArray(root) ? [...root] : []
  const at = itemIndex(list, segment)
  const inner = withChange(at < 0 ? undefined : list[at], change)
  if (inner === undefined) {
    if (at >= 0) list.splice(at, 1)
  } else if (at >= 0) list[at] = inner
  else if (segment.isFirst === true) list.unshift(inner)
  else list.push(inner)
  return list
}

/**
 * The text after all changes, proven: whatever no change names has its value, and every comment is there.
 * @throws CannotEdit when that cannot be had; SyntaxError when the text does not parse
 */
export function edited(
  format: FileFormat,
  text: string,
  changes: readonly Change[],
): { readonly text: string; readonly done: readonly DoneChange[] } {
  const root = format.parse(text)
  const done = difference(root, changes)
  let now = text
  for (const { path, value } of done) {
    now = value === undefined ? format.remove(now, path) : format.set(now, path, value)
  }
  let wanted = root
  for (const change of done) wanted = withChange(wanted, change)
  prove(format, text, now, wanted)
  return { text: now, done }
}

function prove(
  format: FileFormat,
  before: string,
  after: string,
  wanted: JsonValue | undefined,
): void {
  const why = 'it is written in a way that cannot be changed without changing more'
  let found: JsonValue | undefined
  try {
    found = format.parse(after)
  } catch (error) {
    if (error instanceof SyntaxError) throw new CannotEdit(why, { cause: error })
    throw error
  }
  if (!isDeepStrictEqual(found ?? {}, wanted ?? {}) && !areBothEmpty(found, wanted)) {
    throw new CannotEdit(why)
  }
  const left = [...format.comments(after)]
  for (const comment of format.comments(before)) {
    const at = left.indexOf(comment)
    if (at < 0) throw new CannotEdit('a comment would be lost')
    left.splice(at, 1)
  }
}

function areBothEmpty(one: JsonValue | undefined, other: JsonValue | undefined): boolean {
  const isEmpty = (value: JsonValue | undefined) =>
    value === undefined ||
    value === null ||
    (typeof value === 'object' && Object.keys(value).length === 0)
  return isEmpty(one) && isEmpty(other)
}

/** What takes done changes back, the last first: a value that was set stands as it was, unless somebody has changed it since. */
export function takenBack(
  root: JsonValue | undefined,
  done: readonly DoneChange[],
): { readonly changes: readonly Change[]; readonly kept: readonly string[] } {
  const changes: Change[] = []
  const kept: string[] = []
  let now = root
  for (const each of done.toReversed()) {
    const { before, made, path, value } = each
    const current = valueAt(now, path)
    if (!isDeepStrictEqual(current, value)) {
      if (!isDeepStrictEqual(current, before)) kept.push(pathText(path))
      continue
    }
    const change = { path, value: before }
    now = withChange(now, change)
    changes.push(change)
    if (before !== undefined) continue
    // Objects and lists that were made to hold it go with it, once they hold nothing.
    for (let length = path.length - 1; length > made; length -= 1) {
      const parent = path.slice(0, length)
      const holder = valueAt(now, parent)
      if (typeof holder !== 'object' || holder === null || Object.keys(holder).length > 0) break
      changes.splice(-1, 1, { path: parent, value: undefined })
      now = withChange(now, { path: parent, value: undefined })
    }
  }
  return { changes, kept }
}

/** `provider.weir.options`, for a person. */
export function pathText(path: readonly Segment[]): string {
  return path
    .map((segment) => (typeof segment === 'string' ? segment : `${segment.key}=${segment.is}`))
    .join('.')
}
