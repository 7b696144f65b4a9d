// The thread on which SQLite is searched: bun:sqlite holds its thread for as long as a statement takes, and a search takes longer than a
// request may wait. It has a connection of its own, which can only read unless it is opened to change, and does what it is told; it knows no table.
// It also brings the write-ahead log into the file, for the same reason.

import { Database } from 'bun:sqlite'
import { readlinkSync } from 'node:fs'
import { setPriority } from 'node:os'
import { sqliteCode } from './errors.ts'
import { changeIn, type Change } from './log-hand.ts'
import type { SearchValue } from './search-reader.ts'

/** The first message names the file; each one after it is a statement. */
export type SearchQuestion =
  | {
      readonly path: string
      readonly cacheBytes: number
      readonly busyTimeoutMs: number
      readonly isWritable: boolean
    }
  | { readonly id: number; readonly text: string; readonly values: readonly SearchValue[] }
  | { readonly id: number; readonly checkpoint: 'PASSIVE' | 'TRUNCATE' }
  | { readonly id: number; readonly change: readonly Change[] }

export type SearchAnswer =
  | { readonly id: number; readonly rows: readonly object[] }
  | { readonly id: number; readonly code: string }

declare const self: Worker

// The executable begins with a compiler that holds back, which is for the start of a server alone.
Bun.unsafe.setJITPolicy(1)

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
  self.postMessage(answered(question))
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
  const { isWritable } = question
  // Whoever holds the lock must not be kept from ending soon.
  if (!isWritable) giveWay()
  database = new Database(
    question.path,
    isWritable ? { readwrite: true, create: false } : { readonly: true },
  )
  database.run(`PRAGMA busy_timeout = ${Math.trunc(question.busyTimeoutMs)}`)
  database.run(`PRAGMA cache_size = -${Math.trunc(question.cacheBytes / 1024)}`)
  if (!isWritable) {
    database.run('PRAGMA query_only = ON')
    return
  }
  database.run('PRAGMA synchronous = NORMAL')
  database.run('PRAGMA foreign_keys = ON')
  database.run('PRAGMA secure_delete = ON')
  // It is told when: a commit that waits for the disk would count as a long one.
  database.run('PRAGMA wal_autocheckpoint = 0')
}

function answered(question: Exclude<SearchQuestion, { path: string }>): SearchAnswer {
  const { id } = question
  if (database === undefined) return { id, code: 'SQLITE_CANTOPEN' }
  try {
    return { id, rows: rowsOf(database, question) }
  } catch (error) {
    return { id, code: sqliteCode(error) ?? 'SQLITE_ERROR' }
  }
}

function rowsOf(on: Database, question: Exclude<SearchQuestion, { path: string }>): object[] {
  if ('change' in question) return [changeIn(on, question.change)]
  if ('checkpoint' in question) {
    return on.query<object, []>(`PRAGMA wal_checkpoint(${question.checkpoint})`).all()
  }
  // Not kept prepared: most texts come once, and a kept statement is memory.
  const statement = on.prepare<object, SearchValue[]>(question.text)
  try {
    return statement.all(...question.values)
  } finally {
    statement.finalize()
  }
}
