// `weir service install`: has the system run Weir from login on, or from boot on, and again when it failed. It says what a service will not
// have that this shell has: names of variables, never what is in them.

import { systemClock } from '../system.ts'
import { isOn, textOption } from './arguments.ts'
import type { Command, CommandInput, OptionDoc, Output } from './command.ts'
import { printable } from './format.ts'
import { Problem } from './people.ts'
import { isAnswering, placeText, runningVersion, untilAnswering } from './running.ts'
import { dryRun, install, prepare, type Prepared } from './service/installation.ts'
import type { ServiceManager } from './service/plan.ts'
import { managerFor, processSystem, type ServiceSystem } from './service/system.ts'

/** Of every command of the service. */
export const SYSTEM_OPTION: OptionDoc = {
  flag: '--system',
  doc: 'the service of the whole machine, on Linux; needs root',
}

export const serviceInstall: Command = {
  name: 'service install',
  summary: 'have the system run Weir from login on',
  usage: 'service install [--env-file FILE] [--system] [--dry-run]',
  options: [
    {
      flag: '--env-file',
      value: 'FILE',
      doc: 'file with variables for the service, NAME=value per line, readable by you alone',
    },
    SYSTEM_OPTION,
    { flag: '--dry-run', doc: 'show what would be written and run, and do nothing' },
  ],
  notes: [
    'A systemd user unit on Linux, a launch agent on macOS, a task at logon on Windows. --config and --data hold for the service;',
    'without them it goes by the file and the folder that are found now. Again, it takes over what has changed.',
  ],
  examples: [
    'weir service install',
    'weir service install --env-file ~/.config/weir/keys.env',
    'sudo weir service install --system --config /etc/weir/weir.yaml',
  ],
  positionalsMax: 0,
  run: (input) => told(input.output, () => run(input, processSystem())),
}

/** Runs a command of the service and says in words why it could not. */
export async function told(output: Output, work: () => Promise<number>): Promise<number> {
  try {
    return await work()
  } catch (error) {
    if (!(error instanceof Problem)) throw error
    output.error(`${printable(error.message)}\n`)
    return 1
  }
}

async function run(input: CommandInput, system: ServiceSystem): Promise<number> {
  const { output } = input
  const isSystem = isOn(input, 'system')
  const manager = managerFor(system, isSystem)
  const environmentFile = textOption(input, 'env-file')
  const prepared = prepare(system, {
    flags: input.configFlags,
    isSystem,
    ...(environmentFile === undefined ? {} : { environmentFile }),
  })
  if (isOn(input, 'dry-run')) {
    output.out(dryRun(system, manager, prepared.facts))
    tellVariables(prepared, output)
    return 0
  }
  const { server } = prepared.loaded.config
  const wasThere = system.read(manager.path, manager.encoding) !== undefined
  if (!wasThere && (await isAnswering(server))) {
    throw new Problem(
      `A server answers at ${placeText(server)} already. End it first: the service would find its port taken.`,
    )
  }
  const done = await install(system, manager, prepared.facts)
  const words = {
    installed: 'Installed',
    changed: 'Written anew, as something has changed, and started again',
    unchanged: 'Installed already, and nothing has changed',
  }[done]
  output.out(`${words}: ${printable(manager.path)} (${manager.name})\n`)
  tellVariables(prepared, output)
  await tellLinger(system, manager, isSystem, output)
  return await tellAnswer(server, manager, output)
}

/** Waits for the answer and says where it is. Resolves to the exit code. */
export async function tellAnswer(
  server: { readonly host: string; readonly port: number },
  manager: ServiceManager,
  output: Output,
): Promise<number> {
  if (server.port === 0) {
    output.error(
      'It takes any free port, as server.port is 0: clients will not find it. Set one.\n',
    )
    return 0
  }
  if (await untilAnswering(server, () => systemClock.nowMs())) {
    if ((await runningVersion(server)) === undefined) {
      output.error(
        `Another program answers at ${placeText(server)}, where Weir was to listen. End it, or set another server.port.\n`,
      )
      return 1
    }
    output.out(`Weir answers at http://${placeText(server)}. See it with 'weir open'.\n`)
    return 0
  }
  output.error(`It does not answer at ${placeText(server)}. See its log: ${manager.log}\n`)
  return 1
}

function tellVariables({ facts, missing }: Prepared, output: Output): void {
  const { found, needed } = missing
  if (needed.length > 0) {
    output.error(
      `The configuration reads variables that the service will not have, and will not start: ${needed.join(', ')}\n`,
    )
  }
  if (found.length > 0) {
    output.error(`Set here, and not for the service: ${found.join(', ')}\n`)
  }
  if (needed.length === 0 && found.length === 0) return
  output.error(
    facts.environmentFile === undefined
      ? 'A service does not see the variables of your shell. Put them into a file that you alone may read (chmod 600) and give it by --env-file.\n'
      : `Put them into ${printable(facts.environmentFile)} as well.\n`,
  )
}

/** A user's manager ends with the last login unless it lingers. */
async function tellLinger(
  system: ServiceSystem,
  manager: ServiceManager,
  isSystem: boolean,
  output: Output,
): Promise<void> {
  if (isSystem || !manager.name.startsWith('systemd')) return
  const argv = ['loginctl', 'show-user', system.userName, '--property=Linger', '--value']
  const { output: said } = await system.run({ argv, mayFail: true })
  if (said?.trim() === 'yes') return
  output.error(
    `It ends when you log out. To have it run from boot on: loginctl enable-linger ${printable(system.userName)}\n`,
  )
}
