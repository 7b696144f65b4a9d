// The servers of a run and how each is asked: the upstream, the bare pass-through, and the executable with a key and a
// configuration of its own. It knows how to start and stop them and how to address them; it measures nothing.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort } from '../src/testing/ports.ts'
import { type Expectation, postRequest } from './connection.ts'
import type { Load, Result } from './driver.ts'
import {
  ANTHROPIC_STREAM,
  CountedEvents,
  ExactBytes,
  OLLAMA_STREAM,
  SameChoices,
} from './expectations.ts'
import { CHAT_DIALECTS, type ChatDialect, chatRequest, PROVIDERS } from './pairs.ts'
import {
  openaiEvents,
  PLAIN,
  PLAIN_ANSWER,
  requestBody,
  UPSTREAM_MODEL,
  withoutUsageEvent,
  type StreamShape,
} from './payloads.ts'
import { start, type Running } from './process.ts'

/** Requests a process may have under way at providers; Bun's own limit is 256 and is read at its start alone. */
const CONNECTIONS = { BUN_CONFIG_MAX_HTTP_REQUESTS: '20000' }

/** Files the largest measure opens in one process, with room to spare. */
export const FILES_MIN = 9_000

const ALIAS = 'fast'
const PROVIDER_KEY = 'sk-bench-0123456789abcdef'

export interface StartWeirOptions {
  readonly name?: string
  readonly log?: 'metadata' | 'none'
  readonly dataFolder?: string
  readonly pairs?: boolean
  /** More keys than the run's own. */
  readonly keys?: readonly object[]
  /** It answers equal requests out of its cache. */
  readonly replays?: boolean
  /** More settings of the model that is asked. */
  readonly model?: object
  /** More sections of the configuration. */
  readonly more?: {
    readonly auth?: object
    readonly log?: object
    readonly [section: string]: unknown
  }
}

export type Client = 'openai' | 'openai, no usage asked' | 'anthropic' | 'ollama'

export class Stage {
  readonly executable: string
  /** Temporary; gone with the stage. */
  readonly folder: string = mkdtempSync(join(tmpdir(), 'weir-bench-'))
  readonly upstream: Running
  readonly passThrough: Running
  /** What failed so far: wrong answers, cut streams, dead processes. */
  readonly failures: string[] = []
  private readonly key = `weir-bench-${crypto.randomUUID().replaceAll('-', '')}`
  private readonly running: Running[]
  private readonly replaying = new WeakSet<Running>()
  private folders = 0

  private constructor(executable: string, upstream: Running, passThrough: Running) {
    this.executable = executable
    this.upstream = upstream
    this.passThrough = passThrough
    this.running = [passThrough, upstream]
  }

  static async open(executable: string): Promise<Stage> {
    const upstream = await startScript('upstream', import.meta.resolve('./upstream.ts'), [])
    try {
      const passThrough = await startScript(
        'pass-through',
        import.meta.resolve('./pass-through.ts'),
        [`http://127.0.0.1:${upstream.port}`],
      )
      return new Stage(executable, upstream, passThrough)
    } catch (error) {
      await upstream.stop()
      throw error
    }
  }

  /** A data folder not used before. */
  newDataFolder(): string {
    this.folders += 1
    const folder = join(this.folder, `data-${this.folders}`)
    mkdirSync(folder)
    return folder
  }

  /** Starts the executable with an empty environment, its key check on. */
  async startWeir(options: StartWeirOptions = {}): Promise<Running> {
    const log = options.log ?? 'metadata'
    const port = freePort()
    const config = join(this.folder, `weir-${port}.json`)
    writeFileSync(config, JSON.stringify(this.config(log, options), undefined, 2), { mode: 0o600 })
    const weir = await start({
      name: options.name ?? (log === 'none' ? 'weir without its log' : 'weir'),
      command: [
        this.executable,
        'serve',
        '--config',
        config,
        '--data',
        options.dataFolder ?? this.newDataFolder(),
        '--port',
        String(port),
      ],
      environment: { HOME: this.folder },
      folder: this.folder,
      port,
      readyPath: '/health',
      filesMin: FILES_MIN,
    })
    this.running.unshift(weir)
    if (options.replays === true) this.replaying.add(weir)
    return weir
  }

  async stop(running: Running): Promise<void> {
    this.running.splice(this.running.indexOf(running), 1)
    const fault = await running.stop()
    if (fault !== undefined) this.failures.push(fault)
  }

  /** Stops what still runs, newest first, and removes the temporary folder. */
  async close(): Promise<void> {
    for (let next = this.running[0]; next !== undefined; next = this.running[0]) {
      await this.stop(next)
    }
    rmSync(this.folder, { recursive: true, force: true })
  }

  /** Notes what was wrong with a measure's answers, and hands the result on. */
  checked(what: string, result: Result): Result {
    for (const [fault, count] of result.failures) {
      this.failures.push(`${what}: ${count} of ${result.requests} answers: ${fault}`)
    }
    if (result.requests === 0) this.failures.push(`${what}: no answer at all`)
    return result
  }

  /** The load of plain requests on a server. */
  plain(server: Running, credential?: string): Load {
    return {
      port: server.port,
      request: this.request(server, 'openai', PLAIN, credential),
      expect: this.replaying.has(server)
        ? () => new SameChoices(PLAIN_ANSWER)
        : () => new ExactBytes(PLAIN_ANSWER, 0),
    }
  }

  /**
   * The load of streams of this shape, as this client asks for them.
   * @param events how many events a translated stream has
   */
  streams(server: Running, shape: StreamShape, client: Client, events = 0): Load {
    const request = this.request(server, client, shape)
    if (client === 'anthropic' || client === 'ollama') {
      const form = client === 'anthropic' ? ANTHROPIC_STREAM : OLLAMA_STREAM
      return { port: server.port, request, expect: () => new CountedEvents(form, events) }
    }
    const all = openaiEvents(shape.chunks, true)
    const seen = client === 'openai' ? all : withoutUsageEvent(all)
    const bytes = Buffer.concat(seen)
    return { port: server.port, request, expect: () => new ExactBytes(bytes, seen.length) }
  }

  /** The load of streams from a provider of one dialect to clients of another, or of the same. */
  pair(
    server: Running,
    client: ChatDialect,
    provider: ChatDialect,
    shape: StreamShape,
    expect: () => Expectation,
  ): Load {
    const { path, body } = chatRequest(client, `pair-${provider}`, shape)
    const headers: Record<string, string> = { authorization: `Bearer ${this.key}` }
    if (client === 'anthropic') headers['anthropic-version'] = '2023-06-01'
    return { port: server.port, request: postRequest(server.port, path, headers, body), expect }
  }

  request(
    server: Running,
    client: Client,
    shape: StreamShape | typeof PLAIN,
    credential = this.key,
  ): Uint8Array {
    const isWeir = server !== this.upstream && server !== this.passThrough
    const model = isWeir ? ALIAS : UPSTREAM_MODEL
    const dialect = client === 'anthropic' || client === 'ollama' ? client : 'openai'
    const body = requestBody(dialect, model, shape, client !== 'openai, no usage asked')
    const headers: Record<string, string> =
      client === 'anthropic'
        ? { 'x-api-key': credential, 'anthropic-version': '2023-06-01' }
        : { authorization: `Bearer ${credential}` }
    return postRequest(server.port, PATHS[dialect], headers, body)
  }

  private config(
    log: 'metadata' | 'none',
    { keys = [], model, more = {}, pairs: withPairs }: StartWeirOptions,
  ): object {
    const pairs: readonly ChatDialect[] = withPairs === true ? CHAT_DIALECTS : []
    return {
      ...more,
      auth: { anonymous: 'never', ...more.auth },
      discovery: { environment: false, local: false },
      providers: [
        {
          id: 'bench',
          type: 'openai',
          base_url: `http://127.0.0.1:${this.upstream.port}/v1`,
          keys: [PROVIDER_KEY],
        },
        ...pairs.map((dialect) => ({
          id: `bench-${dialect}`,
          type: PROVIDERS[dialect].type,
          compatible: PROVIDERS[dialect].compatible,
          base_url: `http://127.0.0.1:${this.upstream.port}${PROVIDERS[dialect].path}`,
          keys: [PROVIDER_KEY],
        })),
      ],
      models: [
        { id: ALIAS, targets: [{ provider: 'bench', model: UPSTREAM_MODEL }], ...model },
        ...pairs.map((dialect) => ({
          id: `pair-${dialect}`,
          targets: [{ provider: `bench-${dialect}`, model: PROVIDERS[dialect].model }],
        })),
      ],
      keys: [{ name: 'bench', key: this.key }, ...keys],
      log: { requests: log, ...more.log },
    }
  }
}

const PATHS = {
  openai: '/v1/chat/completions',
  anthropic: '/v1/messages',
  ollama: '/api/chat',
} as const

/** A script of this folder in a process of its own; its port is its first argument. */
export async function startScript(
  name: string,
  module: string,
  more: readonly string[],
): Promise<Running> {
  const port = freePort()
  return await start({
    name,
    command: [process.execPath, Bun.fileURLToPath(module), String(port), ...more],
    environment: CONNECTIONS,
    folder: tmpdir(),
    port,
    readyPath: '/health',
    filesMin: FILES_MIN,
  })
}
