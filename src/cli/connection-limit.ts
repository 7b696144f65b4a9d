// fetch stops at 256 requests at once unless a variable says otherwise before the process starts. A server therefore
// replaces itself once, by `execve`, with the same program and that variable set: same process id, some milliseconds.

import { LIMITS } from '../core/limits.ts'
import { isExecutable } from '../assets.ts'

const VARIABLE = 'BUN_CONFIG_MAX_HTTP_REQUESTS'

/** Commands that send many requests; the others stay below the limit. */
function isServer(argv: readonly string[]): boolean {
  const first = argv.find((argument) => !argument.startsWith('-'))
  const asksForHelp = argv.some((argument) =>
    ['--help', '-h', '--version', '-v'].includes(argument),
  )
  return !asksForHelp && (argv.length === 0 || argv[0]!.startsWith('-') || first === 'serve')
}

/** True when another process does the work now and this one has only to wait for it (where `execve` is missing). */
export function raiseConnectionLimit(argv: readonly string[]): boolean {
  if (!isServer(argv) || process.env[VARIABLE] !== undefined) return false
  const environment = { ...process.env, [VARIABLE]: String(LIMITS.upstreamConnectionsMax) }
  const program = isExecutable ? [process.execPath] : [process.execPath, process.argv[1]!]
  const command = [...program, ...argv]
  if (process.platform !== 'win32' && typeof process.execve === 'function') {
    process.execve(process.execPath, command, environment)
  }
  const child = Bun.spawn(command, {
    env: environment,
    stdio: ['inherit', 'inherit', 'inherit'],
  })
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => child.kill(signal))
  void child.exited.then((code) => process.exit(code))
  return true
}
