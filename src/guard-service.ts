// Guardrails as this process has them: those of the file, of the whole installation and of each tenant, made ready when they change, and for each
// caller and model those that hold. What follows from a judgement is the gateway's. A rule that cannot be made ready is never left out: it
// refuses what it concerns until it is mended.

import type { Principal } from './core/principal.ts'
import { GatewayError } from './core/error.ts'
import { GUARD_MODES, GUARD_STAGES, type Guard, type GuardrailRule } from './core/guardrail.ts'
import { LIMITS } from './core/limits.ts'
import { isOnList } from './core/permission.ts'
import type { Config } from './config/config.ts'
import { outboundNetwork } from './core/network.ts'
import type { Clock, Logger, Transport } from './core/ports.ts'
import type { StoredGuardrail } from './core/ports-guard.ts'
import { matchesPattern } from './core/principal.ts'
import type { GuardServers, ServerState } from './guardrails/external/servers.ts'

export interface GuardServicePorts {
  readonly transport: Transport
  readonly clock: Clock
  readonly logger: Logger
  config(): Pick<Config, 'network'>
  /** Every name that a request for a model concerns (`concernedNames`). Absent: the name alone. */
  names?(tenantId: string, model: string): readonly string[]
}

/** A rule that cannot be asked, for health and doctor. */
export interface GuardProblem {
  readonly id: string
  /** Absent: it holds for every tenant. */
  readonly tenantId?: string
  /** In words for people, without anything secret. */
  readonly problem: string
}

interface Ready {
  readonly guard: Guard
  readonly problem?: string
}

type Make = (rule: GuardrailRule) => Guard

export class GuardService {
  private readonly ports: GuardServicePorts
  /** Of before, by what they were made of: a rule that stays keeps what its check has learnt. */
  private ready: ReadonlyMap<string, Ready> = new Map()
  private shared: readonly Guard[] = []
  /** With the shared ones in front; of tenants that have rules of their own alone. */
  private ofTenants: ReadonlyMap<string, readonly Guard[]> = new Map()
  private all: readonly GuardrailRule[] = []
  private broken: readonly GuardProblem[] = []
  private isEmpty = true
  /** Some rule holds for some models alone. */
  private hasModels = false
  private servers: GuardServers | undefined
  /** By caller and model; a caller of another snapshot is another one. */
  private known = new WeakMap<Principal, Map<string, readonly Guard[] | undefined>>()
  /** Lists in it, of all callers. */
  private knownCount = 0

  constructor(ports: GuardServicePorts) {
    this.ports = ports
  }

  /** These hold from now on: first what the file declares, then what holds for all, then each tenant's own, each in its order. */
  async use(declared: readonly GuardrailRule[], stored: readonly StoredGuardrail[]): Promise<void> {
    const everybodys = stored.filter(({ rule }) => rule.tenantId === undefined)
    const tenants = stored.filter(({ rule }) => rule.tenantId !== undefined)
    const rules = [...declared.map((rule) => ({ rule })), ...everybodys, ...tenants]
    const active = rules.filter(({ rule }) => rule.enabled)
    const make = active.length === 0 ? undefined : await this.registry()
    const made = new Map<string, Ready>()
    const ready = make === undefined ? [] : await this.allMade(active, make, made)
    this.take(
      rules.map(({ rule }) => rule),
      ready,
    )
    const before = this.ready
    this.ready = made
    for (const [form, { guard }] of before) if (!made.has(form)) guard.close?.()
  }

  /**
   * The rules that hold for a request, in the order in which they are asked; undefined where none does.
   * @param model as the client names it; undefined where the request names none that is known, and then rules for some models hold too
   */
  guards(principal: Principal, model: string | undefined): readonly Guard[] | undefined {
    if (this.isEmpty) return undefined
    const candidates = this.ofTenants.get(principal.tenantId) ?? this.shared
    if (candidates.length === 0) return undefined
    const lists = this.known.get(principal) ?? new Map<string, readonly Guard[] | undefined>()
    const names = this.hasModels ? this.namesOf(principal, model) : undefined
    const key = names?.join('\n') ?? ''
    if (lists.has(key)) return lists.get(key)
    const found = candidates.filter(({ rule }) => concerns(rule, principal, names))
    const guards = found.length === 0 ? undefined : found
    // A client may make names up, and long ones.
    if (key.length > LIMITS.guardListNameCharsMax) return guards
    this.knownCount++
    if (this.knownCount > LIMITS.guardListsMax) this.forget()
    else this.known.set(principal, lists.set(key, guards))
    return guards
  }

  private forget(): void {
    this.known = new WeakMap()
    this.knownCount = 0
  }

  /** Undefined where none is known. */
  private namesOf({ tenantId }: Principal, model: string | undefined) {
    if (model === undefined) return undefined
    return this.ports.names?.(tenantId, model) ?? [model]
  }

  /** Those a tenant is under, in the order in which they are asked, disabled ones included; undefined: all there are. */
  rulesOf(tenantId: string | undefined): readonly GuardrailRule[] {
    if (tenantId === undefined) return this.all
    return this.all.filter((rule) => rule.tenantId === undefined || rule.tenantId === tenantId)
  }

  /** A check of its own for a rule, for whoever tries it. @throws GatewayError `invalid_request` naming what is wrong with it */
  async readyFor(rule: GuardrailRule): Promise<Guard> {
    const make = await this.registry()
    return make(rule)
  }

  /** Rules that refuse what they concern because they cannot be asked. */
  problems(): readonly GuardProblem[] {
    return this.broken
  }

  /** How the services are that checks ask, for gauges. */
  servicesAsked(): readonly ServerState[] {
    return this.servers?.states() ?? []
  }

  stop(): void {
    for (const { guard } of this.ready.values()) guard.close?.()
    this.ready = new Map()
  }

  /** The pattern engine and all checks: whoever has no rule does not pay for them at the start. */
  private async registry(): Promise<Make> {
    const [{ readyGuard }, { GuardServers }] = await Promise.all([
      import('./guardrails/ready.ts'),
      import('./guardrails/external/servers.ts'),
    ])
    const { clock, config, transport } = this.ports
    const servers = (this.servers ??= new GuardServers({
      clock,
      transport,
      network: (url, isOperators, own) => outboundNetwork(url, isOperators, config().network, own),
    }))
    return (rule) => readyGuard(rule, { clock, servers, transport })
  }

  /** With pauses: long lists of words take their time, and until all are ready those of before hold. */
  private async allMade(
    rules: readonly StoredGuardrail[],
    make: Make,
    made: Map<string, Ready>,
  ): Promise<readonly Ready[]> {
    const { clock } = this.ports
    const ready: Ready[] = []
    let fromMs = clock.monotonicMs()
    for (const one of rules) {
      ready.push(this.made(one, make, made))
      if (clock.monotonicMs() - fromMs < LIMITS.guardSliceMs) continue
      await new Promise<void>((resume) => void setImmediate(resume))
      fromMs = clock.monotonicMs()
    }
    return ready
  }

  private made({ problem, rule }: StoredGuardrail, make: Make, made: Map<string, Ready>): Ready {
    const form = JSON.stringify([rule, problem])
    const known = made.get(form) ?? this.ready.get(form) ?? this.readied(rule, problem, make)
    made.set(form, known)
    return known
  }

  private readied(rule: GuardrailRule, problem: string | undefined, make: Make): Ready {
    const unknown = problem ?? unknownForm(rule)
    if (unknown !== undefined) return this.refusing(rule, unknown)
    try {
      return { guard: make(rule) }
    } catch (error) {
      return this.refusing(rule, error instanceof GatewayError ? error.message : 'It is broken.')
    }
  }

  /** A guard in the place of one that cannot be made: it answers nothing, and that means closed, whatever the rule says. */
  private refusing(rule: GuardrailRule, problem: string): Ready {
    const { id, tenantId } = rule
    this.ports.logger.error('A guardrail cannot be asked: what it concerns is refused.', {
      guardrailId: id,
      ...(tenantId === undefined ? {} : { tenantId }),
      problem,
    })
    const stages = hasStages(rule) ? rule.stages : GUARD_STAGES
    const cause = `the guardrail ${id} cannot be asked: ${problem}`
    const guard: Guard = {
      // Where it is asked at is not known either: then everywhere.
      rule: { ...rule, stages, mode: 'block', onFailure: 'closed' },
      reversible: false,
      sees: 'piece',
      judge() {
        throw new GatewayError('guardrail_unavailable', { cause })
      },
    }
    return { guard, problem }
  }

  private take(all: readonly GuardrailRule[], ready: readonly Ready[]): void {
    const guards = ready.map(({ guard }) => guard)
    const shared = guards.filter(({ rule }) => rule.tenantId === undefined)
    const owned = guards.flatMap((guard) => {
      const { tenantId } = guard.rule
      return tenantId === undefined ? [] : [{ tenantId, guard }]
    })
    const ofTenants = new Map<string, Guard[]>()
    for (const { guard, tenantId } of owned) {
      const list = ofTenants.get(tenantId) ?? [...shared]
      list.push(guard)
      ofTenants.set(tenantId, list)
    }
    this.all = all
    this.shared = shared
    this.ofTenants = ofTenants
    this.isEmpty = guards.length === 0
    this.hasModels = guards.some(({ rule }) => rule.models !== undefined)
    this.forget()
    this.broken = ready.flatMap(({ guard: { rule }, problem }) =>
      problem === undefined
        ? []
        : [
            {
              id: rule.id,
              problem,
              ...(rule.tenantId === undefined ? {} : { tenantId: rule.tenantId }),
            },
          ],
    )
  }
}

/** What another version may have stored of a rule, beside its options, that this one does not know; undefined where nothing. */
function unknownForm(rule: GuardrailRule): string | undefined {
  if (!GUARD_MODES.includes(rule.mode)) return 'Its mode is not known to this version.'
  return hasStages(rule) ? undefined : 'It has a stage that is not known to this version.'
}

function hasStages({ stages }: GuardrailRule): boolean {
  return (
    Array.isArray(stages) && stages.length > 0 && stages.every((one) => GUARD_STAGES.includes(one))
  )
}

/** Whether a rule holds for a request. */
function concerns(
  rule: GuardrailRule,
  principal: Principal,
  names: readonly string[] | undefined,
): boolean {
  const { except, models, tenantId } = rule
  const isModel =
    models === undefined ||
    names === undefined ||
    models.some((pattern) => names.some((name) => matchesPattern(pattern, name)))
  if (!isModel) return false
  if (rule.for !== undefined && !isNamed(rule.for, principal, tenantId)) return false
  // Whom nothing names is on every list; here that would let them pass.
  if (except === undefined) return true
  if (principal.kind === 'anonymous') return !except.includes('everyone')
  return !isNamed(except, principal, tenantId)
}

function isNamed(
  access: readonly string[],
  principal: Principal,
  tenantId: string | undefined,
): boolean {
  return isOnList(principal, { access, ...(tenantId === undefined ? {} : { tenantId }) })
}
