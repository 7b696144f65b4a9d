// argv → command → exit code. Commands are imported only when they are named, so that `--help` and the start stay quick.
// For a server it first makes sure, once, that the process may hold thousands of requests to providers.

import { runCommandLine } from './cli/run.ts'
import { raiseConnectionLimit } from './cli/connection-limit.ts'

const argv = process.argv.slice(2)
if (!raiseConnectionLimit(argv)) process.exitCode = await runCommandLine(argv)
