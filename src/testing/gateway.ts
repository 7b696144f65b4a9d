// A gateway for tests: the real pipeline, the real transport and real time, with a catalogue given by the test and outcomes
// caught in a list. Only the store is left out; what reaches it is what a test wants to see.

import type { ApiKey, ConcurrencySettings, Model, Provider } from '../core/catalog.ts'
import type { ContentPolicy } from '../core/content.ts'
import { EMPTY_DIRECTORY, type Directory } from '../core/identity.ts'
import { NO_NETWORK_DEFAULTS } from '../core/network.ts'
import { Flags } from '../core/flags.ts'
import type { Outcome } from '../core/outcome.ts'
import type { Clock, KeptRepository } from '../core/ports.ts'
import { DEFAULT_TENANT_ID, type Principal } from '../core/principal.ts'
import { EntraTokens } from '../auth/entra-tokens.ts'
import { ModelDirectory } from '../gateway/catalog.ts'
import { countTokens } from '../gateway/count-tokens.ts'
import { Gates } from '../gateway/gates.ts'
import { Health } from '../gateway/health.ts'
import type { GatewayDeps, GatewaySettings } from '../gateway/deps.ts'
import { handle } from '../gateway/handle.ts'
import { guardModelCaller } from '../gateway/guard/model-caller.ts'
import type { Inbound, Reply } from '../gateway/inbound.ts'
import { ReasoningMemory } from '../gateway/reasoning-memory.ts'
import { RouteTurns } from '../gateway/route-state.ts'
import { Shutdown } from '../gateway/shutdown.ts'
import { buildSnapshot, type Snapshot } from '../gateway/snapshot.ts'
import { StreamWatch } from '../gateway/stream-watch.ts'
import { MockTransport } from '../providers/mock-transport.ts'
import { systemClock, systemIds } from '../system.ts'
import { SILENT_LOGGER } from '../telemetry/log.ts'
import { SharedDeadlines } from '../transport/deadlines.ts'
import { createTransport } from '../transport/http-transport.ts'
import { MemoryKept } from './kept.ts'
import { memberGrants } from './principals.ts'

/** A provider whose limits no busy machine reaches: whoever tests one of them sets it. */
export function testProvider(
  over: Partial<Provider> & Pick<Provider, 'id' | 'type' | 'baseUrl'>,
): Provider {
  return {
    origin: 'file',
    keys: [{ id: `${over.id}-key`, secret: `sk-${over.id}-secret-0123456789` }],
    timeouts: { connectMs: 15_000, firstByteMs: 15_000, idleMs: 15_000, totalMs: 20_000 },
    retries: { max: 2, baseMs: 1, capMs: 5 },
    network: { verify: true, allowPrivate: true },
    headers: {},
    ...over,
  }
}

export interface TestGateway {
  readonly deps: GatewayDeps
  readonly outcomes: Outcome[]
  /** The outcome of that index, at once or when it comes. */
  outcome(index?: number): Promise<Outcome>
  ask(request: TestRequest): Promise<Reply>
  /** Asks for the number of its tokens. */
  count(request: TestRequest): Promise<Reply>
}

export interface TestRequest {
  readonly dialect?: Inbound['dialect']
  readonly operation?: Inbound['operation']
  readonly body: unknown
  readonly headers?: Record<string, string>
  readonly principal?: Principal
  readonly signal?: AbortSignal
  readonly hints?: Inbound['hints']
}

const UNBOUNDED: ConcurrencySettings = { max: Infinity, queue: 0, queueTimeoutMs: 0 }

/** Builds one. `providers` may include one of type `mock`, which answers inside the process. */
export function createTestGateway(options: {
  readonly providers: readonly Provider[]
  readonly models?: readonly Model[]
  /** Keys that the snapshot knows; those of a test server are given to it. */
  readonly keys?: readonly ApiKey[]
  /** Tenants, people and their rights; only the default tenant unless given. */
  readonly people?: Partial<Directory>
  readonly settings?: Partial<GatewaySettings>
  /** What is kept of each request; metadata unless given. */
  readonly content?: ContentPolicy
  /** Where things are kept for later; in memory unless given. */
  readonly kept?: KeptRepository
  /** How many requests run at once, of all; any number unless given. */
  readonly bounds?: ConcurrencySettings
}): TestGateway {
  const outcomes: Outcome[] = []
  const kept = options.kept ?? new MemoryKept(systemClock)
  const waiting: { index: number; resolve: (outcome: Outcome) => void }[] = []
  const deadlines = new SharedDeadlines(systemClock)
  const http = createTransport(systemClock, deadlines)
  const mock = new MockTransport()
  const transport = (provider: Provider) => (provider.type === 'mock' ? mock : http)
  const prices = { ready: () => Promise.resolve(), find: () => undefined }
  const tokens = new EntraTokens({
    transport: http,
    clock: systemClock,
    ids: systemIds,
    logger: SILENT_LOGGER,
  })
  const directory = new ModelDirectory({
    clock: systemClock,
    logger: SILENT_LOGGER,
    prices,
    tokens,
    transport,
  })
  const { keys = [], models = [], people, providers } = options
  const snapshot: Snapshot = buildSnapshot(1, [{ providers, models, keys }], NO_NETWORK_DEFAULTS, {
    ...EMPTY_DIRECTORY,
    ...people,
  })
  const deps: GatewayDeps = {
    snapshot: () => snapshot,
    content: () => options.content ?? { keep: 'metadata', redact: [] },
    settings: () => ({ keepaliveIntervalMs: 15_000, ...options.settings }),
    transport,
    tokens,
    directory,
    health: new Health({ clock: systemClock }),
    gates: new Gates({ all: options.bounds ?? UNBOUNDED, deadlines, random: Math.random }),
    tolls: [],
    shutdown: new Shutdown(),
    turns: new RouteTurns(),
    prices,
    sink: {
      record(outcome) {
        outcomes.push(outcome)
        for (const { index, resolve } of waiting)
          if (index < outcomes.length) resolve(outcomes[index]!)
      },
    },
    kept,
    reasoning: new ReasoningMemory({ kept, clock: systemClock, logger: SILENT_LOGGER }),
    clock: systemClock,
    deadlines,
    ids: systemIds,
    logger: SILENT_LOGGER,
    watch: new StreamWatch(systemClock),
    guardCaller: (inbound, rule) => guardModelCaller(rule, inbound, deps),
    flags: new Flags(),
  }
  return {
    deps,
    outcomes,
    outcome: (index = 0) =>
      index < outcomes.length
        ? Promise.resolve(outcomes[index]!)
        : new Promise((resolve) => waiting.push({ index, resolve })),
    ask: (request) => handle(inboundOf(request, deps.clock), deps),
    count: (request) =>
      countTokens(inboundOf({ operation: 'token-count', ...request }, deps.clock), deps),
  }
}

function inboundOf(request: TestRequest, clock: Clock): Inbound {
  const dialect = request.dialect ?? 'openai-chat'
  return {
    dialect,
    operation: request.operation ?? 'chat',
    hints: request.hints ?? {},
    streamByDefault: request.hints?.stream ?? dialect === 'ollama',
    endpoint: '/test',
    bytes:
      request.body instanceof Uint8Array
        ? request.body
        : new TextEncoder().encode(
            typeof request.body === 'string' ? request.body : JSON.stringify(request.body),
          ),
    headers: new Headers(request.headers),
    principal: request.principal ?? {
      kind: 'anonymous',
      tenantId: DEFAULT_TENANT_ID,
      grants: memberGrants(),
    },
    requestId: 'req_test',
    signal: request.signal ?? new AbortController().signal,
    arrivedMs: clock.nowMs(),
    arrivedMonotonicMs: clock.monotonicMs(),
  }
}

/** The whole body of a reply as text. */
export async function textOf(reply: Reply): Promise<string> {
  return await new Response(reply.body as ConstructorParameters<typeof Response>[0]).text()
}

/** The body of a reply as JSON. */
export async function jsonOf<T = Record<string, unknown>>(reply: Reply): Promise<T> {
  return JSON.parse(await textOf(reply)) as T
}
