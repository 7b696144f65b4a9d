// `weir doctor`: tries everything between a client's request and a provider's answer, layer by layer, and names the first that fails and
// what to do. Nothing is recorded, nothing is changed, and no secret is shown.

import type { Model } from '../core/catalog.ts'
import { LIMITS } from '../core/limits.ts'
import { systemClock } from '../system.ts'
import { isOn, textOption } from './arguments.ts'
import { type Command, type CommandInput, type Output, UsageError } from './command.ts'
import { ClockWitness, proxyVariable } from './doctor-environment.ts'
import { examineMachine } from './doctor-machine.ts'
import { checkPorts } from './doctor-ports.ts'
import { type Examination, examine } from './doctor-provider.ts'
import { asOptional, runStep, type Step, stepJson, stepText } from './doctor-steps.ts'
import { chooseSubjects, type Subject } from './doctor-subjects.ts'
import { counted, jsonText, printable } from './format.ts'
import { readCatalog, TENANT_OPTION, tenantOf } from './store.ts'
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
  const subjects = chooseSubjects(input.positionals, textOption(input, 'model'), catalog, config)
  const clock = new ClockWitness()
  const absent = new Set<string>()
  await inOrder(subjects, {
    steps: async function* (subject) {
      const { id } = subject.provider
      const ports = await checkPorts((date, nowMs) => clock.hear(id, date, nowMs))(subject.provider)
      for await (const step of examine(examination(subject, catalog, wanted), ports)) {
        yield step
        if (subject.isOptional && step.state === 'failed') return
      }
    },
    begin: ({ provider }) => report.begin(provider.id, provider.baseUrl),
    tell: ({ isOptional, provider }, step) => {
      if (isOptional && step.state === 'failed') absent.add(provider.id)
      report.add(provider.id, isOptional ? asOptional(step) : step)
    },
  })
  const providers = subjects.map(({ provider }) => provider)
  report.begin(MACHINE)
  report.add(
    MACHINE,
    await runStep('clock', systemClock.monotonicMs, () => clock.finding(providers)),
  )
  return report.end(subjects.length - absent.size)
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

interface InOrder<Item> {
  steps(item: Item): AsyncIterable<Step>
  begin(item: Item): void
  tell(item: Item, step: Step): void
}

/** All at once, up to a bound, but told one after the other: what a later one has found waits for its turn. */
async function inOrder<Item>(items: readonly Item[], work: InOrder<Item>): Promise<void> {
  let turn = 0
  const waiting = items.map((): Step[] => [])
  const done = items.map(() => false)
  const flush = (at: number) => {
    const item = items[at]
    if (at !== turn || item === undefined) return
    for (const step of waiting[at]?.splice(0) ?? []) work.tell(item, step)
    if (done[at] !== true) return
    turn += 1
    const next = items[turn]
    if (next !== undefined) work.begin(next)
    flush(turn)
  }
  let next = 0
  const worker = async () => {
    for (let at = next++; at < items.length; at = next++) {
      for await (const step of work.steps(items[at]!)) {
        waiting[at]?.push(step)
        flush(at)
      }
      done[at] = true
      flush(at)
    }
  }
  if (items[0] !== undefined) work.begin(items[0])
  await Promise.all(Array.from({ length: LIMITS.doctorRunningMax }, worker))
}

/** Shows steps as they come, or keeps them for one JSON document; and counts what failed. */
class Report {
  private readonly output: Output
  private readonly isJson: boolean
  private readonly steps: { readonly subject: string; readonly step: Step }[] = []
  private readonly firstFailures = new Map<string, Step>()
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
    if (step.state === 'failed' && !this.firstFailures.has(subject)) {
      this.firstFailures.set(subject, step)
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
    const { firstFailures, isJson, output, steps } = this
    if (isJson) output.out(`${jsonText(steps.map(jsonOf), 2)}\n`)
    if (firstFailures.size > 0) {
      const named = [...firstFailures].map(([subject, { name }]) => `${subject} (${name})`)
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
  return stepJson(subject, step)
}
