// From arguments to one command and its exit code; help texts and errors in words for a person. No stack trace leaves here.

import { parseArgs } from 'node:util'
import { ConfigError } from '../config/problem.ts'
import { VERSION } from '../core/version.ts'
import { COMMON_OPTIONS, type Command, type Output, UsageError } from './command.ts'
import { COMMANDS } from './commands.ts'
import { commandHelp, programHelp } from './help.ts'

/** Runs what `argv` (without program names) asks for. Resolves to the exit code. */
export async function runCommandLine(
  argv: readonly string[],
  output = terminal(),
): Promise<number> {
  if (argv[0] === '--version' || argv[0] === '-v') {
    output.out(`weir ${VERSION}\n`)
    return 0
  }
  const found = findCommand(argv)
  if (found === undefined) return unknownCommand(argv, output)
  const command = await found.load()
  try {
    return await run(command, argv.slice(found.words), output)
  } catch (error) {
    return failed(error, command, output)
  }
}

async function run(command: Command, args: readonly string[], output: Output): Promise<number> {
  const { values, positionals } = parse(command, args)
  if (values['help'] === true) {
    output.out(commandHelp(command))
    return 0
  }
  if (positionals.length > command.positionalsMax) {
    throw new UsageError(`Unexpected argument '${positionals[command.positionalsMax]}'.`)
  }
  const { config, data, host, port } = values
  return await command.run({
    positionals,
    options: values,
    configFlags: {
      ...(typeof config === 'string' ? { config } : {}),
      ...(typeof data === 'string' ? { data } : {}),
      ...(typeof host === 'string' ? { host } : {}),
      ...(typeof port === 'string' ? { port } : {}),
    },
    output,
  })
}

function parse(command: Command, args: readonly string[]) {
  const options: Record<string, { type: 'string' | 'boolean'; short?: string }> = {}
  for (const option of [...command.options, ...COMMON_OPTIONS]) {
    const name = option.flag.slice(2)
    options[name] = { type: option.value === undefined ? 'boolean' : 'string' }
    if (name === 'help') options[name].short = 'h'
  }
  try {
    return parseArgs({ args: [...args], options, allowPositionals: true, strict: true })
  } catch (error) {
    throw new UsageError(
      error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error),
    )
  }
}

interface FoundCommand {
  readonly load: () => Promise<Command>
  /** How many arguments its name takes. */
  readonly words: number
}

/** The command named by the first one or two arguments; options alone mean `serve`. */
function findCommand(argv: readonly string[]): FoundCommand | undefined {
  const [first, second] = argv
  if (first === '--help' || first === '-h' || first === 'help') return undefined
  if (first === undefined || first.startsWith('-'))
    return { load: COMMANDS['serve']!.load, words: 0 }
  const two = second === undefined ? undefined : COMMANDS[`${first} ${second}`]
  if (two !== undefined) return { load: two.load, words: 2 }
  const one = COMMANDS[first]
  return one === undefined ? undefined : { load: one.load, words: 1 }
}

function unknownCommand(argv: readonly string[], output: Output): number {
  const [first] = argv
  const isHelp = first === '--help' || first === '-h' || first === 'help'
  const group = Object.keys(COMMANDS).some((name) => name.startsWith(`${first} `))
  const text = programHelp(COMMANDS, group ? first : undefined)
  if (isHelp || argv.some((argument) => argument === '--help' || argument === '-h')) {
    output.out(text)
    return 0
  }
  output.error(
    group ? `Which? '${first}' has several commands.\n\n` : `Unknown command '${first}'.\n\n`,
  )
  output.error(text)
  return 2
}

function failed(error: unknown, command: Command, output: Output): number {
  if (error instanceof UsageError) {
    output.error(`${error.message}\nSee 'weir ${command.name} --help'.\n`)
    return 2
  }
  if (error instanceof ConfigError) {
    output.error(`${error.message}\n`)
    return 1
  }
  output.error(`weir: ${describe(error)}\n`)
  return 1
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const code = (error as { code?: unknown }).code
  if (code === 'EADDRINUSE') {
    return 'the address is in use already. Is Weir running? Take another port with --port.'
  }
  if (code === 'EACCES') return `permission denied: ${error.message}`
  return error.message
}

function terminal(): Output {
  return {
    out: (text) => void process.stdout.write(text),
    error: (text) => void process.stderr.write(text),
    color: process.stdout.isTTY === true && (process.env['NO_COLOR'] ?? '') === '',
    columns: process.stdout.columns ?? 160,
  }
}
