// One soak from start to verdict: the provider and the executable started, clients kept at their number, a line every ten seconds, a
// graceful stop, the books read, and all of it judged. Who runs it for how long is the command's to say.

import { readFileSync } from 'node:fs'
import { memoryBytes, startWeir, type Weir } from '../tests/harness/weir.ts'
import { freePort } from '../src/testing/ports.ts'
import { seededRandom } from '../src/testing/seed.ts'
import { start, type Running } from './process.ts'
import { PROVIDERS, type ChatDialect } from './pairs.ts'
import { FILES_MIN, startScript } from './stage.ts'
import { audit, nanoUsdOf, PRICE, rowsSoFar } from './soak-books.ts'
import { run, type Outcome, type Told } from './soak-client.ts'
import { floorText, Gate, heapMib, settled, type Settling } from './soak-floors.ts'
import {
  againstMemory,
  againstStreams,
  againstTime,
  firstTimes,
  growthOf,
  growthText,
  slopeOf,
  timesOf,
  totalTimes,
  type Bounds,
  type Floor,
  type Sample,
  type Slope,
  type Times,
} from './soak-judge.ts'
import { ALL_DIALECTS, nextErrand, type Errand, type Fault, type Patience } from './soak-plan.ts'
import type { UpstreamStats } from './soak-upstream.ts'

export interface SoakOptions {
  readonly streams: number
  /** Of load: what quiet points take comes on top. */
  readonly minutes: number
  /** Quiet points: the load is cut into so many parts, and after each is one. */
  readonly floors: number
  readonly settling: Settling
  readonly faults: readonly Fault[]
  readonly dialects: readonly ChatDialect[]
  readonly seed: number
  readonly piecesPerSecond: number
  /** The longest stream. */
  readonly secondsMax: number
  readonly patience: Patience
  readonly bounds: Bounds
  /** A fault of the gateway itself, to prove that it would be seen. */
  readonly planted?: string
  /** A line of the output. */
  print(line: string): void
}

export interface SoakReport {
  readonly requests: number
  readonly outcomes: Readonly<Partial<Record<Outcome, number>>>
  readonly rows: number
  readonly slope: Slope | undefined
  readonly floors: readonly Floor[]
  readonly first: { readonly firstPart: Times; readonly lastPart: Times }
  readonly problems: readonly string[]
}

/** What a planted gateway may do wrong. */
export const PLANTED = ['cut', 'swap', 'leak'] as const

const LINE_MS = 10_000
const LAG_MS = 50
/** Of memory: so many in a run, a second apart at most. */
const SAMPLES = 150
const SAMPLE_MS_MAX = 1_000
/** Clients come one after the other over this share of the run: nobody's five hundred arrive in one millisecond. */
const RAMP_SHARE = 0.05
const KEYS = {
  all: 'weir-soak-key-for-everybody-0000000000',
  metrics: 'weir-soak-key-that-reads-metrics-00000',
  crew: 'weir-soak-key-with-five-places-00000000',
  purse: 'weir-soak-key-with-a-budget-0000000000',
}
const CREW_PLACES = 5
const CREW_CLIENTS = 8
const PURSE_CLIENTS = 2
const PURSE_USD = 0.002
/** So much of it is spent when somebody is refused first: the rest may be held for the other client, whose answer is on its way. */
const SPENT_SHARE = 0.85
const NANO_PER_USD = 1e9
/** Letters that nonces begin with, by the key they come with. */
const LETTERS = { all: 's', crew: 'c', purse: 'p' } as const
type Crew = keyof typeof LETTERS
const COMPLAINT = /internal error|request failed outside|panic/

export async function soak(options: SoakOptions): Promise<SoakReport> {
  const resetPort = freePort()
  const upstream = await startScript('upstream', import.meta.resolve('./soak-upstream.ts'), [
    String(resetPort),
  ])
  try {
    const config = configOf(upstream.port, resetPort, options.patience)
    const weir = await startWeir({ config, env: { BUN_CONFIG_MAX_HTTP_REQUESTS: '20000' } })
    try {
      return await under(options, weir, upstream)
    } finally {
      await weir.stop('SIGKILL')
    }
  } finally {
    await upstream.stop()
  }
}

function configOf(port: number, resetPort: number, patience: Patience): object {
  const timeouts = {
    first_byte: `${patience.firstByteMs}ms`,
    idle: `${patience.idleMs}ms`,
    total: '10m',
  }
  const more = { keys: ['sk-soak'], timeouts, retries: { max: 0 }, circuit: { enabled: false } }
  const provider = (kind: string, dialect: ChatDialect) => {
    const { compatible, path, type } = PROVIDERS[dialect]
    const id = `${kind}-${dialect}`
    const base_url = `http://127.0.0.1:${port}/${kind}${path}`
    return { id, type, ...(compatible === undefined ? {} : { compatible }), base_url, ...more }
  }
  const targets = (dialect: ChatDialect, ...providers: readonly string[]) =>
    providers.map((id, order) => ({
      provider: id,
      model: id === 'bad-reset' ? 'soak' : PROVIDERS[dialect].model,
      order,
    }))
  const base_url = `http://127.0.0.1:${resetPort}/v1`
  return {
    auth: { anonymous: 'never' },
    server: { drain_timeout: '20s' },
    providers: [
      ...ALL_DIALECTS.flatMap((dialect) => [provider('good', dialect), provider('bad', dialect)]),
      { id: 'bad-reset', type: 'custom', compatible: 'openai', base_url, ...more },
    ],
    models: ALL_DIALECTS.flatMap((dialect) => [
      { id: dialect, targets: targets(dialect, `good-${dialect}`), price: PRICE },
      {
        id: `${dialect}-bad`,
        targets: targets(dialect, `bad-${dialect}`, `good-${dialect}`),
        price: PRICE,
      },
      {
        id: `${dialect}-reset`,
        targets: targets(dialect, 'bad-reset', `good-${dialect}`),
        price: PRICE,
      },
    ]),
    keys: [
      { name: 'all', key: KEYS.all },
      { name: 'metrics', key: KEYS.metrics, roles: ['admin'] },
      { name: 'crew', key: KEYS.crew, limits: { concurrent: CREW_PLACES } },
      {
        name: 'purse',
        key: KEYS.purse,
        budget: { usd: PURSE_USD, window: 'month', action: 'block' },
      },
    ],
  }
}

/** The run itself, with everything started. */
async function under(options: SoakOptions, weir: Weir, upstream: Running): Promise<SoakReport> {
  const planted =
    options.planted === undefined ? undefined : await startPlanted(options.planted, weir.port)
  const port = planted?.port ?? weir.port
  const told: Told[] = []
  const samples: Sample[] = []
  const startedMs = performance.now()
  const lines = new Lines(options, weir, startedMs)
  const memory = () =>
    [weir.pid, ...(planted === undefined ? [] : [planted.pid])].reduce(
      (sum, pid) => sum + (memoryBytes(pid) ?? Number.NaN) / 1_048_576,
      0,
    )
  const load = new LoadTime()
  const sampling = setInterval(
    () => {
      const mib = memory()
      // With nobody new coming memory goes down, which would hide what it did before.
      if (load.isOn && !Number.isNaN(mib)) samples.push({ atMs: load.ms, mib })
    },
    Math.min(SAMPLE_MS_MAX, (options.minutes * 60_000) / SAMPLES),
  )
  const lag = new Lag()
  const telling = setInterval(() => lines.tell(told, memory()), LINE_MS)
  const gate = new Gate()
  const running = clients(options, port, gate, told)
  const floors: Floor[] = []
  const partsMs: number[] = []
  for (let part = 0; part < options.floors; part += 1) {
    partsMs.push(performance.now())
    load.on()
    gate.open()
    await Bun.sleep((options.minutes * 60_000) / options.floors)
    load.off()
    await gate.shut()
    const { isSettled, mib } = await settled(memory, options.settling)
    const heap = await heapMib(weir.url, KEYS.metrics)
    const floor = { loadMs: load.ms, mib, heapMib: heap, requests: told.length, isSettled }
    floors.push(floor)
    options.print(`  quiet: ${floorText(floor)}`)
  }
  gate.end()
  await running
  clearInterval(sampling)
  lag.end()
  clearInterval(telling)
  lines.tell(told, memory())
  const problems = await stopped(weir)
  const stats = await statsOf(upstream)
  await planted?.stop()
  return reportOf(options, { told, samples, floors, partsMs, problems, stats, weir, lag })
}

/** Time under load alone. */
class LoadTime {
  private beforeMs = 0
  private sinceMs: number | undefined

  get isOn(): boolean {
    return this.sinceMs !== undefined
  }

  get ms(): number {
    return this.beforeMs + (this.sinceMs === undefined ? 0 : performance.now() - this.sinceMs)
  }

  on(): void {
    this.sinceMs = performance.now()
  }

  off(): void {
    this.beforeMs = this.ms
    this.sinceMs = undefined
  }
}

async function startPlanted(what: string, weirPort: number): Promise<Running> {
  const port = freePort()
  return await start({
    name: 'planted',
    command: [
      process.execPath,
      Bun.fileURLToPath(import.meta.resolve('./soak-planted.ts')),
      `${port}`,
      `${weirPort}`,
      what,
    ],
    folder: '/',
    port,
    readyPath: '/health',
    filesMin: FILES_MIN,
  })
}

/** Keeps clients at their number while the gate lets them; resolves when the last has gone home. */
async function clients(
  options: SoakOptions,
  port: number,
  gate: Gate,
  told: Told[],
): Promise<void> {
  const rampMs = options.minutes * 60_000 * RAMP_SHARE
  const mix = { ...options, faults: options.faults }
  const loops: Promise<void>[] = []
  const loop = async (crew: Crew, number: number, delayMs: number) => {
    const random = seededRandom(options.seed * 7_919 + number)
    const seen = { opening: 0 }
    for (let turn = 0; await gate.enter(seen, () => Bun.sleep(delayMs)); turn += 1) {
      const nonce = `${LETTERS[crew]}${number}x${turn}`
      // The first clients begin with a fault each, so that every one of them comes up.
      const due = turn === 0 ? options.faults[number] : undefined
      const errand = crew === 'all' ? nextErrand(nonce, mix, random, due) : shortErrand(nonce)
      const requestId = `soak-${nonce}`
      told.push(await run({ port, model: modelOf(errand), key: KEYS[crew], requestId, errand }))
      gate.leave()
      // The refused come back in a while, as well-behaved clients do.
      if (crew !== 'all') await Bun.sleep(200 + random() * 400)
    }
  }
  for (let number = 0; number < options.streams; number += 1) {
    loops.push(loop('all', number, (rampMs * number) / options.streams))
  }
  for (let number = 0; number < CREW_CLIENTS; number += 1) loops.push(loop('crew', number, 0))
  for (let number = 0; number < PURSE_CLIENTS; number += 1) loops.push(loop('purse', number, 0))
  await Promise.all(loops)
}

function shortErrand(nonce: string): Errand {
  const plan = { nonce, pieces: 8, gapMs: 60, fillChars: 0, tool: false, fault: 'none' } as const
  const client = 'openai-chat'
  return { plan, client, provider: client, habit: 'reads', leaveAfterBytes: 0 }
}

function modelOf({ plan, provider }: Errand): string {
  if (plan.fault === 'none') return provider
  return `${provider}-${plan.fault === 'reset' ? 'reset' : 'bad'}`
}

/** Stops it as an operator would; what is wrong with the way it ended. Its folder stays. */
async function stopped(weir: Weir): Promise<string[]> {
  process.kill(weir.pid, 'SIGTERM')
  const code = await weir.ended
  const complaint = weir
    .stderr()
    .split('\n')
    .find((line) => COMPLAINT.test(line))
  return [
    ...(code === 0 ? [] : [`the executable ended with ${code}: ${weir.stderr().slice(-400)}`]),
    ...(complaint === undefined ? [] : [`the executable complains: ${complaint.slice(0, 400)}`]),
  ]
}

/** What the provider counted. */
async function statsOf(upstream: Running): Promise<UpstreamStats> {
  const response = await fetch(`http://127.0.0.1:${upstream.port}/stats`)
  return (await response.json()) as UpstreamStats
}

/** What the provider has to say: nothing runs on for a client that is gone, and a limit on places was kept. */
function againstProvider(stats: UpstreamStats): string[] {
  const most = stats.most[LETTERS.crew] ?? 0
  return [
    ...(stats.running === 0 ? [] : [`${stats.running} answers still run at the provider`]),
    ...(most <= CREW_PLACES ? [] : [`${most} ran at once of a key with ${CREW_PLACES} places`]),
  ]
}

interface Gathered {
  readonly told: readonly Told[]
  readonly samples: readonly Sample[]
  readonly floors: readonly Floor[]
  readonly problems: readonly string[]
  readonly stats: UpstreamStats
  readonly weir: Weir
  /** When each part of the load began, monotonic. */
  readonly partsMs: readonly number[]
  readonly lag: Lag
}

function refusalsDue({ code, requestId }: Told): boolean {
  if (requestId.startsWith(`soak-${LETTERS.crew}`)) return code === 'concurrency_limit_exceeded'
  return requestId.startsWith(`soak-${LETTERS.purse}`) && code === 'insufficient_quota'
}

/** A limit that lets nobody in refuses by the right code too: places that are not given back, and a budget that is used up by nobody. */
function againstRefusals(
  told: readonly Told[],
  inLast: readonly Told[],
  spentNanoUsd: number,
): string[] {
  const isOf = (crew: Crew) => (each: Told) => each.requestId.startsWith(`soak-${LETTERS[crew]}`)
  const crew = inLast.filter(isOf('crew'))
  const isLocked = crew.length > 0 && !crew.some(({ outcome }) => outcome === 'right')
  const isPoor = told.filter(isOf('purse')).some(({ outcome }) => outcome === 'refused')
  return [
    ...(isLocked ? [`${crew.length} of a key with places refused, and nobody let in`] : []),
    ...(isPoor && spentNanoUsd < PURSE_USD * NANO_PER_USD * SPENT_SHARE
      ? [`refused with ${spentNanoUsd} nano-dollars spent of ${PURSE_USD} USD`]
      : []),
  ]
}

function reportOf(options: SoakOptions, gathered: Gathered): SoakReport {
  const { floors, partsMs, samples, stats, told, weir } = gathered
  const { bounds, print } = options
  const books = audit(weir.dataFolder, told, LETTERS.purse)
  const lastMs = partsMs.at(-1) ?? 0
  const inLast = told.filter((each) => each.endedMs >= lastMs)
  const firstPart = firstTimes(told.filter((each) => each.endedMs < (partsMs[1] ?? Infinity)))
  const lastPart = firstTimes(inLast)
  const slope = slopeOf(samples)
  const heldUpMs = gathered.lag.p99Ms(lastMs)
  // The last answer to be let in may take it over the edge, and no other.
  const spentMax = PURSE_USD * NANO_PER_USD + nanoUsdOf(shortErrand('').plan.pieces)
  const problems = [
    ...gathered.problems,
    ...againstProvider(stats),
    ...againstStreams(told, refusalsDue),
    ...againstRefusals(told, inLast, books.spentNanoUsd),
    ...books.problems,
    ...(books.spentNanoUsd <= spentMax
      ? []
      : [`${books.spentNanoUsd} nano-dollars spent of a budget of ${PURSE_USD} USD`]),
    ...againstMemory(floors, bounds),
    ...againstTime(firstPart, lastPart, heldUpMs, bounds),
  ]
  const outcomes = counts(told, ({ outcome }) => outcome)
  const total = totalTimes(told)
  print('')
  print(`requests      ${told.length} (${text(outcomes)})`)
  print(`protocols     ${text(counts(told, ({ errand }) => errand.client))}`)
  print(`faults met    ${text(stats.faults)}`)
  print(
    `refused       ${text(
      counts(
        told.filter(({ outcome }) => outcome === 'refused'),
        ({ code }) => code,
      ),
    )}`,
  )
  print(`rows          ${books.rows}, ${books.outputTokens} output tokens, ${usd(books.nanoUsd)}`)
  print(
    `budget        ${usd(books.spentNanoUsd)} of ${PURSE_USD} USD; places at most ${stats.most[LETTERS.crew] ?? 0} of ${CREW_PLACES}`,
  )
  print(
    `first token   p50 ${ms(firstPart.p50)} p99 ${ms(firstPart.p99)} in the first part, p50 ${ms(lastPart.p50)} p99 ${ms(lastPart.p99)} in the last (at most ${bounds.slowerTimesMax} × and ${bounds.slowerMsMax} ms)`,
  )
  print(
    `held up       this side by p99 ${ms(heldUpMs)} in the last part, at most ${ms(gathered.lag.p100Ms())}`,
  )
  print(`total         p50 ${ms(total.p50)} p99 ${ms(total.p99)}`)
  print(`floors        ${floors.map(({ mib }) => mib.toFixed(1)).join(', ')} MiB at rest`)
  print(`growth        ${growthLine(floors, bounds)}`)
  print(`under load    ${slopeText(slope)}`)
  print(`verdict       ${problems.length === 0 ? 'ok' : 'FAILED'}`)
  for (const problem of problems) print(`  ! ${problem}`)
  return {
    requests: told.length,
    outcomes,
    rows: books.rows,
    slope,
    floors,
    first: { firstPart, lastPart },
    problems,
  }
}

function growthLine(floors: readonly Floor[], { growthMax, growthMaxMib }: Bounds): string {
  const growth = growthOf(floors)
  if (growth === undefined) return 'not measured'
  return `${growthText(growth)} (at most ${growthMaxMib} MiB and ${growthMax} a minute)`
}

function slopeText(slope: Slope | undefined): string {
  if (slope === undefined) return 'not measured'
  return `${slope.mibPerMinute.toFixed(2)} ± ${slope.plusMinus.toFixed(2)} MiB a minute over the last two thirds, not judged`
}

function usd(nano: number): string {
  return `${(nano / NANO_PER_USD).toFixed(4)} USD`
}

function ms(value: number): string {
  return Number.isNaN(value) ? '?' : `${value.toFixed(0)} ms`
}

function counts<T, K extends string>(
  values: readonly T[],
  name: (value: T) => K,
): Partial<Record<K, number>> {
  const found: Partial<Record<K, number>> = {}
  for (const value of values) found[name(value)] = (found[name(value)] ?? 0) + 1
  return found
}

function text(values: Readonly<Partial<Record<string, number>>>): string {
  const all = Object.entries(values).map(([name, count]) => `${name} ${count ?? 0}`)
  return all.length === 0 ? 'none' : all.join(', ')
}

/** The lines of a run, each of what ended since the last. */
class Lines {
  private readonly options: SoakOptions
  private readonly weir: Weir
  private readonly startedMs: number
  private seen = 0
  private cpuMs = 0
  private atMs: number

  constructor(options: SoakOptions, weir: Weir, startedMs: number) {
    this.options = options
    this.weir = weir
    this.startedMs = startedMs
    this.atMs = startedMs
    options.print('  time      RSS    CPU  ended  first p50/p99   total p50/p99   rows  outcomes')
  }

  tell(told: readonly Told[], mib: number): void {
    const since = told.slice(this.seen)
    this.seen = told.length
    const first = firstTimes(since)
    const total = totalTimes(since)
    const nowMs = performance.now()
    const cpuMs = cpuOf(this.weir.pid)
    const share = (cpuMs - this.cpuMs) / (nowMs - this.atMs)
    this.cpuMs = cpuMs
    this.atMs = nowMs
    const cells = [
      `${((nowMs - this.startedMs) / 1_000).toFixed(0)} s`.padStart(6),
      `${mib.toFixed(0)} MiB`.padStart(8),
      `${(share * 100).toFixed(0)} %`.padStart(5),
      String(since.length).padStart(5),
      `${first.p50.toFixed(0)}/${first.p99.toFixed(0)} ms`.padStart(13),
      `${total.p50.toFixed(0)}/${total.p99.toFixed(0)} ms`.padStart(14),
      String(rowsSoFar(this.weir.dataFolder)).padStart(6),
      ` ${text(counts(since, ({ outcome }) => outcome))}`,
    ]
    this.options.print(cells.join('  '))
  }
}

/** How late timers of this process are: what clients measure and no gateway is to blame for. */
class Lag {
  private readonly seen: { readonly atMs: number; readonly lateMs: number }[] = []
  private readonly timer: ReturnType<typeof setInterval>
  private dueMs = performance.now() + LAG_MS

  constructor() {
    this.timer = setInterval(() => {
      const nowMs = performance.now()
      this.seen.push({ atMs: nowMs, lateMs: Math.max(0, nowMs - this.dueMs) })
      this.dueMs = nowMs + LAG_MS
    }, LAG_MS)
  }

  end(): void {
    clearInterval(this.timer)
  }

  p99Ms(fromMs: number): number {
    const late = this.seen.filter(({ atMs }) => atMs >= fromMs).map(({ lateMs }) => lateMs)
    return timesOf(late).p99
  }

  p100Ms(): number {
    return this.seen.reduce((most, { lateMs }) => Math.max(most, lateMs), 0)
  }
}

/** Processor time of all threads so far; NaN where there is no /proc. */
function cpuOf(pid: number): number {
  if (process.platform !== 'linux') return Number.NaN
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) * 10
}
