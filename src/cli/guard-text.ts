// Texts that a command is given in a file or on standard input, bounded.

import { UsageError } from './command.ts'
import { printable } from './format.ts'

/**
 * What a file holds; `-` is standard input.
 * @throws UsageError when it cannot be read, is no text or too large
 */
export async function textFrom(name: string, bytesMax: number): Promise<string> {
  const source = name === '-' ? Bun.stdin : Bun.file(name)
  const chunks: Uint8Array[] = []
  let size = 0
  try {
    for await (const chunk of source.stream()) {
      chunks.push(chunk)
      size += chunk.length
      if (size > bytesMax) break
    }
  } catch {
    throw new UsageError(`The file ${printable(name)} cannot be read.`)
  }
  if (size > bytesMax) throw new UsageError(`What is given has more than ${bytesMax} bytes.`)
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(chunks))
  } catch {
    throw new UsageError('What is given is no UTF-8 text.')
  }
}
