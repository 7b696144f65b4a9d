// The log as it grows, followed as long as one looks: rows as they come, and after a break on from the last one. It keeps nothing.

import { createParser } from 'eventsource-parser'
import { ask, problemOfResponse, toProblem, type ApiProblem } from '../api.ts'
import type { Asking, RequestRow } from './data.ts'

/** Between one try and the next. */
const AGAIN_MS = 2_000

export interface Follower {
  onRows(rows: readonly RequestRow[]): void
  /** So many passed that were not read. */
  onMissed(count: number): void
  /** Undefined: it is followed again. */
  onBreak(problem: ApiProblem | undefined): void
}

/** Follows until the signal ends, or it is no longer allowed. */
export async function follow(asking: Asking, to: Follower, signal: AbortSignal): Promise<void> {
  const filters = Object.entries(asking).filter(([name]) => name !== 'since' && name !== 'until')
  const query = new URLSearchParams(filters.map(([name, value]) => [name, String(value)]))
  let last: string | undefined
  while (!signal.aborted) {
    try {
      const headers = last === undefined ? {} : { 'last-event-id': last }
      const answer = await ask(`/admin/requests/tail?${query.toString()}`, { headers, signal })
      if (!answer.ok || answer.body === null) throw await problemOfResponse(answer)
      to.onBreak(undefined)
      let end: string | undefined
      let rows: RequestRow[] = []
      const parser = createParser({
        onEvent({ data, event, id }) {
          last = id ?? last
          if (event === 'request') rows.unshift(JSON.parse(data) as RequestRow)
          else if (event === 'missed') to.onMissed((JSON.parse(data) as { rows: number }).rows)
          else if (event === 'end') end = (JSON.parse(data) as { reason: string }).reason
        },
      })
      const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader()
      for (;;) {
        const { done, value } = await reader.read()
        if (done) break
        parser.feed(value)
        if (rows.length > 0) to.onRows(rows)
        rows = []
      }
      if (end === 'permission' || end === 'authentication') {
        return to.onBreak(toProblem(new Error('You may follow the log no longer.')))
      }
    } catch (thrown) {
      if (signal.aborted) return
      const problem = toProblem(thrown)
      to.onBreak(problem)
      if (problem.status === 401 || problem.status === 403 || problem.status === 400) return
    }
    await new Promise((done) => setTimeout(done, AGAIN_MS))
  }
}
