// argv → command → exit code. Commands are imported only when they are named, so that `--help` and the start stay quick.
// For a server it first makes sure, once, that the process may hold thousands of requests to providers.

import { isServer, raiseConnectionLimit } from './cli/connection-limit.ts'

const argv = process.argv.slice(2)
// The executable begins with a compiler that holds back, which is for the start of a server alone; `app.ts` ends that.
if (!isServer(argv)) Bun.unsafe.setJITPolicy(1)
if (!raiseConnectionLimit(argv)) {
  // Not before: a server that replaces itself would load all of it twice.
  const { runCommandLine } = await import('./cli/run.ts')
  process.exitCode = await runCommandLine(argv)
  const { endLeftover } = await import('./cli/leftover.ts')
  endLeftover(argv)
}
