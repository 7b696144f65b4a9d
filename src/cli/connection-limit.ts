// fetch stops at 256 requests at once unless a variable says otherwise before the process starts. A server therefore
// replaces itself once, by `execve`, with the same program and that variable set: same process id, some milliseconds.

import { LIMITS } from '../core/limits.ts'
import { isExecutable } from '../assets.ts'

const VARIABLE = 'BUN_CONFIG_MAX_HTTP_REQUESTS'

/** Whether the command is a server, which sends many requests; the others stay below the limit. */
export function isServer(argv: readonly string[]): boolean {
  const first = argv.find((argument) => !argument.startsWith('-'))
  const asksForHelp = argv.some((argument) =>
    ['--help', '-h', '--version', '-v'].includes(argument),
  )
  return !asksForHelp && (argv.length === 0 || argv[0]!.startsWith('-') || first === 'serve')
}

function canReplace(): boolean {
  return process.platform !== 'win32' && typeof process.execve === 'function'
}

/** True when another process does the work now and this one has only to wait for it (where `execve` is missing). */
export function raiseConnectionLimit(argv: readonly string[]): boolean {
  if (!isServer(argv)) return false
  if (process.env[VARIABLE] !== undefined) {
    // The child of below: nobody may stay behind, with the port, when a service manager ends the program that it has started.
    if (!canReplace() && process.send !== undefined) {
      process.on('disconnect', () => process.exit(1))
      // Its own end does not wait for the other's.
      process.channel?.unref()
    }
    return false
  }
  const environment = { ...process.env, [VARIABLE]: String(LIMITS.upstreamConnectionsMax) }
  const program = isExecutable ? [process.execPath] : [process.execPath, process.argv[1]!]
  const command = [...program, ...argv]
  if (canReplace()) {
    process.execve?.(process.execPath, command, environment)
  }
  const child = Bun.spawn(command, {
    env: environment,
    stdio: ['inherit', 'inherit', 'inherit'],
    // Says nothing: its end is what the child has of ours.
    ipc: () => {},
  })
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => child.kill(signal))
  void child.exited.then((code) => process.exit(code))
  return true
}
