// The thread on which SQLite is searched: bun:sqlite holds its thread for as long as a statement takes, and a search takes longer than a
// request may wait. It has a connection of its own, which can only read, and does what it is told; it knows no table.

import { Database } from 'bun:sqlite'
import { readlinkSync } from 'node:fs'
import { setPriority } from 'node:os'
import { sqliteCode } from './errors.ts'
import type { SearchValue } from './search-reader.ts'

/** The first message names the file; each one after it is a statement. */
export type SearchQuestion =
  | { readonly path: string; readonly cacheBytes: number; readonly busyTimeoutMs: number }
  | { readonly id: number; readonly text: string; readonly values: readonly SearchValue[] }

export type SearchAnswer =
  | { readonly id: number; readonly rows: readonly object[] }
  | { readonly id: number; readonly code: string }

declare const self: Worker

/** Of 19: it still gets on while requests leave room. */
const NICENESS = 10

let database: Database | undefined

self.addEventListener('message', (event: MessageEvent<SearchQuestion>) => {
  const question = event.data
  if ('path' in question) {
    open(question)
    return
  }
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window
  self.postMessage(answerTo(question))
})

/** Where cores are short, model requests come first. Linux alone gives a thread a priority of its own; elsewhere it is like any other. */
function giveWay(): void {
  if (process.platform !== 'linux') return
  try {
    setPriority(Number(readlinkSync('/proc/thread-self').split('/').at(-1)), NICENESS)
  } catch (error) {
    // Without /proc, or where it is not allowed, searches take their share as before.
    if (!(error instanceof Error)) throw error
  }
}

function open(question: Extract<SearchQuestion, { path: string }>): void {
  giveWay()
  database = new Database(question.path, { readonly: true })
  database.run(`PRAGMA busy_timeout = ${Math.trunc(question.busyTimeoutMs)}`)
  database.run('PRAGMA query_only = ON')
  database.run(`PRAGMA cache_size = -${Math.trunc(question.cacheBytes / 1024)}`)
}

function answerTo({ id, text, values }: Extract<SearchQuestion, { id: number }>): SearchAnswer {
  if (database === undefined) return { id, code: 'SQLITE_CANTOPEN' }
  // Not kept prepared: most texts come once, and a kept statement is memory.
  const statement = database.prepare<object, SearchValue[]>(text)
  try {
    return { id, rows: statement.all(...values) }
  } catch (error) {
    return { id, code: sqliteCode(error) ?? 'SQLITE_ERROR' }
  } finally {
    statement.finalize()
  }
}
