// Everything between this program and one provider's answer, in the order in which it has to work: settings, the way there, token, key,
// model list, one token. The first layer that fails ends it; those after it are named as not reached.

import type { Model, Provider, ProviderType } from '../core/catalog.ts'
import { GatewayError } from '../core/error.ts'
import { suggest } from '../config/suggest.ts'
import type { ListedModel } from '../providers/provider.ts'
import { TlsFileProblem, loadMaterial } from '../transport/tls-files.ts'
import { NETWORK_LAYERS, probeNetwork } from './doctor-network.ts'
import { type Finding, notReached, runStep, type Step, StepFailure } from './doctor-steps.ts'
import { counted } from './format.ts'
import type { Advice } from './provider-advice.ts'
import {
  Check,
  type CheckPorts,
  type Credential,
  credentialsOf,
  NO_CREDENTIAL,
  settingsFinding,
} from './provider-check.ts'

export interface Examination {
  readonly provider: Provider
  /** The provider's own name of a model that is to be asked. */
  readonly model: string | undefined
  /** Aliases that may lead here. */
  readonly models: readonly Model[]
  /** `asked`: of every provider that has a model to ask; `free`: only where it costs nothing. */
  readonly tokens: 'asked' | 'free' | 'never'
  readonly proxyVariable: string | undefined
  /** Told its list of models, once it is there. */
  readonly heardList?: (list: readonly ListedModel[]) => void
}

/** Types that cost nothing to ask. */
const FREE: ReadonlySet<ProviderType> = new Set(['mock', 'ollama', 'lmstudio'])

/** Lists that do not hold the names requests are made with: deployments, inference profiles. */
const OTHER_NAMES: ReadonlySet<ProviderType> = new Set(['azure', 'bedrock'])

/** Names of models that do not chat. */
const NO_CHAT = /embed|rerank|whisper|tts|moderation|dall-e|image|transcri|bge-|clip/i

const LAYERS = ['settings', ...NETWORK_LAYERS, 'token', 'key', 'model list', 'one token'] as const

/** The steps of one provider, each as soon as it is done, and those that were not reached at the end. */
export async function* examine(examination: Examination, ports: CheckPorts): AsyncGenerator<Step> {
  const seen = new Set<string>()
  for await (const step of steps(examination, ports)) {
    seen.add(step.name)
    yield step
  }
  const { provider } = examination
  const applies = (layer: string) => layer !== 'token' || provider.entra !== undefined
  yield* notReached(LAYERS.filter((layer) => !seen.has(layer) && applies(layer)))
}

/** The same without the way there, layer by layer: what is asked of the provider itself, through the real transport. */
export async function* askProvider(
  examination: Examination,
  ports: CheckPorts,
): AsyncGenerator<Step> {
  const { monotonicMs } = ports.clock
  const settings = await runStep('settings', monotonicMs, () => checkSettings(examination.provider))
  yield settings
  if (settings.state !== 'failed') yield* new Questions(examination, ports).steps()
}

async function* steps(examination: Examination, ports: CheckPorts): AsyncGenerator<Step> {
  const { provider, proxyVariable } = examination
  const { clock, heardDate } = ports
  const settings = await runStep('settings', clock.monotonicMs, () => checkSettings(provider))
  yield settings
  if (settings.state === 'failed') return
  if (provider.type === 'mock') {
    yield* NETWORK_LAYERS.map((name) => skipped(name, 'inside this program'))
  } else {
    const told = { clock, proxyVariable, heardDate: heardDate ?? (() => {}) }
    for await (const step of probeNetwork(provider, told)) {
      yield step
      if (step.state === 'failed') return
    }
  }
  yield* new Questions(examination, ports).steps()
}

function checkSettings(provider: Provider): Finding {
  const finding = settingsFinding(provider)
  try {
    loadMaterial(provider.network)
  } catch (error) {
    if (!(error instanceof TlsFileProblem)) throw error
    throw new StepFailure({ reason: error.message, todo: 'Correct that file or the setting.' })
  }
  const draining = provider.keys.filter((key) => key.draining === true).length
  if (provider.keys.length > 0 && draining === provider.keys.length) {
    return {
      result: finding,
      warning: {
        reason: 'every key is on its way out',
        todo: 'Add the key that is to take their place.',
      },
    }
  }
  return finding
}

function skipped(name: string, why: string): Step {
  return { name, state: 'skipped', durationMs: 0, result: why }
}

/** What is asked of the provider itself once it has been reached. */
class Questions {
  private readonly examination: Examination
  private readonly ports: CheckPorts
  private list: readonly ListedModel[] | undefined
  private listFailure: Advice | undefined
  /** No answer of any kind came. */
  private isSilent = false
  private isOpen: boolean | undefined

  constructor(examination: Examination, ports: CheckPorts) {
    this.examination = examination
    this.ports = ports
  }

  async *steps(): AsyncGenerator<Step> {
    const { monotonicMs } = this.ports.clock
    const { provider } = this.examination
    const credentials = credentialsOf(provider, this.ports.tokens)
    if (provider.entra !== undefined) {
      const [token] = credentials
      const check = new Check(provider, token ?? NO_CREDENTIAL, this.ports)
      const step = await check.step('token', async () => await check.token())
      yield step
      if (step.state === 'failed') return
    }
    const fit: Check[] = []
    for (const credential of credentials) {
      const check = new Check(provider, credential, this.ports)
      const step = await runStep('key', monotonicMs, () => this.tryKey(check, credential))
      yield credential.label === '' ? step : { ...step, label: labelOf(credential) }
      if (step.state !== 'failed' && !isRefused(step)) fit.push(check)
    }
    const [first] = fit
    if (first === undefined) return
    const list = await runStep('model list', monotonicMs, () => this.judgeList())
    yield list
    if (list.state === 'failed') return
    yield await this.oneToken(first)
  }

  private async tryKey(check: Check, { draining, label }: Credential): Promise<Finding> {
    let list: readonly ListedModel[]
    // Whoever has kept one key waiting to the end would do so with each.
    if (this.isSilent) {
      return { skipped: 'not told, as the model list did not answer' }
    }
    try {
      list = await check.listModels()
    } catch (error) {
      const advice = check.adviceOf(error)
      this.isSilent = error instanceof GatewayError
      if (advice.error === 'upstream_auth') {
        if (!draining) throw new StepFailure(advice)
        return { result: 'on its way out', warning: advice }
      }
      this.listFailure ??= advice
      return advice.error === 'upstream_rate_limited'
        ? 'accepted'
        : { skipped: 'not told, as the model list did not answer' }
    }
    if (this.list === undefined) this.examination.heardList?.(list)
    this.list ??= list
    if (label === '') return { skipped: 'asked without one' }
    const marked = draining ? 'accepted, on its way out' : 'accepted'
    if (!(await this.isListOpen())) return marked
    if (!check.hasKeyPage) return { skipped: 'not told: the model list is open to everybody' }
    try {
      await check.askKeyPage()
    } catch (error) {
      throw new StepFailure(check.adviceOf(error))
    }
    return marked
  }

  /** Whether the list is given to anybody, so that it says nothing of a key. Asked once. */
  private async isListOpen(): Promise<boolean> {
    if (this.isOpen !== undefined) return this.isOpen
    const { provider } = this.examination
    const check = new Check(provider, NO_CREDENTIAL, this.ports)
    try {
      await check.listModels()
      this.isOpen = true
    } catch (error) {
      // Any refusal shows that the key was looked at.
      check.adviceOf(error)
      this.isOpen = false
    }
    return this.isOpen
  }

  private judgeList(): Finding {
    const { list, listFailure } = this
    if (list === undefined) {
      throw new StepFailure(listFailure ?? { reason: 'it was not asked for', todo: '' })
    }
    const { model, models, provider } = this.examination
    const count = counted(list.length, 'model')
    const wanted = targetsOf(provider, models)
    if (model !== undefined) wanted.set(model, '--model')
    if (OTHER_NAMES.has(provider.type)) {
      return `${count}; not compared, as requests name ${provider.type === 'azure' ? 'deployments' : 'profiles too'}`
    }
    const ids = list.map(({ id }) => id)
    const missing = [...wanted].filter(([name]) => !isListed(name, ids, provider.type))
    const [first] = missing
    if (first !== undefined) throw new StepFailure(missingAdvice(first, ids, provider))
    return wanted.size === 0 ? count : `${count}, all ${wanted.size} that are wanted among them`
  }

  private async oneToken(check: Check): Promise<Step> {
    const { model, models, provider, tokens } = this.examination
    const name = 'one token'
    if (tokens === 'never') return skipped(name, 'not asked (--no-tokens)')
    const isFree = FREE.has(provider.type)
    const targets = [...targetsOf(provider, models).keys()].filter((id) => !NO_CHAT.test(id))
    const chosen =
      model ?? targets[0] ?? (provider.type === 'mock' ? this.list?.[0]?.id : undefined)
    if (chosen === undefined) {
      return skipped(name, 'not asked: no alias leads here; name a model with --model')
    }
    if (model === undefined && tokens === 'free' && !isFree) {
      return skipped(name, `not asked, as it may cost; --tokens asks ${chosen}`)
    }
    const step = await check.step(name, () => check.complete(chosen))
    return { ...step, label: `of ${chosen}` }
  }
}

function labelOf({ draining, label }: Credential): string {
  const bare = label.replace(/^key /, '')
  return draining ? `${bare} (draining)` : bare
}

/** A key on its way out that is refused already is no failure, and no key to go on with. */
function isRefused(step: Step): boolean {
  return step.state === 'warning'
}

/** The provider's models that aliases lead to, each with the first alias that names it. */
function targetsOf(provider: Provider, models: readonly Model[]): Map<string, string> {
  const targets = new Map<string, string>()
  for (const alias of models) {
    for (const { model, providerId } of alias.targets) {
      if (providerId === provider.id && !targets.has(model)) targets.set(model, alias.id)
    }
  }
  return targets
}

/** Whether a list has a model, by its name or by one that providers take without listing it. */
function isListed(name: string, ids: readonly string[], type: ProviderType): boolean {
  if (ids.includes(name)) return true
  // It lists its configurations; one without a name is its own default.
  if (type === 'nemo') return !name.includes('@') || ids.includes(name.slice(name.lastIndexOf('@')))
  if (type === 'ollama') return ids.includes(`${name}:latest`)
  const stem = name.replace(/-(?:latest|0)$/, '')
  return ids.some((id) => {
    const bare = id.replace(/^models\//, '')
    return (
      bare === name ||
      (bare.startsWith(`${stem}-`) &&
        /^-(?:\d{4,8}|\d{4}-\d\d-\d\d|latest)$/.test(bare.slice(stem.length)))
    )
  })
}

function missingAdvice(
  [name, alias]: readonly [string, string],
  ids: readonly string[],
  { id }: Provider,
): Advice {
  const meant = suggest(name, ids)
  const who = alias === '--model' ? '' : `, which the alias ${alias} leads to,`
  return {
    reason: `the model ${name}${who} is not in its list of ${ids.length}`,
    todo:
      meant === undefined
        ? `See what it has: weir models list --all --provider ${id}`
        : `Did you mean ${meant}?`,
  }
}
