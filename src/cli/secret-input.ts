// A secret from whoever runs a command: from a pipe, typed unseen at a terminal, or from a variable. Never from the arguments, which
// every process on the machine can read and a shell remembers.

import { checkFormat } from '../config/formats.ts'
import { textOption } from './arguments.ts'
import { type CommandInput, UsageError } from './command.ts'
import { printable } from './format.ts'

/** As the configuration file has it. */
const SECRET_CHARS_MAX = 8_192

const END_OF_LINE = new Set(['\r', '\n', '\u0004'])
const INTERRUPT = '\u0003'
const ERASE = new Set(['\b', '\u007f'])

/**
 * The secret: of the variable that `--from-env` names, else of standard input.
 * @throws UsageError when there is none, or it is nothing that a header field can carry; never with the secret
 */
export async function readSecret(input: CommandInput, what: string): Promise<string> {
  const variable = textOption(input, 'from-env')
  const text = variable === undefined ? await fromInput(input, what) : fromVariable(variable)
  const secret = text.trim()
  if (secret === '') throw new UsageError(`There is no ${what}: nothing was given.`)
  if (secret.length > SECRET_CHARS_MAX) {
    throw new UsageError(`A ${what} has at most ${SECRET_CHARS_MAX} characters.`)
  }
  const checked = checkFormat('header-value', secret, { folder: '/', platform: process.platform })
  if ('value' in checked) return checked.value
  throw new UsageError(`This is no ${what}: it has line breaks or other control characters.`)
}

/**
 * What is typed unseen after a question, or the first line of standard input, as it is: in a password blanks count.
 * @throws UsageError when it holds other control characters
 */
export async function readHidden({ output }: CommandInput, question: string): Promise<string> {
  const isTyped = process.stdin.isTTY === true
  const text = isTyped
    ? await typedUnseen(() => output.error(question)).finally(() => output.error('\n'))
    : (await wholeInput()).split('\n', 1)[0]!.replace(/\r$/, '')
  if (/\p{Cc}/u.test(text)) throw new UsageError('It has control characters.')
  return text
}

function fromVariable(name: string): string {
  const value = process.env[name]
  if (value !== undefined) return value
  throw new UsageError(`The variable ${printable(name)} is not set.`)
}

async function fromInput({ output }: CommandInput, what: string): Promise<string> {
  if (process.stdin.isTTY === true) {
    const ask = () => output.error(`Paste the ${what} and press Enter; it is not shown: `)
    return await typedUnseen(ask).finally(() => output.error('\n'))
  }
  return await wholeInput()
}

async function wholeInput(): Promise<string> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of Bun.stdin.stream()) {
    chunks.push(chunk)
    size += chunk.length
    // Enough to tell that it is too long.
    if (size > SECRET_CHARS_MAX * 4) break
  }
  return new TextDecoder().decode(Buffer.concat(chunks))
}

/** A line of the terminal, which shows nothing of it. */
function typedUnseen(ask: () => void): Promise<string> {
  const { stdin } = process
  const { promise, reject, resolve } = Promise.withResolvers<string>()
  const typed: string[] = []
  const hear = (chunk: Buffer) => {
    for (const character of chunk.toString('utf8')) {
      if (END_OF_LINE.has(character)) return resolve(typed.join(''))
      if (character === INTERRUPT) return reject(new UsageError('Nothing was done.'))
      if (ERASE.has(character)) typed.pop()
      else if (typed.length <= SECRET_CHARS_MAX) typed.push(character)
    }
  }
  stdin.setRawMode(true)
  stdin.on('data', hear)
  stdin.resume()
  // Not before: what is typed at once would be shown.
  ask()
  return promise.finally(() => {
    stdin.off('data', hear)
    stdin.setRawMode(false)
    stdin.pause()
  })
}
