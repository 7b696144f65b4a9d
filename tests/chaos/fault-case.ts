// One broken provider, seen in three ways: beside a good one asked alone (what an answer takes), alone itself (what its fault
// looks like to a client), and as the first of two targets (whether the second stands in). The cases differ in the fault only.

import { askOf, inTurn } from './load.ts'
import { tell, type Outcome } from './client.ts'
import { attemptsOf, type Scenario } from './account.ts'
import { modelOf, NO_CIRCUIT, providerAt, World } from './world.ts'
import type { Echo } from './echo.ts'

/** What may come of a request; of an error, one of its statuses and codes. */
export interface Due {
  readonly outcomes: readonly Outcome[]
  readonly errors?: readonly (readonly [number, string])[]
}

export const RIGHT: Due = { outcomes: ['right'] }
/** An answer that begins and then ends with an error of its protocol. */
export const BROKEN: Due = { outcomes: ['broken'] }
/** Until its circuit opens; then the other target answers. */
export const BROKEN_OR_RIGHT: Due = { outcomes: ['broken', 'right'] }

export function failing(...errors: readonly (readonly [number, string])[]): Due {
  return { outcomes: ['error'], errors }
}

export interface FaultyProvider {
  readonly baseUrl: string
  /** More of its configuration. */
  readonly more?: object
}

export interface FaultCase {
  readonly name: string
  readonly title: string
  readonly expected: string
  readonly without?: () => string | undefined
  /** Makes the provider; `echo` stands behind it where there is something behind. */
  make(world: World, echo: Echo): FaultyProvider | Promise<FaultyProvider>
  /** Asked alone, with its circuit off. */
  readonly alone: { readonly whole: Due; readonly stream: Due }
  /** As the first of two targets. */
  readonly pair: { readonly whole: Due; readonly stream: Due }
  /** What its right answers take longer. */
  readonly slowMs?: number
  /** Longest attempt that meets the fault, by its deadline. */
  readonly attemptMsMax?: number
  readonly pieces?: number
  readonly gapMs?: number
  readonly fillChars?: number
  readonly requests?: number
}

/** Besides the provider's own time, a failover adds less than this at p99. */
const FAILOVER_MS = 50
/** How far beyond its deadline an attempt may end where figures of time don't decide: nobody would have ended it without one. */
const LATE_TIMES = 30

export function faultScenario(fault: FaultCase): Scenario {
  const { name, title, expected, without } = fault
  return {
    name,
    title,
    expected,
    ...(without === undefined ? {} : { without }),
    async run(account, pace) {
      await using world = new World()
      const good = world.echo()
      const behind = world.echo()
      const { baseUrl, more = {} } = await fault.make(world, behind)
      const weir = await world.weir({
        providers: [
          providerAt('good', good.baseUrl),
          providerAt('alone', baseUrl, { circuit: NO_CIRCUIT, ...more }),
          providerAt('first', baseUrl, more),
        ],
        models: [
          modelOf('good', ['good']),
          modelOf('alone', ['alone']),
          modelOf('pair', ['first', 'good']),
        ],
      })
      const { pieces, gapMs, fillChars } = { pieces: 3, gapMs: 0, fillChars: 0, ...fault }
      const kind = (model: string) => ({ port: weir.port, model, pieces, gapMs, fillChars })
      const requests = fault.requests ?? (pace.quick ? 16 : 60)
      const warm = await inTurn(kind('good'), pace.quick ? 16 : 100, 4)
      const base = await inTurn(kind('good'), requests, 4)
      account.count('the good one alone', [...warm, ...base], 'right')
      const told = [...warm, ...base]
      for (const [model, dues] of [
        ['alone', fault.alone],
        ['pair', fault.pair],
      ] as const) {
        const of = []
        for (const stream of [false, true]) {
          const due = stream ? dues.stream : dues.whole
          const part = await inTurn({ ...kind(model), stream }, requests >> 1, 4)
          const what = `${model}, ${stream ? 'stream' : 'whole'}`
          account.count(what, part, ...due.outcomes)
          account.errorsAre(what, part, due.errors ?? [])
          of.push(...part)
        }
        told.push(...of)
        if (model !== 'pair') continue
        const rows = await account.rows(weir, told)
        const addedMs = account.compare(of, base, rows) - (fault.slowMs ?? 0)
        account.addedAtMost(' besides its own time', addedMs, FAILOVER_MS)
        if (fault.attemptMsMax !== undefined) {
          const longest = Math.max(
            ...[...rows.values()].flatMap(attemptsOf).map(({ durationMs }) => durationMs),
          )
          account.atMost('longest attempt', longest, fault.attemptMsMax, 'ms', LATE_TIMES)
        }
        account.attempts(rows, of)
        account.askedAsRecorded(rows, told, [good, behind])
      }
      const after = await tell(askOf(kind('good')))
      account.count('afterwards', [after], 'right')
    },
  }
}
