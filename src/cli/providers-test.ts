// `weir providers test`: asks providers through the real transport and says for each step whether it worked, how long it
// took, and if not why and what to do. Nothing is recorded and nothing is changed.

import type { Provider } from '../core/catalog.ts'
import { suggest } from '../config/suggest.ts'
import type { Transport } from '../core/ports.ts'
import type { Snapshot } from '../gateway/snapshot.ts'
import { createTransport } from '../transport/http-transport.ts'
import { textOption } from './arguments.ts'
import { type Command, type CommandInput, type Output, UsageError } from './command.ts'
import { formatMs, printable } from './format.ts'
import { checkProvider, type Step } from './provider-check.ts'
import { readCatalog } from './store.ts'
import { systemClock } from '../system.ts'

export const providersTest: Command = {
  name: 'providers test',
  summary: 'ask providers whether they answer',
  usage: 'providers test [ID] [--model MODEL]',
  options: [
    {
      flag: '--model',
      value: 'MODEL',
      doc: 'also ask for one tiny completion (costs a few tokens): with ID the provider’s own name of a model, else an alias or provider/model',
    },
  ],
  examples: [
    'weir providers test',
    'weir providers test openai --model gpt-5-mini',
    'weir providers test --model fast',
  ],
  positionalsMax: 1,
  run,
}

interface Subject {
  readonly provider: Provider
  readonly model?: string
  /** A local server that may well not be there: that is no failure. */
  readonly isOptional: boolean
}

async function run(input: CommandInput): Promise<number> {
  const { output } = input
  const { config, snapshot } = await readCatalog(input.configFlags, output)
  const candidates = config.localCandidates.filter(({ id }) => !snapshot.providers.has(id))
  const subjects = chooseSubjects(input, snapshot, candidates)
  const http = createTransport(systemClock)
  let failed = 0
  for (const subject of subjects) {
    const transport = subject.provider.type === 'mock' ? await mockTransport() : http
    if (!(await test(subject, transport, output))) failed += 1
  }
  if (failed > 0) output.error(`${failed} of ${subjects.length} failed.\n`)
  return failed > 0 ? 1 : 0
}

async function mockTransport(): Promise<Transport> {
  const { MockTransport } = await import('../providers/mock-transport.ts')
  return new MockTransport()
}

/** What to test. @throws UsageError for a name that is none. */
function chooseSubjects(
  input: CommandInput,
  snapshot: Snapshot,
  candidates: readonly Provider[],
): Subject[] {
  const [id] = input.positionals
  const model = textOption(input, 'model')
  const providers = new Map(snapshot.providers)
  for (const candidate of candidates) providers.set(candidate.id, candidate)
  const named = (providerId: string, modelName: string | undefined): Subject => {
    const provider = providers.get(providerId)
    if (provider !== undefined) {
      return {
        provider,
        isOptional: false,
        ...(modelName === undefined ? {} : { model: modelName }),
      }
    }
    const meant = suggest(providerId, providers.keys())
    const question = meant === undefined ? '' : ` Did you mean ${meant}?`
    throw new UsageError(`There is no provider '${printable(providerId)}'.${question}`)
  }
  if (id !== undefined) return [named(id, model)]
  if (model === undefined) {
    return [...providers.values()].map((provider) => ({
      provider,
      isOptional: candidates.includes(provider),
    }))
  }
  const alias = snapshot.models.get(model)
  if (alias !== undefined) return alias.targets.map((one) => named(one.providerId, one.model))
  const slash = model.indexOf('/')
  if (slash > 0) return [named(model.slice(0, slash), model.slice(slash + 1))]
  throw new UsageError(
    `No alias is named '${printable(model)}'. Name its provider: weir providers test ID --model MODEL`,
  )
}

/** Whether every step worked; each is shown when it is done. */
async function test(subject: Subject, transport: Transport, output: Output): Promise<boolean> {
  const { isOptional, model, provider } = subject
  output.out(`${printable(provider.id)}  ${printable(provider.baseUrl)}\n`)
  let works = true
  for await (const step of checkProvider(provider, model, { transport, clock: systemClock })) {
    output.out(stepText(step, isOptional, output))
    if (step.failure !== undefined) works = false
  }
  return works || isOptional
}

function stepText(step: Step, isOptional: boolean, output: Output): string {
  const { durationMs, failure, name, result } = step
  const paint = (text: string, code: number) =>
    output.color ? `\u001b[${code}m${text}\u001b[0m` : text
  const head = `${printable(name)}  ${formatMs(durationMs)}`
  if (failure === undefined) return `  ${paint('ok', 32)}    ${head}  ${printable(result ?? '')}\n`
  if (isOptional) return `  -     ${head}  not there: ${printable(failure.reason)}\n`
  const todo = failure.todo === '' ? '' : `          → ${printable(failure.todo)}\n`
  return `  ${paint('FAIL', 31)}  ${head}  ${printable(failure.reason)}\n${todo}`
}
