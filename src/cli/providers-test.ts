// `weir providers test`: asks providers through the real transport and says for each step whether it worked, how long it
// took, and if not why and what to do. Nothing is recorded and nothing is changed.

import { textOption } from './arguments.ts'
import type { Command, CommandInput, Output } from './command.ts'
import { checkPorts } from './doctor-ports.ts'
import { asOptional, stepText } from './doctor-steps.ts'
import { chooseSubjects, type Subject } from './doctor-subjects.ts'
import { printable } from './format.ts'
import { type CheckPorts, checkProvider } from './provider-check.ts'
import { readCatalog, TENANT_OPTION, tenantOf } from './store.ts'

export const providersTest: Command = {
  name: 'providers test',
  summary: 'ask providers whether they answer',
  usage: 'providers test [ID] [--model MODEL] [--tenant ID]',
  options: [
    TENANT_OPTION,
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

async function run(input: CommandInput): Promise<number> {
  const { output, positionals } = input
  const { catalog, config } = await readCatalog(input.configFlags, output, tenantOf(input))
  const subjects = chooseSubjects(positionals, textOption(input, 'model'), catalog, config)
  const portsOf = checkPorts()
  let failed = 0
  for (const subject of subjects) {
    if (!(await test(subject, await portsOf(subject.provider), output))) failed += 1
  }
  if (failed > 0) {
    output.error(
      `${failed} of ${subjects.length} failed. For the way there, layer by layer: weir doctor\n`,
    )
  }
  return failed > 0 ? 1 : 0
}

/** Whether every step worked; each is shown when it is done. */
async function test(subject: Subject, ports: CheckPorts, output: Output): Promise<boolean> {
  const { isOptional, model, provider } = subject
  output.out(`${printable(provider.id)}  ${printable(provider.baseUrl)}\n`)
  let works = true
  for await (const step of checkProvider(provider, model, ports)) {
    output.out(stepText(isOptional ? asOptional(step) : step, output))
    if (step.state === 'failed') works = false
  }
  return works || isOptional
}
