// `weir service start`, `stop`, `status` and `uninstall`: what is done with a service that is there. None of them changes data; a service
// that is taken away leaves it and says where it lies.

import { VERSION } from '../core/version.ts'
import { isOn } from './arguments.ts'
import type { Command, CommandInput } from './command.ts'
import { jsonText, printable } from './format.ts'
import { isAnswering, placeText, runningVersion } from './running.ts'
import { SYSTEM_OPTION, tellAnswer, told } from './service-install.ts'
import {
  start,
  status,
  stop,
  uninstall,
  versionWords,
  type Status,
} from './service/installation.ts'
import { managerFor, processSystem } from './service/system.ts'

export const serviceStart: Command = {
  name: 'service start',
  summary: 'start the service',
  usage: 'service start [--system]',
  options: [SYSTEM_OPTION],
  examples: ['weir service start'],
  positionalsMax: 0,
  run: (input) =>
    told(input.output, async () => {
      const { manager, system } = here(input)
      await start(system, manager)
      const { address } = await status(system, manager)
      if (address !== undefined) return await tellAnswer(address, manager, input.output)
      input.output.out('Started.\n')
      return 0
    }),
}

export const serviceStop: Command = {
  name: 'service stop',
  summary: 'stop the service until the next login or start',
  usage: 'service stop [--system]',
  options: [SYSTEM_OPTION],
  notes: ['On Linux and macOS requests that run may end first, as long as server.drain_timeout.'],
  examples: ['weir service stop'],
  positionalsMax: 0,
  run: (input) =>
    told(input.output, async () => {
      const { manager, system } = here(input)
      await stop(system, manager)
      input.output.out("Stopped. 'weir service start' starts it again.\n")
      return 0
    }),
}

export const serviceUninstall: Command = {
  name: 'service uninstall',
  summary: 'stop the service and take it away; data stays',
  usage: 'service uninstall [--system]',
  options: [SYSTEM_OPTION],
  examples: ['weir service uninstall'],
  positionalsMax: 0,
  run: (input) =>
    told(input.output, async () => {
      const { manager, system } = here(input)
      const record = await uninstall(system, manager)
      if (record === false) {
        input.output.out('No service is installed.\n')
        return 0
      }
      const data = record === undefined ? '' : ` Data stays in ${printable(record.dataFolder)}.`
      input.output.out(`Uninstalled: ${printable(manager.path)} is gone.${data}\n`)
      return 0
    }),
}

export const serviceStatus: Command = {
  name: 'service status',
  summary: 'show whether the service is installed, runs and answers',
  usage: 'service status [--system] [--json]',
  options: [SYSTEM_OPTION, { flag: '--json', doc: 'print one JSON object' }],
  notes: ['Exit code 0 when it answers, 1 when not.'],
  examples: ['weir service status'],
  positionalsMax: 0,
  run: (input) => told(input.output, () => tellStatus(input)),
}

async function tellStatus(input: CommandInput): Promise<number> {
  const { output } = input
  const { manager, system } = here(input)
  const { address, isInstalled, record, state } = await status(system, manager)
  const isAlive = address !== undefined && (await isAnswering(address))
  const running = isAlive ? await runningVersion(address) : undefined
  const answers = running !== undefined
  const isWell = isInstalled && answers && state?.isRunning === true
  if (isOn(input, 'json')) {
    const shown = {
      installed: isInstalled,
      running: state?.isRunning ?? false,
      state: state?.word ?? null,
      pid: state?.pid ?? null,
      answers,
      address: address === undefined ? null : `http://${placeText(address)}`,
      version: running ?? null,
      executable_version: VERSION,
      file: manager.path,
      data: record?.dataFolder ?? null,
    }
    output.out(`${jsonText(shown)}\n`)
    return isWell ? 0 : 1
  }
  if (!isInstalled) {
    output.out("No service is installed. Install one with 'weir service install'.\n")
    return 1
  }
  const pid = state?.pid === undefined ? '' : `, process ${state.pid}`
  const lines = [
    ['service', `${manager.name}, ${manager.path}`],
    ['state', `${state?.word ?? 'unknown'}${pid}`],
    ['answers', answersText(address, isAlive, running)],
    ['executable', record?.executable ?? 'unknown'],
    ['config', record === undefined ? 'unknown' : (record.configFile ?? 'none')],
    ['data', record?.dataFolder ?? 'unknown'],
  ]
  for (const [name = '', text = ''] of lines) {
    output.out(`${name.padEnd(12)}${printable(text)}\n`)
  }
  const words = versionWords(running)
  if (words !== undefined) output.error(`${words}\n`)
  if (!isWell) output.error(`See its log: ${printable(manager.log)}\n`)
  return isWell ? 0 : 1
}

function answersText(address: Status['address'], isAlive: boolean, running?: string): string {
  if (address === undefined || !isAlive) return 'no'
  return running === undefined ? 'no: another program does' : `at http://${placeText(address)}`
}

function here(input: CommandInput) {
  const system = processSystem()
  return { system, manager: managerFor(system, isOn(input, 'system')) }
}
