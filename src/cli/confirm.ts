// A question to whoever runs a command, answered with y or n. Where nobody can be asked, nothing is taken for granted.

import { isOn } from './arguments.ts'
import type { CommandInput } from './command.ts'

/** The exit code where somebody would have had to be asked: nothing was done. */
export const UNCONFIRMED_CODE = 3

export type Confirmation = 'yes' | 'no' | 'nobody'

/** What `--yes` or the terminal says; without either, nobody was there. */
export async function confirmed(input: CommandInput, question: string): Promise<Confirmation> {
  const { output } = input
  if (isOn(input, 'yes')) return 'yes'
  if (process.stdin.isTTY !== true) {
    output.error('Nothing was changed: nobody can be asked here. Say --yes to change it.\n')
    return 'nobody'
  }
  output.error(question)
  const line = await firstLine()
  if (/^\s*y(?:es)?\s*$/i.test(line)) return 'yes'
  output.error('Nothing was changed.\n')
  return 'no'
}

function firstLine(): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>()
  const { stdin } = process
  const hear = (chunk: Buffer) => resolve(chunk.toString('utf8'))
  const end = () => resolve('')
  stdin.once('data', hear)
  stdin.once('end', end)
  stdin.resume()
  return promise.finally(() => {
    stdin.off('data', hear)
    stdin.off('end', end)
    stdin.pause()
  })
}
