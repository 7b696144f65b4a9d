// The account of one scenario: what was asked, what came of it, what it should have been. Every request is counted and looked for in
// the log; a scenario that finds nothing wrong says so with its figures.

import type { Outcome, Told } from './client.ts'
import { quantile, rightTimes } from './load.ts'
import type { Echo } from './echo.ts'
import type { LogRow, Weir } from '../harness/weir.ts'

/** How a scenario is to be run. */
export interface Pace {
  /** Shorter times and fewer requests. */
  readonly quick: boolean
  /** Whether figures of time decide; else they are printed alone, for machines that do other work. */
  readonly strict: boolean
  /** In [0, 1), by the seed of the run. */
  readonly random: () => number
}

export interface Scenario {
  readonly name: string
  readonly title: string
  /** What must come out of it, in a few words. */
  readonly expected: string
  /** False for what this machine lacks, with the reason. */
  readonly without?: () => string | undefined
  run(account: Account, pace: Pace): Promise<void>
}

/** How many times its bound a figure may be where figures don't decide. */
const FAR = 10

/** Rows are written in groups; the log is behind by no more. */
const ROWS_LIMIT_MS = 30_000

/** What no fault excuses. */
const NEVER: readonly Outcome[] = ['cut', 'wrong', 'hung']

export class Account {
  requests = 0
  clientErrors = 0
  /** What was added to an answer by the fault, against answers without it. */
  addedP50Ms: number | undefined
  addedP99Ms: number | undefined
  attemptsPerRequest: number | undefined
  /** Why the scenario failed. */
  readonly problems: string[] = []
  /** Figures besides those of the table. */
  readonly notes: string[] = []
  private readonly pace: Pace
  /** What answers of the load took that another was compared with last. */
  private basisMs = 0

  constructor(pace: Pace) {
    this.pace = pace
  }

  /** Counts requests; each must have come out in one of these ways. */
  count(what: string, told: readonly Told[], ...allowed: readonly Outcome[]): void {
    this.requests += told.length
    if (told.length === 0) this.fail(`${what}: nothing was asked`)
    for (const { outcome } of told) {
      if (outcome !== 'right' && outcome !== 'left') this.clientErrors += 1
    }
    const bad = told.filter(({ outcome }) => !allowed.includes(outcome))
    const sorted = [...bad].sort((a, b) => Number(isNever(b)) - Number(isNever(a)))
    for (const { outcome, status, code, detail, ask } of sorted.slice(0, 3)) {
      const { client, stream, requestId } = ask
      const how = `${client}${stream ? ', stream' : ''} ${requestId}`
      this.fail(`${what}: ${outcome} ${status} ${code} ${detail} (${how})`)
    }
    if (bad.length > 3) this.fail(`${what}: ${bad.length - 3} more of ${told.length}`)
  }

  /** Those that ended with an error must say one of these statuses and codes. */
  errorsAre(
    what: string,
    told: readonly Told[],
    due: readonly (readonly [number, string])[],
  ): void {
    const errors = told.filter(({ outcome }) => outcome === 'error')
    const wrong = errors.filter(
      ({ status, code, ask }) =>
        !due.some(
          ([wanted, name]) =>
            // Anthropic says another status for an overload, and types instead of codes.
            (status === wanted || (wanted === 503 && status === 529)) &&
            (ask.client === 'anthropic' || code === name),
        ),
    )
    const counts = new Map<string, number>()
    for (const { status, code } of wrong) {
      const name = `${status} ${code}`
      counts.set(name, (counts.get(name) ?? 0) + 1)
    }
    for (const [name, count] of counts) this.fail(`${what}: ${count} errors ${name}`)
  }

  /**
   * p50 and p99 of the right answers of one load beside those of another. With rows, what the failed attempts took is left out: that
   * is the providers' own time.
   * @returns the difference that is judged
   */
  compare(
    told: readonly Told[],
    base: readonly Told[],
    rows?: ReadonlyMap<string, LogRow>,
  ): number {
    const others = rightTimes(base)
    const values = told
      .filter(({ outcome }) => outcome === 'right')
      .map(({ ask, totalMs }) => totalMs - failedMs(rows?.get(ask.requestId)))
    this.basisMs = quantile(others, this.judged.share)
    this.addedP50Ms = quantile(values, 0.5) - quantile(others, 0.5)
    this.addedP99Ms = quantile(values, 0.99) - quantile(others, 0.99)
    return this.pace.strict ? this.addedP99Ms : this.addedP50Ms
  }

  /**
   * The share of answers whose slowest is judged. Of the few of a run on a machine that does other work the slowest of all was held up by
   * that; what a fault adds it adds to every one.
   */
  get judged(): { readonly share: number; readonly name: string } {
    return this.pace.strict ? { share: 0.99, name: 'p99' } : { share: 0.5, name: 'p50' }
  }

  /**
   * What a fault adds to answers, as it was compared last. Where figures don't decide it must also be far beyond what answers take without
   * the fault: that tells how busy the machine is.
   */
  addedAtMost(besides: string, addedMs: number, boundMs: number): void {
    const far = FAR * Math.max(1, this.basisMs / boundMs)
    this.atMost(`added at ${this.judged.name}${besides}`, addedMs, boundMs, 'ms', far)
  }

  /** A figure of time or size: it decides in a strict run; otherwise only far beyond it. */
  atMost(what: string, value: number, bound: number, unit: string, far = FAR): void {
    this.notes.push(`${what} ${rounded(value)} ${unit} (≤ ${rounded(bound)})`)
    const limit = this.pace.strict ? bound : bound * far
    if (!(value <= limit)) this.fail(`${what}: ${rounded(value)} ${unit}, due ≤ ${rounded(limit)}`)
  }

  /** What must hold whatever the machine. */
  must(holds: boolean, otherwise: string): void {
    if (!holds) this.fail(otherwise)
  }

  note(text: string): void {
    this.notes.push(text)
  }

  fail(problem: string): void {
    this.problems.push(problem)
  }

  /** Every request has exactly one row, and no row is anybody else's. @returns the rows, by request id */
  async rows(weir: Weir, told: readonly Told[]): Promise<Map<string, LogRow>> {
    return await this.rowsOf(() => weir.rows(), told)
  }

  /** The same, of rows read in another way. */
  async rowsOf(read: () => readonly LogRow[], told: readonly Told[]): Promise<Map<string, LogRow>> {
    // Who left before it was read, or was refused at the door, may have none.
    const optional = new Set<Outcome>(['refused', 'left'])
    const ids = new Set(told.map(({ ask }) => ask.requestId))
    const due = told.filter(({ outcome }) => !optional.has(outcome)).map(({ ask }) => ask.requestId)
    const limitMs = performance.now() + ROWS_LIMIT_MS
    let byId = new Map<string, LogRow>()
    for (;;) {
      const rows = read().filter(({ request_id: id }) => ids.has(String(id)))
      byId = new Map(rows.map((row) => [String(row['request_id']), row]))
      if (rows.length > byId.size) this.fail(`${rows.length - byId.size} requests have two rows`)
      if (due.every((id) => byId.has(id))) break
      if (performance.now() > limitMs) {
        this.fail(`${due.filter((id) => !byId.has(id)).length} of ${due.length} rows are missing`)
        break
      }
      await Bun.sleep(20)
    }
    for (const { ask, status } of told) {
      const row = byId.get(ask.requestId)
      if (row === undefined || status === 0 || row['status'] === status) continue
      this.fail(`the row of ${ask.requestId} says ${String(row['status'])}, its client ${status}`)
      break
    }
    return byId
  }

  /**
   * Nothing was lost or doubled on the way: who was answered was asked for, and no prompt reached the providers more often than its
   * row has attempts.
   */
  askedAsRecorded(
    rows: ReadonlyMap<string, LogRow>,
    told: readonly Told[],
    echoes: readonly Echo[],
  ): void {
    const wrong: string[] = []
    for (const { ask, outcome } of told) {
      const row = rows.get(ask.requestId)
      if (row === undefined) continue
      const times = echoes.reduce((sum, echo) => sum + (echo.times.get(ask.words.nonce) ?? 0), 0)
      const attempts = attemptsOf(row).length
      if (times <= attempts && (times > 0 || outcome !== 'right')) continue
      wrong.push(`${ask.requestId} was asked ${times} times in ${attempts} attempts`)
    }
    for (const text of wrong.slice(0, 3)) this.fail(text)
    if (wrong.length > 3) this.fail(`${wrong.length - 3} more were asked otherwise than recorded`)
    const strange = echoes.flatMap((echo) => echo.strange)
    if (strange.length > 0) this.fail(`no prompt of this run: ${strange[0] ?? ''}`)
  }

  /** Attempts for each request, by the rows. */
  attempts(rows: ReadonlyMap<string, LogRow>, told: readonly Told[]): number {
    const counts = told.flatMap(({ ask }) => {
      const row = rows.get(ask.requestId)
      return row === undefined ? [] : [attemptsOf(row).length]
    })
    const sum = counts.reduce((all, count) => all + count, 0)
    this.attemptsPerRequest = counts.length === 0 ? Number.NaN : sum / counts.length
    return this.attemptsPerRequest
  }
}

function isNever({ outcome }: Told): boolean {
  return NEVER.includes(outcome)
}

/** What the attempts before the last one took. */
function failedMs(row: LogRow | undefined): number {
  if (row === undefined) return 0
  return attemptsOf(row)
    .slice(0, -1)
    .reduce((sum, { durationMs }) => sum + durationMs, 0)
}

export interface RowAttempt {
  readonly providerId: string
  readonly status?: number
  readonly error?: string
  readonly as?: string
  readonly keyHint?: string
  readonly durationMs: number
}

export function attemptsOf(row: LogRow): readonly RowAttempt[] {
  return JSON.parse(String(row['attempts'])) as RowAttempt[]
}

export function rounded(value: number): string {
  if (Number.isNaN(value)) return '?'
  return Math.abs(value) >= 100 || Number.isInteger(value) ? value.toFixed(0) : value.toFixed(1)
}
