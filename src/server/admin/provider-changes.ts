// Providers made, changed, tried and taken away for an administrator. A change is decided on what is there and made only where that is there
// still: of two at once the second is decided anew, so that a secret never ends at an address that it was not given for.

import type { Actor } from '../../core/audit.ts'
import type { Provider } from '../../core/catalog.ts'
import { GatewayError } from '../../core/error.ts'
import { can, modelScopes } from '../../core/permission.ts'
import type { JsonObject } from '../../core/json.ts'
import { LIMITS } from '../../core/limits.ts'
import { namedTargets, reportProviders, type ProviderReport } from '../../gateway/health-report.ts'
import type { ServerDeps } from '../context.ts'
import { check } from './checked.ts'
import { notFound } from './body.ts'
import { ProviderBook, type ProviderAsking, type ProviderProbe } from './provider-book.ts'
import { guardProvider } from './provider-guard.ts'
import { invalid, mergedSettings, providerOf, type ProviderName } from './provider-input.ts'
import { keyJson, providerJson, settingsJson, type ProviderUse } from './provider-json.ts'
import { WholeProviderSchema, type WholeProvider } from './provider-schemas.ts'

/** A change that was decided on what is not there any more is decided anew so often. */
const TRIES_MAX = 5

/** Somebody else was faster. */
class Overtaken extends GatewayError {
  constructor() {
    super('invalid_request', {
      status: 409,
      code: 'changed_meanwhile',
      message: 'Others change it at this moment. Try again.',
    })
  }
}

/** What is to become of a stored provider. */
export interface Decision {
  readonly after: Provider
  readonly given: WholeProvider
}

export class ProviderChanges {
  readonly book: ProviderBook
  private readonly deps: ServerDeps

  constructor(deps: ServerDeps) {
    this.deps = deps
    this.book = new ProviderBook(deps)
  }

  /** As it is shown. @param withTimes looks up when its keys were added */
  async shown(asking: ProviderAsking, provider: Provider, withTimes = false): Promise<JsonObject> {
    const { directory } = this.deps.gateway
    const inForce = this.book.inForce(provider)
    return providerJson(provider, {
      isOwn: this.book.isOwn(asking, provider, 'provider.read'),
      seesKeys: this.book.may(asking, 'provider_key.read', provider.id),
      report: this.report(asking, inForce),
      asked: directory.asked(inForce),
      uses: this.usesOf(asking, provider),
      ...(withTimes ? { masked: await this.masked(provider) } : {}),
    })
  }

  /** Its keys, masked, with how each fares. */
  async shownKeys(asking: ProviderAsking, provider: Provider): Promise<JsonObject[]> {
    const view = {
      report: this.report(asking, this.book.inForce(provider)),
      masked: await this.masked(provider),
    }
    return provider.keys.map((key) => keyJson(key, view))
  }

  /** The aliases of the tenant that lead to it, of those one may see. */
  usesOf({ principal, tenantId }: ProviderAsking, { id }: Provider): ProviderUse[] {
    const { models } = this.deps.gateway.snapshot().of(tenantId)
    return [...models.values()].flatMap(({ id: model, targets }) => {
      const here = targets.filter(({ providerId }) => providerId === id).length
      if (here === 0 || !can(principal, 'model.read', modelScopes(tenantId, model))) return []
      return [{ model, targets: here, isOnly: here === targets.length }]
    })
  }

  /** Closes circuits and ends the rests of keys, here at once and then on other replicas. */
  async reset(provider: Provider): Promise<{
    readonly circuits: number
    readonly keys: number
    readonly isTold: boolean
  }> {
    const { health, snapshot } = this.deps.gateway
    const inForce = this.book.inForce(provider)
    const cleared = health.reset(inForce, namedTargets(inForce, snapshot()))
    return { ...cleared, isTold: await this.deps.providers.tellReset(inForce) }
  }

  /** @throws GatewayError 409 for an id that is taken, and as `guardProvider` does */
  async create(
    asking: ProviderAsking,
    name: Omit<ProviderName, 'tenantId'>,
    given: WholeProvider,
  ): Promise<Provider> {
    const { tenantId } = asking
    this.book.requireAction(asking, name.id)
    await this.refuseTaken(tenantId, name.id)
    const after = providerOf({ ...name, tenantId }, given, undefined)
    await guardProvider({ before: undefined, after, given }, asking, this.book, this.deps)
    const by = {
      ...asking.actor,
      precondition: () => this.refuseTaken(tenantId, name.id),
    }
    await this.deps.providers.store.save(tenantId, after, by)
    return after
  }

  /**
   * Changes a stored one.
   * @param by with what must hold for it
   * @throws GatewayError 404, 409 for one that is declared elsewhere, and as `guardProvider` does
   */
  async change(
    asking: ProviderAsking,
    id: string,
    by: Actor,
    decide: (before: Provider) => Decision,
  ): Promise<Provider> {
    const { store } = this.deps.providers
    const { tenantId } = asking
    for (let tries = 1; ; tries += 1) {
      const before = await this.book.named(asking, id)
      this.book.requireOwn(asking, before)
      this.book.requireStored(before)
      // Of a version that is none any more nothing needs to be judged, and its words come first.
      if (tries === 1) await by.precondition?.()
      const { after, given } = decide(before)
      await guardProvider({ before, after, given }, asking, this.book, this.deps)
      const precondition = async () => {
        await by.precondition?.()
        if (!Bun.deepEquals(before, await store.find(tenantId, id))) throw new Overtaken()
      }
      try {
        // Keys that were not given are left as they are, whatever becomes of them meanwhile.
        const { keys, ...rest } = after
        const saved = given.keys === undefined ? rest : { ...rest, keys }
        await store.save(tenantId, saved, { ...by, precondition })
        return after
      } catch (thrown) {
        if (!(thrown instanceof Overtaken) || tries >= TRIES_MAX) throw thrown
      }
    }
  }

  /** All settings anew. */
  replaced(before: Provider, given: WholeProvider): Decision {
    requireSameType(before, given)
    return { after: providerOf(nameOf(before), given, before), given }
  }

  /** Some settings, joined to what there is. @throws GatewayError naming the member that is wrong then */
  patched(before: Provider, change: JsonObject): Decision {
    const { keys, ...settings } = change
    const merged = mergedSettings(settingsJson(before), settings)
    const given = { ...merged, ...(keys === undefined ? {} : { keys }) }
    check(WholeProviderSchema, given)
    return this.replaced(before, given as WholeProvider)
  }

  /** Tries one that is not saved, by the rules of saving. */
  async tryDraft(
    asking: ProviderAsking,
    { before, ...decision }: Decision & { readonly before: Provider | undefined },
    model: string | undefined,
  ): Promise<JsonObject> {
    await guardProvider({ before, ...decision }, asking, this.book, this.deps)
    return await this.tried(decision.after, model)
  }

  async tried(provider: Provider, model: string | undefined): Promise<JsonObject> {
    const inForce = this.book.inForce(provider)
    return probeJson(inForce, await this.deps.providers.probe(inForce, model))
  }

  private async refuseTaken(tenantId: string, id: string): Promise<void> {
    const found = await this.book.find(tenantId, id)
    if (found === undefined) return
    this.book.requireStored(found)
    throw new GatewayError('invalid_request', {
      status: 409,
      code: 'already_exists',
      param: 'id',
      message: 'There is a provider with this id.',
    })
  }

  private report(asking: ProviderAsking, provider: Provider): ProviderReport {
    const { gateway, health } = this.deps
    const isWhole = this.book.isOwn(asking, provider, 'provider.read')
    const { models } = gateway.snapshot().of(asking.tenantId)
    const view = { providers: [provider], models: models.values(), isWhole: () => isWhole }
    const [report] = reportProviders(gateway, health.checks, view)
    if (report === undefined) throw notFound('provider')
    return report
  }

  private async masked({ id, origin, tenantId }: Provider) {
    return origin === 'store' && tenantId !== undefined
      ? await this.deps.providers.store.maskedKeys(tenantId, id)
      : []
  }
}

function nameOf({ id, tenantId = '', type }: Provider): ProviderName {
  return { id, tenantId, type }
}

function requireSameType({ type }: Provider, given: WholeProvider): void {
  if (given.type === undefined || given.type === type) return
  throw invalid('type', 'Cannot be changed: make another provider.')
}

/** A try in short, and step by step. */
function probeJson(
  { entra, keys }: Provider,
  { durationMs, models, steps }: ProviderProbe,
): JsonObject {
  const failed = steps.find(({ state }) => state === 'failed')
  const keySteps = steps.filter(({ name }) => name === 'key' || name === 'token')
  const isRefused = keySteps.some(({ failure }) => failure?.error === 'upstream_auth')
  const isAccepted = keySteps.some(({ name, state }) => name === 'key' && state === 'ok')
  const hasCredential = keys.length > 0 || entra !== undefined
  // Whatever was answered, be it a refusal, came from somebody.
  const isReached =
    models !== undefined || steps.some(({ failure }) => failure?.error !== undefined)
  return {
    ok: failed === undefined,
    reachable: steps.length > 1 ? isReached : null,
    key_accepted: !hasCredential ? null : isRefused ? false : isAccepted ? true : null,
    duration_ms: Math.round(durationMs),
    models: models === undefined ? null : models.length,
    sample: (models ?? []).slice(0, SAMPLE_MAX),
    reason: failed?.failure?.reason ?? null,
    todo: failed?.failure?.todo ?? null,
    steps: steps.map((step) => ({
      step: step.name,
      label: step.label ?? null,
      state: step.state,
      duration_ms: Math.round(step.durationMs),
      result: step.result ?? null,
      reason: step.failure?.reason ?? null,
      todo: step.failure === undefined || step.failure.todo === '' ? null : step.failure.todo,
    })),
  }
}

/** Models that are named of what it lists. */
const SAMPLE_MAX = LIMITS.probeModelsMax
