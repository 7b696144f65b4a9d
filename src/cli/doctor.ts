// `weir doctor`: tries everything between a client's request and a provider's answer, layer by layer, and names the first that fails and
// what to do. Nothing is recorded, nothing is changed, and no secret is shown.

import type { Config } from '../config/config.ts'
import { withStoredSettings } from '../config/stored.ts'
import type { Model } from '../core/catalog.ts'
import { checkId } from '../core/doctor-checks.ts'
import { LIMITS } from '../core/limits.ts'
import { systemClock } from '../system.ts'
import { isOn, textOption } from './arguments.ts'
import { type Command, type CommandInput, type Output, UsageError } from './command.ts'
import { ClockWitness, proxyVariable } from './doctor-environment.ts'
import { guardExaminations } from './doctor-guards.ts'
import { examineMachine } from './doctor-machine.ts'
import { checkPorts } from './doctor-ports.ts'
import { type Examination, examine } from './doctor-provider.ts'
import { keysFinding, modelsFinding, rulesFinding } from './doctor-rules.ts'
import { asOptional, runStep, type Step, stepJson, stepText } from './doctor-steps.ts'
import { chooseSubjects, type Subject } from './doctor-subjects.ts'
import { counted, jsonText, printable } from './format.ts'
import { rulesFor } from './guard.ts'
import { readCatalog, TENANT_OPTION, tenantOf, withExistingStore } from './store.ts'
import { buildSnapshot, type Catalog } from '../gateway/snapshot.ts'

export const doctor: Command = {
  name: 'doctor',
  summary: 'find what keeps requests from being answered, and what to do',
  usage: 'doctor [PROVIDER…] [--model MODEL] [--tokens | --no-tokens] [--tenant ID] [--json]',
  options: [
    {
      flag: '--model',
      value: 'MODEL',
      doc: 'ask this model for one tiny answer (costs a few tokens): with one PROVIDER its own name of a model, else an alias or provider/model',
    },
    { flag: '--tokens', doc: 'ask a model of every provider, those that cost included' },
    { flag: '--no-tokens', doc: 'ask no model (default: those of local servers alone)' },
    TENANT_OPTION,
    { flag: '--json', doc: 'print a JSON array of all steps' },
  ],
  examples: ['weir doctor', 'weir doctor openai --model gpt-5-mini', 'weir doctor --json'],
  positionalsMax: LIMITS.doctorRunningMax,
  run,
}

const MACHINE = 'this machine'
/** As wide as the longest name of a step without a label. */
const NAME_WIDTH = 'client certificate'.length

async function run(input: CommandInput): Promise<number> {
  const { output } = input
  const wanted = tokensWanted(input)
  const report = new Report(output, isOn(input, 'json'))
  report.begin(MACHINE)
  const machine = await examineMachine(input.configFlags, process.env, (step) =>
    report.add(MACHINE, step),
  )
  const { loaded } = machine
  if (loaded === undefined) return report.end(0)
  const { config } = loaded
  const tenantId = tenantOf(input)
  const catalog = machine.isStoreReadable
    ? (await readCatalog(input.configFlags, output, tenantId)).catalog
    : buildSnapshot(1, [config], config.network).of(tenantId)
  const rules = machine.isStoreReadable
    ? await rulesFor(tenantId, { config, input })
    : config.guardrails.map((rule) => ({ rule }))
  for (const step of await examineRules(input, machine.isStoreReadable, config, catalog)) {
    report.add(MACHINE, step)
  }
  const guards = guardExaminations({ config, rules, catalog, tenantId }).map(
    (examineGuard): Work => ({
      // They are of this machine, which has been begun.
      begin: () => {},
      steps: async function* () {
        yield await examineGuard()
      },
      tell: (step) => report.add(MACHINE, step),
    }),
  )
  const subjects = chooseSubjects(input.positionals, textOption(input, 'model'), catalog, config)
  const clock = new ClockWitness()
  const absent = new Set<string>()
  const asked = subjects.map((subject): Work => ({
    begin: () => report.begin(subject.provider.id, subject.provider.baseUrl),
    steps: async function* () {
      const { id } = subject.provider
      const ports = await checkPorts((date, nowMs) => clock.hear(id, date, nowMs))(subject.provider)
      for await (const step of examine(examination(subject, catalog, wanted), ports)) {
        yield step
        if (subject.isOptional && step.state === 'failed') return
      }
    },
    tell: (step) => {
      const { isOptional, provider } = subject
      if (isOptional && step.state === 'failed') absent.add(provider.id)
      report.add(provider.id, isOptional ? asOptional(step) : step)
    },
  }))
  await inOrder([...guards, ...asked])
  const providers = subjects.map(({ provider }) => provider)
  report.begin(MACHINE)
  report.add(
    MACHINE,
    await runStep('clock', systemClock.monotonicMs, () => clock.finding(providers)),
  )
  return report.end(subjects.length - absent.size)
}

/** What is declared of keys, models, limits and budgets, in file and store. */
async function examineRules(
  input: CommandInput,
  isStoreReadable: boolean,
  config: Config,
  catalog: Catalog,
): Promise<Step[]> {
  const tenantId = tenantOf(input)
  const stored = isStoreReadable
    ? await withExistingStore(config, input.output, async (store) => ({
        settings: await store.storedSettings.all(),
        keys: await store.keys.list(tenantId),
        limits: await store.limitRules.list(tenantId),
        budgets: await store.budgetRules.list(tenantId),
      }))
    : undefined
  const keys = [...config.keys.filter((key) => key.tenantId === tenantId), ...(stored?.keys ?? [])]
  const limits = [...config.limits, ...(stored?.limits ?? [])]
  const budgets = [...config.budgets, ...(stored?.budgets ?? [])]
  const { monotonicMs, nowMs } = systemClock
  const inForce = stored === undefined ? config : withStoredSettings(config, stored.settings)
  return [
    await runStep('keys', monotonicMs, () => keysFinding(inForce, keys, nowMs())),
    await runStep('models', monotonicMs, () => modelsFinding(catalog)),
    await runStep('rules', monotonicMs, () => rulesFinding({ limits, budgets }, catalog, keys)),
  ]
}

function tokensWanted(input: CommandInput): Examination['tokens'] {
  if (!isOn(input, 'no-tokens')) return isOn(input, 'tokens') ? 'asked' : 'free'
  if (isOn(input, 'tokens') || textOption(input, 'model') !== undefined) {
    throw new UsageError('--no-tokens excludes --tokens and --model.')
  }
  return 'never'
}

function examination(
  { model, provider }: Subject,
  catalog: Catalog,
  tokens: Examination['tokens'],
): Examination {
  const models: Model[] = [...catalog.models.values()]
  return { provider, model, models, tokens, proxyVariable: proxyVariable(process.env) }
}

/** Something that is tried beside others and told in its turn. */
interface Work {
  steps(): AsyncIterable<Step>
  begin(): void
  tell(step: Step): void
}

/** All at once, up to a bound, but told one after the other: what a later one has found waits for its turn. */
async function inOrder(works: readonly Work[]): Promise<void> {
  let turn = 0
  const waiting = works.map((): Step[] => [])
  const done = works.map(() => false)
  const flush = (at: number) => {
    const work = works[at]
    if (at !== turn || work === undefined) return
    for (const step of waiting[at]?.splice(0) ?? []) work.tell(step)
    if (done[at] !== true) return
    turn += 1
    works[turn]?.begin()
    flush(turn)
  }
  let next = 0
  const worker = async () => {
    for (let at = next++; at < works.length; at = next++) {
      for await (const step of works[at]!.steps()) {
        waiting[at]?.push(step)
        flush(at)
      }
      done[at] = true
      flush(at)
    }
  }
  works[0]?.begin()
  await Promise.all(Array.from({ length: LIMITS.doctorRunningMax }, worker))
}

/** Shows steps as they come, or keeps them for one JSON document; and counts what failed. */
class Report {
  private readonly output: Output
  private readonly isJson: boolean
  private readonly steps: { readonly subject: string; readonly step: Step }[] = []
  private readonly failures = new Map<string, readonly string[]>()
  /** Steps in a row that were not tried for the same reason are told in one line. */
  private untried: { readonly why: string; readonly names: string[] } | undefined
  private isBegun = false

  constructor(output: Output, isJson: boolean) {
    this.output = output
    this.isJson = isJson
  }

  begin(subject: string, place = ''): void {
    this.tellUntried()
    if (this.isJson) return
    const { color } = this.output
    const name = printable(subject)
    const shown = color ? `\u001b[1m${name}\u001b[0m` : name
    this.output.out(
      `${this.isBegun ? '\n' : ''}${shown}${place === '' ? '' : `  ${printable(place)}`}\n`,
    )
    this.isBegun = true
  }

  add(subject: string, step: Step): void {
    this.steps.push({ subject, step })
    // Of a provider the first tells it; this machine's parts have nothing to do with each other.
    const before = this.failures.get(subject) ?? []
    if (step.state === 'failed' && (before.length === 0 || subject === MACHINE)) {
      this.failures.set(subject, [...before, step.name])
    }
    if (this.isJson) return
    if (step.state === 'skipped' || step.state === 'not_reached') {
      const why = step.state === 'skipped' ? (step.result ?? '') : 'not reached'
      if (this.untried !== undefined && this.untried.why !== why) this.tellUntried()
      this.untried ??= { why, names: [] }
      this.untried.names.push(step.name)
      return
    }
    this.tellUntried()
    this.output.out(stepText(step, this.output, NAME_WIDTH))
  }

  private tellUntried(): void {
    const { untried } = this
    if (untried === undefined) return
    this.untried = undefined
    const name = untried.names.join(', ')
    const step: Step = { name, state: 'skipped', durationMs: 0, result: untried.why }
    this.output.out(stepText(step, this.output, NAME_WIDTH))
  }

  /**
   * The last words.
   * @param providers how many were tried
   * @returns the exit code
   */
  end(providers: number): number {
    this.tellUntried()
    const { failures, isJson, output, steps } = this
    if (isJson) output.out(`${jsonText(steps.map(jsonOf), 2)}\n`)
    if (failures.size > 0) {
      const named = [...failures].map(([subject, names]) => `${subject} (${names.join(', ')})`)
      output.error(`Failed at: ${printable(named.join(', '))}\n`)
      return 1
    }
    const warnings = steps.filter(({ step }) => step.state === 'warning').length
    const but = warnings === 0 ? '' : `, with ${counted(warnings, 'warning')}`
    if (!isJson) output.out(`\nAll well${but}: ${MACHINE} and ${counted(providers, 'provider')}.\n`)
    return 0
  }
}

function jsonOf({ step, subject }: { readonly subject: string; readonly step: Step }) {
  return { id: checkId(step.name, subject === MACHINE), ...stepJson(subject, step) }
}
