// What a command writes, as pipes, files and readers that leave see it: in its order and whole, however much of it goes straight and however
// much through a stream.

import { expect, test } from 'bun:test'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const MODULE = JSON.stringify(join(import.meta.dir, 'standard-output.ts'))

/** Small lines, one that no pipe takes at once, and small ones behind it. */
const WRITES = `
  const { standardOutput } = await import(${MODULE})
  const output = standardOutput()
  output.out('first ä\\n')
  output.out('second\\n')
  output.out('x'.repeat(300_000) + '\\n')
  output.out('last\\n')
  output.error(JSON.stringify([output.color, output.isTerminal, output.columns]))
`
const WRITTEN = `first ä\nsecond\n${'x'.repeat(300_000)}\nlast\n`
const NO_TERMINAL = '[false,false,160]'

test('a pipe gets everything in its order', async () => {
  const child = piped(WRITES, 'cat')
  const [out, err] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
  ])
  expect(await child.exited).toBe(0)
  expect(out).toBe(WRITTEN)
  expect(err).toBe(NO_TERMINAL)
})

test('a socket gets the same', async () => {
  // What Bun gives its children for a pipe is one.
  const child = Bun.spawn([process.execPath, '-e', WRITES], { stdout: 'pipe', stderr: 'pipe' })
  const [out, err] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
  ])
  expect(await child.exited).toBe(0)
  expect(out).toBe(WRITTEN)
  expect(err).toBe(NO_TERMINAL)
})

test('a file gets the same', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'weir-output-'))
  try {
    const path = join(folder, 'out')
    const child = Bun.spawn([process.execPath, '-e', WRITES], {
      stdout: Bun.file(path),
      stderr: 'pipe',
    })
    const err = await new Response(child.stderr).text()
    expect(await child.exited).toBe(0)
    expect(readFileSync(path, 'utf8')).toBe(WRITTEN)
    expect(err).toBe(NO_TERMINAL)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})

test('a reader that has left is noticed, and nothing fails', async () => {
  const script = `
    const { standardOutput } = await import(${MODULE})
    const output = standardOutput()
    while (!output.closed.aborted) {
      output.out('nobody reads this\\n')
      await new Promise((resolve) => setImmediate(resolve))
    }
    output.out('nor this\\n')
    output.error('noticed')
  `
  const child = piped(script, 'true')
  expect(await new Response(child.stderr).text()).toBe('noticed')
  expect(await child.exited).toBe(0)
})

/** Through a pipe of the system. */
function piped(script: string, reader: 'cat' | 'true') {
  return Bun.spawn(['sh', '-c', `"$0" -e "$1" | ${reader}`, process.execPath, script], {
    stdout: 'pipe',
    stderr: 'pipe',
  })
}
