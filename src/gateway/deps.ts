// Everything the gateway takes from outside, in one parameter: ports and settings that `app.ts` fills in.

import type { ModelPrice, Provider } from '../core/catalog.ts'
import type { ContentAsker, ContentPolicy } from '../core/content.ts'
import type { FlagSource } from '../core/flags.ts'
import type { Guard } from '../core/guardrail.ts'
import type { OutcomeSink } from '../core/outcome.ts'
import type {
  Clock,
  Deadlines,
  IdSource,
  KeptRepository,
  Logger,
  TokenSource,
  Transport,
} from '../core/ports.ts'
import type { Principal } from '../core/principal.ts'
import type { Toll } from './admit.ts'
import type { ResponseCache } from './cache/response-cache.ts'
import type { ModelDirectory } from './catalog.ts'
import type { Gates } from './gates.ts'
import type { GuardPorts } from './guard/ports.ts'
import type { Health } from './health.ts'
import type { ProviderLimits } from './limiting.ts'
import type { ReasoningMemory } from './reasoning-memory.ts'
import type { RouteTurns } from './route-state.ts'
import type { Shutdown } from './shutdown.ts'
import type { Snapshot } from './snapshot.ts'
import type { StreamWatch } from './stream-watch.ts'
import type { Tracing } from './tracing.ts'

/** Prices and context windows of models, from data inside the program. */
export interface PriceBook {
  /** Resolves once the data is loaded; nothing to wait for afterwards. */
  ready(): void | Promise<void>
  /**
   * Undefined when unknown: never zero.
   * @param atMs the moment whose price is asked for; absent: now
   */
  find(
    provider: Provider,
    model: string,
    atMs?: number,
  ): { price?: ModelPrice; contextWindow?: number } | undefined
}

export interface GatewaySettings {
  readonly keepaliveIntervalMs: number
}

export interface GatewayDeps extends GuardPorts {
  snapshot(): Snapshot
  /** What is kept of a request. @param model as it was asked for; undefined where that is not known */
  content(asker: ContentAsker, model: string | undefined): ContentPolicy
  settings(): GatewaySettings
  /** The transport for a provider: the network, or the mock's own. */
  transport(provider: Provider): Transport
  /** Credentials of providers that are asked with an application's token. */
  readonly tokens: TokenSource
  readonly directory: ModelDirectory
  readonly health: Health
  readonly gates: Gates
  /** Limits, then budgets; empty where none is configured. */
  readonly tolls: readonly Toll[]
  /** Limits of providers, asked for each attempt; absent: none. */
  readonly providerLimits?: ProviderLimits
  /** Of models whose targets take turns. */
  readonly turns: RouteTurns
  /** Where this process is on its way to its end. A request's own signal tells it: this is for what has none. */
  readonly shutdown: Shutdown
  readonly prices: PriceBook
  readonly sink: OutcomeSink
  /** Answers, reasoning and owners that later requests refer to. */
  readonly kept: KeptRepository
  readonly reasoning: ReasoningMemory
  readonly clock: Clock
  readonly deadlines: Deadlines
  readonly ids: IdSource
  readonly logger: Logger
  readonly watch: StreamWatch
  /**
   * The guardrails that hold for a request, in the order in which they are asked; undefined, as where it is absent: none.
   * @param model as the client names it; undefined where it names none
   */
  guards?(principal: Principal, model: string | undefined): readonly Guard[] | undefined
  /** Answers from memory; undefined, as where it is absent: there are none. */
  cache?(): ResponseCache | undefined
  /** How the program's flags stand. */
  readonly flags: FlagSource
  /** How requests are traced; undefined, as where it is absent: not at all. */
  tracing?(): Tracing | undefined
}
