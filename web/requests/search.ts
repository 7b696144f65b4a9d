// A search as it goes on: pages of it one after the other, what came newly above them, and where one was in it. It is kept while one looks at a
// request, so that the way back leads to the same place.

import { signal } from '@preact/signals'
import { toProblem, type ApiProblem } from '../api.ts'
import { readPage, type Asking, type RequestRow } from './data.ts'

const PAGE_ROWS = 100
/** A search for what is rare goes on by itself so many times; then one is asked. */
const STEPS_MAX = 25
/** Held at most; from there one goes on with a search that begins there. */
export const ROWS_MAX = 20_000

export interface SearchState {
  readonly rows: readonly RequestRow[]
  readonly isBusy: boolean
  readonly problem?: ApiProblem
  /** Everything from this moment on was looked at. */
  readonly scannedTo?: string
  /** Where to go on; null: there is no more. */
  readonly cursor?: string | null
}

export class Search {
  readonly key: string
  readonly asking: Asking
  readonly state = signal<SearchState>({ rows: [], isBusy: false })
  /** How far one had scrolled. */
  top = 0
  private running: AbortController | undefined
  private readonly known = new Set<string>()

  constructor(key: string, asking: Asking) {
    this.key = key
    this.asking = asking
  }

  /** The next page, and on until there is something to show. */
  async more(): Promise<void> {
    const { cursor, isBusy, rows } = this.state.peek()
    if (isBusy || cursor === null || rows.length >= ROWS_MAX) return
    await this.run(async (leaving) => {
      let found = 0
      for (let step = 0; step < STEPS_MAX && found < PAGE_ROWS / 2; step += 1) {
        const { cursor: at } = this.state.peek()
        if (at === null) return
        const query = {
          ...this.asking,
          limit: PAGE_ROWS,
          ...(at === undefined ? {} : { cursor: at }),
        }
        const page = await readPage(query, { signal: leaving })
        const fresh = this.fresh(page.data)
        found += fresh.length
        this.set({
          rows: [...this.state.peek().rows, ...fresh],
          cursor: page.next_cursor,
          scannedTo: page.scanned_to,
        })
      }
    })
  }

  /** What has come since, above the rest. */
  async newer(): Promise<void> {
    const [newest] = this.state.peek().rows
    if (this.asking.until !== undefined || this.state.peek().isBusy) return
    if (newest === undefined) {
      this.set({ cursor: undefined })
      return await this.more()
    }
    await this.run(async (leaving) => {
      const found: RequestRow[] = []
      const query = { ...this.asking, since: newest.time, limit: PAGE_ROWS }
      let cursor: string | null | undefined
      do {
        const page = await readPage(
          { ...query, ...(cursor == null ? {} : { cursor }) },
          { signal: leaving },
        )
        found.push(...page.data)
        cursor = page.next_cursor
      } while (cursor !== null && found.length < ROWS_MAX)
      this.add(found)
    })
  }

  /** Rows that came just now, newest first. */
  add(rows: readonly RequestRow[]): void {
    const fresh = this.fresh(rows)
    if (fresh.length === 0) return
    const all = [...fresh, ...this.state.peek().rows]
    // Whoever follows for long keeps the newest; what falls out is found by a search.
    this.set(all.length > ROWS_MAX ? { rows: all.slice(0, ROWS_MAX) } : { rows: all })
  }

  stop(): void {
    this.running?.abort()
  }

  private fresh(rows: readonly RequestRow[]): readonly RequestRow[] {
    return rows.filter(({ log_id: id }) => !this.known.has(id) && this.known.add(id))
  }

  private set(values: { [M in keyof SearchState]?: SearchState[M] | undefined }): void {
    this.state.value = { ...this.state.peek(), ...values } as SearchState
  }

  private async run(work: (signal: AbortSignal) => Promise<void>): Promise<void> {
    if (this.state.peek().isBusy) return
    const running = new AbortController()
    this.running = running
    const { problem: _, ...before } = this.state.peek()
    this.state.value = { ...before, isBusy: true }
    try {
      await work(running.signal)
    } catch (thrown) {
      if (!running.signal.aborted) this.set({ problem: toProblem(thrown) })
    } finally {
      this.set({ isBusy: false })
    }
  }
}

let kept: Search | undefined

/** Where the list was looked at last: the way back. */
export const listAddress = signal('/ui/requests')

/** The search there was, where it is the same; else a new one. */
export function searchFor(key: string, asking: () => Asking): Search {
  if (kept?.key === key) return kept
  kept?.stop()
  kept = new Search(key, asking())
  return kept
}

/** The rows beside one in the last search. */
export function besides(id: string): { newer?: RequestRow; older?: RequestRow } {
  const rows = kept?.state.peek().rows ?? []
  const at = rows.findIndex(({ log_id: each }) => each === id)
  const [newer, older] = at < 0 ? [] : [rows[at - 1], rows[at + 1]]
  return { ...(newer && { newer }), ...(older && { older }) }
}

/** Forgets the last search: it is begun anew. */
export function forgetSearch(): void {
  kept?.stop()
  kept = undefined
}
