// A whole installation for tests: three replicas of the executable on a Postgres with a standby that loses nothing, Redis, and Traefik
// before them with the settings that `deploy/` ships. Each part can be taken away and put back; it judges nothing.

import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  postgresMissing,
  startPostgres,
  startStandby,
  type TestPostgres,
} from '../../src/testing/postgres.ts'
import { redisPath, startRedis, type TestRedis } from '../../src/testing/redis.ts'
import { freePorts, serverFolder, startBackground, type Background } from './background.ts'
import { goTool } from './go-tools.ts'
import { startWeir, type Weir } from './weir.ts'

const deploy = join(import.meta.dir, '..', '..', 'deploy', 'traefik')
const REPLICAS = 3
/** How often the balancer is begun. */
const START_TRIES_MAX = 3
const READY_LIMIT_MS = 60_000

export interface Topology {
  /** Where clients go. */
  readonly port: number
  readonly replicas: readonly Weir[]
  readonly primary: TestPostgres
  readonly standby: TestPostgres
  readonly redis: TestRedis
  readonly database: string
  /** Puts a new replica into the place of one that has ended; resolves once the balancer leads to all there are. */
  replace(index: number): Promise<Weir>
  /** Resolves once the balancer has found out by itself that it must not lead to that replica. */
  avoided(replica: Weir): Promise<void>
  /** Ends Traefik as a crash would. */
  killBalancer(): Promise<void>
  startBalancer(): Promise<void>
  /** Runs SQL on the server that is the primary. */
  sql(text: string): Promise<string>
  /** The standby becomes the primary. */
  promote(): Promise<void>
  stop(): Promise<void>
}

/** Why it cannot be had here; undefined when it can. */
export async function topologyMissing(): Promise<string | undefined> {
  const postgres = postgresMissing()
  if (postgres !== undefined) return postgres
  if (redisPath() === undefined) return 'redis-server is not installed'
  const traefik = await goTool('traefik')
  return 'missing' in traefik ? traefik.missing : undefined
}

/** @param config of every replica, beside what all have */
export async function startTopology(config: object): Promise<Topology> {
  const traefik = await goTool('traefik')
  if ('missing' in traefik) throw new Error(traefik.missing)
  const primary = await startPostgres({ settings: { max_connections: '60' } })
  const { name: database } = await primary.createDatabase()
  const standby = await startStandby(primary, { settings: { max_connections: '60' } })
  // A commit waits for the standby: what was told as written is there when it takes the primary's place.
  await primary.sql(`ALTER SYSTEM SET synchronous_standby_names = '*'`)
  await primary.sql('SELECT pg_reload_conf()')
  const redis = await startRedis()
  const user = `${primary.user}:${encodeURIComponent(primary.password)}`
  const servers = `127.0.0.1:${primary.port},127.0.0.1:${standby.port}`
  const whole = {
    storage: {
      url: `postgres://${user}@${servers}/${database}?target_session_attrs=primary`,
      connections: 5,
    },
    redis: { url: `redis://127.0.0.1:${redis.port}` },
    secrets: { master_key: 'a master key that all replicas share' },
    auth: { anonymous: 'never' },
    ...config,
  }
  const start = () => startWeir({ config: whole })
  const replicas = await Promise.all(Array.from({ length: REPLICAS }, start))
  const balancer = await startBalancer(traefik.path, replicas)
  let isPromoted = false
  return {
    port: balancer.port,
    replicas,
    primary,
    standby,
    redis,
    database,
    async replace(index) {
      const [next] = await Promise.all([start(), replicas[index]?.stop('SIGKILL')])
      replicas[index] = next
      balancer.lead(replicas)
      // It reads its file when it likes, and takes every replica of a new one for well until it has asked: a second change, or the death of
      // a replica, before that would fall into it.
      await balancer.leads(replicas)
      return next
    },
    avoided: (replica) => balancer.avoids(replica),
    killBalancer: () => balancer.kill(),
    async startBalancer() {
      await balancer.start()
      await balancer.leads(replicas)
    },
    sql: (text) => (isPromoted ? standby : primary).sql(text, database),
    async promote() {
      await standby.sql('SELECT pg_promote()')
      isPromoted = true
    },
    async stop() {
      await balancer.remove()
      await Promise.all(replicas.map((replica) => replica.stop()))
      await redis[Symbol.asyncDispose]()
      await standby[Symbol.asyncDispose]()
      await primary[Symbol.asyncDispose]()
    },
  }
}

/** Somebody may take a port that was free a moment ago: then others are tried, as nobody knows the address yet. */
async function startBalancer(program: string, replicas: readonly Weir[]): Promise<Balancer> {
  for (let tries = 1; ; tries += 1) {
    const balancer = new Balancer(program)
    balancer.lead(replicas)
    try {
      await balancer.start()
      await balancer.leads(replicas)
      return balancer
    } catch (error) {
      await balancer.remove()
      if (tries === START_TRIES_MAX) throw error
    }
  }
}

interface Routes {
  readonly http: {
    readonly services: { readonly weir: { readonly loadBalancer: object } }
    readonly middlewares?: object
    readonly routers: { readonly weir: { readonly middlewares?: readonly string[] } }
    readonly serversTransports: object
  }
}

/** By the address of a server. */
type States = Readonly<Record<string, 'UP' | 'DOWN'>>

interface Told {
  readonly serverStatus?: States
}

interface Static {
  readonly entryPoints: { readonly websecure: { readonly transport: object } }
}

/** Traefik with what `deploy/traefik` says of streams, health and repeats, on other addresses and without TLS. */
class Balancer {
  readonly port: number
  private readonly apiPort: number
  private readonly program: string
  private readonly routesFile: string
  private running: Background | undefined
  private readonly folder = serverFolder('routes')

  constructor(program: string) {
    this.program = program
    const [port = 0, apiPort = 0] = freePorts(2)
    this.port = port
    this.apiPort = apiPort
    this.routesFile = join(this.folder, 'routes.yaml')
  }

  /** Traefik watches the file; it must never see half of one. */
  lead(replicas: readonly Weir[]): void {
    const { http } = shipped<Routes>('routes.yaml')
    const { loadBalancer } = http.services.weir
    const servers = replicas.map(({ url }) => ({ url }))
    const routes = {
      http: {
        routers: {
          weir: {
            rule: 'PathPrefix(`/`)',
            entryPoints: ['web'],
            service: 'weir',
            middlewares: http.routers.weir.middlewares ?? [],
          },
        },
        ...(http.middlewares === undefined ? {} : { middlewares: http.middlewares }),
        services: { weir: { loadBalancer: { ...loadBalancer, servers } } },
        serversTransports: http.serversTransports,
      },
    }
    writeFileSync(`${this.routesFile}.new`, JSON.stringify(routes))
    renameSync(`${this.routesFile}.new`, this.routesFile)
  }

  async start(): Promise<void> {
    const { entryPoints } = shipped<Static>('traefik.yaml')
    const { transport } = entryPoints.websecure
    const folder = serverFolder('traefik')
    // JSON is YAML, and Traefik goes by the end of a name.
    const configFile = join(folder, 'traefik.yaml')
    const settings = {
      global: { checkNewVersion: false, sendAnonymousUsage: false },
      log: { level: 'WARN' },
      entryPoints: {
        web: { address: `127.0.0.1:${this.port}`, transport },
        // Where it says whom it leads to.
        traefik: { address: `127.0.0.1:${this.apiPort}` },
      },
      api: { insecure: true, dashboard: false },
      providers: { file: { filename: this.routesFile, watch: true } },
    }
    writeFileSync(configFile, JSON.stringify(settings))
    const command = [this.program, `--configFile=${configFile}`]
    this.running = await startBackground(command, [this.port, this.apiPort], folder)
    // It listens, and answers 404, before it has read its routes and asked the replicas.
    const limitMs = performance.now() + READY_LIMIT_MS
    for (;;) {
      const { status } = await fetch(`http://127.0.0.1:${this.port}/readyz`)
      if (status === 200) return
      if (performance.now() > limitMs)
        throw new Error(`Traefik says ${status}: ${this.running.output()}`)
      await Bun.sleep(10)
    }
  }

  /** Until it leads to these and to nobody else. */
  async leads(replicas: readonly Weir[]): Promise<void> {
    const urls = replicas.map(({ url }) => url).sort()
    await this.until(`it leads to ${urls.join(', ')}`, (states) => {
      const isSame = Object.keys(states).sort().join() === urls.join()
      return isSame && urls.every((url) => states[url] === 'UP')
    })
  }

  async avoids({ url }: Weir): Promise<void> {
    await this.until(`it avoids ${url}`, (states) => states[url] !== 'UP')
  }

  /** @throws with what it says instead */
  private async until(what: string, isSo: (states: States) => boolean): Promise<void> {
    const limitMs = performance.now() + READY_LIMIT_MS
    for (;;) {
      const response = await fetch(`http://127.0.0.1:${this.apiPort}/api/http/services/weir@file`)
      const said = await response.text()
      const states = response.ok ? (JSON.parse(said) as Told).serverStatus : undefined
      if (states !== undefined && isSo(states)) return
      if (performance.now() > limitMs) throw new Error(`Traefik does not say that ${what}: ${said}`)
      await Bun.sleep(10)
    }
  }

  async kill(): Promise<void> {
    await this.running?.stop()
    this.running = undefined
  }

  async remove(): Promise<void> {
    await this.kill()
    rmSync(this.folder, { recursive: true, force: true })
  }
}

/** A file of `deploy/traefik` as data; what it takes from the environment stays as it stands. */
function shipped<T>(name: string): T {
  return Bun.YAML.parse(readFileSync(join(deploy, name), 'utf8')) as T
}
