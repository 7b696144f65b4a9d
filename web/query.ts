// Reading and changing what the server has: a query keeps what it read, shows it while it asks again, and asks again while somebody looks; an
// action runs once at a time and knows its problem. Neither knows what is asked.

import { signal, type ReadonlySignal, type Signal } from '@preact/signals'
import { useEffect, useMemo, useRef } from 'preact/hooks'
import { toProblem, type ApiProblem } from './api.ts'
import { tenant } from './session.ts'

/** What is known of a question now. */
export interface Query<T> {
  /** The last answer; of an earlier question too while the first answer to this one is awaited and `keep` is set. */
  readonly data: T | undefined
  readonly problem: ApiProblem | undefined
  /** Nothing is known yet, and an answer is awaited. */
  readonly isLoading: boolean
  /** Asking, with or without something to show. */
  readonly isFetching: boolean
  /** When the answer came, by the browser's clock. */
  readonly atMs: number | undefined
  refetch(): Promise<void>
}

interface State<T> {
  readonly data?: T
  readonly problem?: ApiProblem
  readonly isFetching: boolean
  readonly atMs?: number
}

interface Entry {
  readonly name: string
  readonly state: Signal<State<unknown>>
  load: (options: { readonly signal: AbortSignal }) => Promise<unknown>
  watchers: number
  running: AbortController | undefined
  droppedMs: number
}

/** What was read stays this long after the last look, for whoever comes back. */
const KEPT_MS = 120_000
const ENTRIES_MAX = 200
const entries = new Map<string, Entry>()

export type QueryKey = string | readonly unknown[]

export interface QueryOptions {
  /** Asks again after so long, while the page is looked at. */
  readonly pollMs?: number
  /** Shows the answer to the question before while this one is on its way: for filters and paging. */
  readonly keep?: boolean
  /** false: does not ask yet. */
  readonly enabled?: boolean
  /** An answer younger than this is not asked for again at the first look. */
  readonly freshMs?: number
}

/**
 * Asks and keeps asking. Components with the same key share one answer. The key begins with what it is about (`keys`), so that
 * `invalidate('keys')` finds it.
 * @param load given a signal that ends when nobody waits any more: `({ signal }) => unwrap(api.keys.get({ fetch: { signal } }))`
 */
export function useQuery<T>(
  key: QueryKey,
  load: (options: { readonly signal: AbortSignal }) => Promise<T>,
  options: QueryOptions = {},
): Query<T> {
  const { enabled = true, freshMs = 0, keep = false, pollMs } = options
  const id = JSON.stringify([tenant.value ?? '', key])
  const entry = useMemo(() => entryOf(id, key, load), [id])
  entry.load = load
  const before = useRef<T | undefined>(undefined)

  useEffect(() => {
    if (!enabled) return undefined
    entry.watchers += 1
    const { atMs } = entry.state.peek()
    if (atMs === undefined || Date.now() - atMs > freshMs) void run(entry)
    return () => {
      entry.watchers -= 1
      entry.droppedMs = Date.now()
      if (entry.watchers === 0) entry.running?.abort()
    }
  }, [entry, enabled])

  useEffect(() => {
    if (!enabled || pollMs === undefined) return undefined
    const timer = setInterval(() => {
      const isBusy = entry.state.peek().isFetching
      if (document.visibilityState === 'visible' && !isBusy) void run(entry)
    }, pollMs)
    const look = () => {
      const { atMs } = entry.state.peek()
      const isOld = atMs === undefined || Date.now() - atMs > pollMs
      if (document.visibilityState === 'visible' && isOld) void run(entry)
    }
    document.addEventListener('visibilitychange', look)
    return () => {
      clearInterval(timer)
      document.removeEventListener('visibilitychange', look)
    }
  }, [entry, enabled, pollMs])

  const { atMs, data, isFetching, problem } = entry.state.value as State<T>
  if (data !== undefined) before.current = data
  const shown = data ?? (keep ? before.current : undefined)
  return {
    data: shown,
    problem,
    isLoading: enabled && shown === undefined && problem === undefined,
    isFetching,
    atMs,
    refetch: () => run(entry),
  }
}

/** Asks anew for everything whose key begins so, and forgets what nobody looks at. */
export function invalidate(...names: readonly string[]): void {
  for (const [id, entry] of entries) {
    if (!names.includes(entry.name)) continue
    if (entry.watchers > 0) void run(entry)
    else entries.delete(id)
  }
}

function entryOf(id: string, key: QueryKey, load: Entry['load']): Entry {
  const found = entries.get(id)
  if (found !== undefined) return found
  forgetOld()
  const entry: Entry = {
    name: String(typeof key === 'string' ? key : key[0]),
    state: signal({ isFetching: false }),
    load,
    watchers: 0,
    running: undefined,
    droppedMs: Date.now(),
  }
  entries.set(id, entry)
  return entry
}

function forgetOld(): void {
  const nowMs = Date.now()
  for (const [id, { droppedMs, watchers }] of entries) {
    const isOver = entries.size > ENTRIES_MAX || nowMs - droppedMs > KEPT_MS
    if (watchers === 0 && isOver) entries.delete(id)
  }
}

async function run(entry: Entry): Promise<void> {
  entry.running?.abort()
  const running = new AbortController()
  entry.running = running
  const { state } = entry
  state.value = { ...state.peek(), isFetching: true }
  try {
    const data = await entry.load({ signal: running.signal })
    if (entry.running === running) state.value = { data, isFetching: false, atMs: Date.now() }
  } catch (thrown) {
    if (entry.running !== running) return
    const { problem: _, ...rest } = state.peek()
    state.value = running.signal.aborted
      ? { ...rest, isFetching: false }
      : { ...rest, isFetching: false, problem: toProblem(thrown) }
  }
}

/** A change that can be asked for. */
export interface ActionRun<A extends readonly unknown[], T> {
  /** Runs it; undefined where it failed, with `problem` set. While it runs, asking again does nothing. */
  run(...args: A): Promise<T | undefined>
  readonly pending: ReadonlySignal<boolean>
  readonly problem: ReadonlySignal<ApiProblem | undefined>
  clear(): void
}

export interface ActionOptions<T> {
  /** Keys to ask anew for when it is done. */
  readonly invalidates?: readonly string[]
  readonly onDone?: (value: T) => void
  readonly onProblem?: (problem: ApiProblem) => void
}

/** Something to do that can fail. It outlives no component: what it says then is not heard. */
export function useAction<A extends readonly unknown[], T>(
  work: (...args: A) => Promise<T>,
  options: ActionOptions<T> = {},
): ActionRun<A, T> {
  const latest = useRef({ work, options })
  latest.current = { work, options }
  return useMemo(() => {
    const pending = signal(false)
    const problem = signal<ApiProblem | undefined>(undefined)
    return {
      pending,
      problem,
      clear: () => (problem.value = undefined),
      async run(...args: A) {
        if (pending.peek()) return undefined
        pending.value = true
        problem.value = undefined
        try {
          const value = await latest.current.work(...args)
          invalidate(...(latest.current.options.invalidates ?? []))
          latest.current.options.onDone?.(value)
          return value
        } catch (thrown) {
          problem.value = toProblem(thrown)
          latest.current.options.onProblem?.(problem.value)
          return undefined
        } finally {
          pending.value = false
        }
      },
    }
  }, [])
}
