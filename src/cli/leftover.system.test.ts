// The end of a command that something still holds: it comes soon, with the exit code that was set, and nothing that was written is lost on the way
// to a reader that takes its time.

import { expect, setDefaultTimeout, test } from 'bun:test'
import { join } from 'node:path'

setDefaultTimeout(180_000)

const LINE = 'x'.repeat(99)
const LINES = 20_000

/** A program that has written much, is done, and is held by a timer. */
function held(name: string) {
  const source = `
    import { endLeftover } from ${JSON.stringify(join(import.meta.dir, 'leftover.ts'))}
    import { standardOutput } from ${JSON.stringify(join(import.meta.dir, 'standard-output.ts'))}
    setTimeout(() => {}, 60_000)
    const output = standardOutput()
    for (let line = 0; line < ${LINES}; line += 1) output.out(${JSON.stringify(`${LINE}\n`)})
    output.error('the last words\\n')
    process.exitCode = 3
    endLeftover([${JSON.stringify(name)}])
  `
  return Bun.spawn([process.execPath, '-e', source], { stdio: ['ignore', 'pipe', 'pipe'] })
}

test('a command that is held ends all the same, after its last word has been read', async () => {
  const child = held('doctor')
  // Longer than it is waited for, so that most of it is still to be written when the end comes.
  await Bun.sleep(600)
  const [out, err, code] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ])
  expect(out.length).toBe(LINES * (LINE.length + 1))
  expect([err, code]).toEqual(['the last words\n', 3])
})

test('nor is it held by a reader that has gone away', async () => {
  const child = held('doctor')
  await child.stdout.cancel()
  expect(await child.exited).toBe(3)
})

test('other commands end when they end', async () => {
  const child = held('logs')
  const first = await Promise.race([child.exited, Bun.sleep(800).then(() => 'runs')])
  expect(first).toBe('runs')
  child.kill('SIGKILL')
  await child.exited
})
