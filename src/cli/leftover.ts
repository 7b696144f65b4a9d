// Ends a command that has done its work though the runtime does not let go: a connection that is being made to an address that drops packets
// holds the process for two minutes after everybody has given it up. Whatever was written is written before.

import { LIMITS } from '../core/limits.ts'

/** Those that ask addresses that may not answer. */
const ASKING: ReadonlySet<string> = new Set(['doctor', 'providers'])

/** Makes sure that the process ends with the exit code that is set. To be called when the command has resolved. */
export function endLeftover(argv: readonly string[]): void {
  const [name = ''] = argv
  if (!ASKING.has(name)) return
  const end = () => process.exit()
  const timer = setTimeout(() => {
    // A reader that has gone away keeps nobody.
    process.stdout.on('error', end)
    process.stderr.on('error', end)
    process.stdout.write('', () => process.stderr.write('', end))
  }, LIMITS.leftoverPatienceMs)
  // It comes to nothing where nothing else holds the process.
  timer.unref()
}
