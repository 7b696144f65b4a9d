// The end of the program under load: asked to stop, it finishes what it has begun; killed, it loses no more than the last moments
// of its log and is there again at once.

import { Database } from 'bun:sqlite'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startWeir, type LogRow, type Weir } from '../harness/weir.ts'
import type { Scenario } from './account.ts'
import { atOnce, steadily, type Kind } from './load.ts'
import type { Told } from './client.ts'
import { modelOf, providerAt, World } from './world.ts'

/** A store that outlasts the program's own folder. */
class KeptStore {
  readonly folder = mkdtempSync(join(tmpdir(), 'weir-chaos-'))

  get url(): string {
    return `sqlite://${join(this.folder, 'weir.db')}`
  }

  rows(): LogRow[] {
    return this.read((log) => log.query<LogRow, []>('SELECT * FROM requests').all())
  }

  integrity(): string {
    return this.read(
      (log) =>
        log.query<{ integrity_check: string }, []>('PRAGMA integrity_check').get()
          ?.integrity_check ?? 'no answer',
    )
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true })
  }

  private read<T>(use: (log: Database) => T): T {
    const log = new Database(join(this.folder, 'weir-log.db'))
    try {
      log.run('PRAGMA busy_timeout = 2000')
      return use(log)
    } finally {
      log.close()
    }
  }
}

const DRAIN_MS = 15_000
/** Longer than the load runs on after the signal. */
const STREAM_MS = 2_000

const SIGTERM: Scenario = {
  name: 'sigterm',
  title: 'SIGTERM under load',
  expected: 'no stream cut; all rows; exit 0',
  async run(account, pace) {
    await using world = new World()
    const store = world.add(new KeptStore(), (it) => it.remove())
    const echo = world.echo()
    const weir = await startWeir({
      config: {
        server: { drain_timeout: `${DRAIN_MS}ms` },
        storage: { url: store.url },
        providers: [providerAt('p', echo.baseUrl)],
        models: [modelOf('m', ['p'])],
      },
    })
    const kind: Kind = { port: weir.port, model: 'm' }
    const streams = pace.quick ? 50 : 200
    const pieces = STREAM_MS / 50
    const stopped = new AbortController()
    const held = atOnce({ ...kind, stream: true, pieces, gapMs: 50 }, streams)
    const load = steadily(kind, { perSecond: 50, forMs: 60_000, until: stopped.signal })
    while (echo.times.size < streams + 20) await Bun.sleep(10)
    // Of the others nobody knows whether they had come in before the door closed.
    const reached = new Set(echo.times.keys())
    const signalMs = performance.now()
    const exit = weir.stop('SIGTERM')
    // The load goes on for a while against the closing door.
    setTimeout(() => stopped.abort(), 500)
    const [code, long, short] = await Promise.all([exit, held, load])
    const tookMs = performance.now() - signalMs
    account.must(code === 0, `it ended with ${code}`)
    account.count('streams that ran', long, 'right')
    const early = short.filter(({ ask }) => reached.has(ask.words.nonce))
    const late = short.filter(({ ask }) => !reached.has(ask.words.nonce))
    account.count('asked before', early, 'right')
    if (late.length > 0) account.count('asked after', late, 'right', 'error', 'refused')
    account.errorsAre('asked after', late, [[503, 'server_shutting_down']])
    account.atMost('ended after', tookMs, STREAM_MS + 1_000, 'ms')
    const told = [...long, ...short]
    const rows = await account.rowsOf(() => store.rows(), told)
    account.attempts(rows, told)
    account.askedAsRecorded(rows, told, [echo])
    account.must(store.integrity() === 'ok', `the log: ${store.integrity()}`)
    const refused = late.filter(({ outcome }) => outcome === 'refused').length
    account.note(`${late.length} asked after the signal: ${refused} refused at the door`)
  },
}

/** What may be lost: DESIGN's promise of the log. */
const WINDOW_MS = 100

const SIGKILL: Scenario = {
  name: 'sigkill',
  title: 'SIGKILL under load',
  expected: 'ready < 1 s; no row lost that was older than 100 ms',
  async run(account, pace) {
    await using world = new World()
    const store = world.add(new KeptStore(), (it) => it.remove())
    const echo = world.echo()
    const config = {
      server: { drain_timeout: '1s' },
      storage: { url: store.url },
      // The folder with the key of its own goes with each start.
      secrets: { master_key: crypto.randomUUID() },
      providers: [providerAt('p', echo.baseUrl)],
      models: [modelOf('m', ['p'])],
    }
    let lost = 0
    let oldestMs = 0
    const all: Told[] = []
    for (let round = 0; round < (pace.quick ? 2 : 5); round += 1) {
      const weir = await startWeir({ config })
      const stopped = new AbortController()
      const kind: Kind = { port: weir.port, model: 'm' }
      const load = steadily(kind, { perSecond: 100, forMs: 60_000, until: stopped.signal })
      // On a machine that does other work it takes a while until anybody has an answer.
      const written = store.rows().length
      while (store.rows().length < written + 20) await Bun.sleep(20)
      await Bun.sleep(800 + Math.floor(pace.random() * 400))
      const killedMs = performance.now()
      await weir.stop('SIGKILL')
      stopped.abort()
      const told = await load
      all.push(...told)
      // What was running when it died ended with it, and says nothing but that.
      const answered = told.filter(({ outcome }) => outcome === 'right')
      const before = told.filter(({ endedMs }) => endedMs < killedMs)
      account.count('until it was killed', before, 'right')
      const rows = new Set(store.rows().map(({ request_id: id }) => String(id)))
      for (const { ask, endedMs } of answered) {
        if (rows.has(ask.requestId)) continue
        lost += 1
        oldestMs = Math.max(oldestMs, killedMs - endedMs)
      }
      account.must(store.integrity() === 'ok', `the log: ${store.integrity()}`)
      await checkRestart(account, config)
    }
    account.note(`${lost} of ${all.length} rows lost, none older than ${oldestMs.toFixed(0)} ms`)
    account.atMost('oldest lost row', oldestMs, WINDOW_MS, 'ms')
    checkDoubled(account, store)
  },
}

async function checkRestart(
  account: Parameters<Scenario['run']>[0],
  config: object,
): Promise<void> {
  const startedMs = performance.now()
  const weir = await startWeir({ config })
  await ready(weir)
  account.atMost('ready after', performance.now() - startedMs, 1_000, 'ms')
  const told = await atOnce({ port: weir.port, model: 'm' }, 4)
  account.count('after the restart', told, 'right')
  const code = await weir.stop()
  account.must(code === 0, `it ended with ${code}`)
}

async function ready(weir: Weir): Promise<void> {
  const limitMs = performance.now() + 30_000
  while (performance.now() < limitMs) {
    if ((await fetch(`${weir.url}/readyz`)).status === 200) return
    await Bun.sleep(5)
  }
  throw new Error('it was not ready in half a minute')
}

function checkDoubled(account: Parameters<Scenario['run']>[0], store: KeptStore): void {
  const rows = store.rows()
  const ids = new Set(rows.map(({ request_id: id }) => id))
  account.must(ids.size === rows.length, `${rows.length - ids.size} requests have two rows`)
}

export const STOP_FAULTS: readonly Scenario[] = [SIGTERM, SIGKILL]
