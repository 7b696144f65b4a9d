// Where `execve` is missing, as on Windows, the server is a child of the program that was started: nobody who ends that program, however
// hard, may leave the child behind with its port. Tried here on the real program, from which `execve` is taken away.

import { afterAll, expect, setDefaultTimeout, test } from 'bun:test'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PROGRAMS_LIMIT_MS, LineReader } from './test-program.ts'

setDefaultTimeout(PROGRAMS_LIMIT_MS)

const folder = mkdtempSync(join(tmpdir(), 'weir-child-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const without = join(folder, 'without-execve.ts')
writeFileSync(without, 'delete process.execve\n')
const main = join(import.meta.dir, '..', 'main.ts')

async function start() {
  const program = Bun.spawn([process.execPath, main, 'serve', '--port', '0', '--data', folder], {
    cwd: folder,
    // For the program and for its child.
    env: { HOME: folder, WEIR_NO_ENV_PROVIDERS: '1', BUN_OPTIONS: `--preload ${without}` },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const lines = new LineReader(program.stdout)
  for (;;) {
    const line = await lines.next()
    if (line === undefined) throw new Error(await new Response(program.stderr).text())
    const url = /listens on (http:\S+)/.exec(line)?.[1]
    if (url !== undefined) return { program, url, lines }
  }
}

test.skipIf(process.platform === 'win32')(
  'the child ends with the program, even when that is killed',
  async () => {
    const { lines, program, url } = await start()
    expect((await fetch(`${url}/health`)).status).toBe(200)
    program.kill('SIGKILL')
    // Its output ends when the last process that has it does.
    while ((await lines.next()) !== undefined);
    await expect(fetch(`${url}/health`)).rejects.toThrow()
  },
)

test.skipIf(process.platform === 'win32')(
  'a signal to the program is one to the child, and its exit code is that of the child',
  async () => {
    const { program, url } = await start()
    program.kill('SIGTERM')
    expect(await program.exited).toBe(0)
    await expect(fetch(`${url}/health`)).rejects.toThrow()
  },
)
