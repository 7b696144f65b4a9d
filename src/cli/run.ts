// From arguments to one command and its exit code; help texts and errors in words for a person. No stack trace leaves here.

import { parseArgs } from 'node:util'
import { ConfigError } from '../config/problem.ts'
import { suggest } from '../config/suggest.ts'
import { VERSION } from '../core/version.ts'
import { COMMON_OPTIONS, type Command, type Output, UsageError } from './command.ts'
import { COMMANDS } from './commands.ts'
import { printable } from './format.ts'
import { commandHelp, programHelp } from './help.ts'
import { standardOutput } from './standard-output.ts'

/** Runs what `argv` (without program names) asks for. Resolves to the exit code. */
export async function runCommandLine(
  argv: readonly string[],
  output: Output = standardOutput(),
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
    throw new UsageError(
      `Unexpected argument '${printable(positionals[command.positionalsMax]!)}'.`,
    )
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
  const options: Record<
    string,
    { type: 'string' | 'boolean'; short?: string; multiple?: boolean }
  > = {}
  for (const option of [...command.options, ...COMMON_OPTIONS]) {
    const name = option.flag.slice(2)
    const type = option.value === undefined ? 'boolean' : 'string'
    options[name] = option.repeats === true ? { type, multiple: true } : { type }
    if (name === 'help') options[name].short = 'h'
  }
  try {
    const parsed = parseArgs({ args: [...args], options, allowPositionals: true, strict: true })
    const values = Object.entries(parsed.values).map(([name, value]) => [
      name,
      Array.isArray(value) ? value.join(',') : value,
    ])
    return {
      values: Object.fromEntries(values) as Record<string, string | boolean | undefined>,
      positionals: parsed.positionals,
    }
  } catch (error) {
    throw new UsageError(optionProblem(error, Object.keys(options)))
  }
}

/** What the parser says of an option, without its advice on positionals that begin with a dash, and the option that was meant. */
function optionProblem(error: unknown, names: readonly string[]): string {
  const message = error instanceof Error ? error.message : String(error)
  const sentence = printable(message.split(/\n|\. /)[0] ?? '').replace(/\.?$/, '.')
  const unknown = /^Unknown option '--([^'=]+)/.exec(message)?.[1]
  const meant = unknown === undefined ? undefined : suggest(unknown, names)
  return meant === undefined ? sentence : `${sentence} Did you mean --${meant}?`
}

interface FoundCommand {
  readonly load: () => Promise<Command>
  /** How many arguments its name takes. */
  readonly words: number
}

/** Words of the longest name. */
const NAME_WORDS_MAX = 3

/** The command named by the first arguments, the longest name that fits; options alone mean `serve`. */
function findCommand(argv: readonly string[]): FoundCommand | undefined {
  const [first] = argv
  if (first === '--help' || first === '-h' || first === 'help') return undefined
  if (first === undefined || first.startsWith('-'))
    return { load: COMMANDS['serve']!.load, words: 0 }
  for (let words = NAME_WORDS_MAX; words > 0; words -= 1) {
    const name = argv.slice(0, words).join(' ')
    if (Object.hasOwn(COMMANDS, name)) return { load: COMMANDS[name]!.load, words }
  }
  return undefined
}

/** The longest beginning of the arguments that other commands' names begin with; undefined when there is none. */
function findGroup(words: readonly string[]): string | undefined {
  for (let count = Math.min(words.length, NAME_WORDS_MAX - 1); count > 0; count -= 1) {
    const group = words.slice(0, count).join(' ')
    if (Object.keys(COMMANDS).some((name) => name.startsWith(`${group} `))) return group
  }
  return undefined
}

/** A group's name alone lists its commands; anything else that names no command was used wrongly. */
function unknownCommand(argv: readonly string[], output: Output): number {
  const [first = ''] = argv
  const isHelp = first === '--help' || first === '-h' || first === 'help'
  const group = findGroup(first === 'help' ? argv.slice(1) : argv)
  const text = programHelp(COMMANDS, group)
  const asked = isHelp || argv.some((argument) => argument === '--help' || argument === '-h')
  if (asked || argv.join(' ') === group) {
    output.out(text)
    return 0
  }
  const options = argv.findIndex((argument) => argument.startsWith('-'))
  const words = options < 0 ? argv : argv.slice(0, options)
  const pair = words.slice(0, (group?.split(' ').length ?? 1) + 1).join(' ')
  const names = Object.keys(COMMANDS)
  const groups = names.map((name) => name.split(' ')[0]!)
  const meant =
    suggest(pair, names) ??
    suggest(
      first,
      groups.filter((name) => name !== first),
    )
  const question = meant === undefined ? '' : ` Did you mean '${meant}'?`
  const given = group === undefined ? first : pair
  output.error(`Unknown command '${printable(given)}'.${question}\n\n${text}`)
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
  output.error(`weir: ${printable(describe(error))}\n`)
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
