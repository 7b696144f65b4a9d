// A real redis-server for tests, on a free port of 127.0.0.1 and with nothing on disk, that can be stopped, frozen and started again
// on the same port. It leaves no process behind, not even when the test run is killed.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort } from './ports.ts'

export interface TestRedis {
  readonly port: number
  /** Starts it again after `kill`; resolves once it listens. Nothing happens where it runs. */
  start(): Promise<void>
  /** Ends it at once, as a crash would. */
  kill(): Promise<void>
  /** Keeps its connections and answers nothing, until `thaw`. */
  freeze(): void
  thaw(): void
  [Symbol.asyncDispose](): Promise<void>
}

const LISTEN_LIMIT_MS = 60_000

/** Where it is installed; undefined where it is not. */
export function redisPath(): string | undefined {
  return Bun.which('redis-server') ?? undefined
}

/** @param args of redis-server, besides the usual ones @throws when it does not start */
export async function startRedis(args: readonly string[] = []): Promise<TestRedis> {
  const path = redisPath()
  if (path === undefined) throw new Error('redis-server is not installed')
  const folder = mkdtempSync(join(tmpdir(), 'weir-redis-'))
  const port = freePort()
  let child: Bun.Subprocess<'pipe', 'pipe', 'ignore'> | undefined
  let pid = 0

  const start = async () => {
    if (child !== undefined) return
    const script = '"$@" >/dev/null 2>&1 & echo $!; cat >/dev/null; kill -9 $! 2>/dev/null; wait $!'
    const command = [path, '--port', `${port}`, '--bind', '127.0.0.1', '--dir', folder]
    const quiet = ['--save', '', '--appendonly', 'no']
    child = Bun.spawn(['/bin/sh', '-c', script, 'guard', ...command, ...quiet, ...args], {
      stdio: ['pipe', 'pipe', 'ignore'],
    })
    child.unref()
    const { value } = await child.stdout.getReader().read()
    pid = Number(new TextDecoder().decode(value))
    await listening(port)
  }
  const kill = async () => {
    const ending = child
    child = undefined
    if (ending === undefined) return
    process.kill(pid, 'SIGCONT')
    await ending.stdin.end()
    await ending.exited
  }
  await start()
  return {
    port,
    start,
    kill,
    freeze: () => void process.kill(pid, 'SIGSTOP'),
    thaw: () => void process.kill(pid, 'SIGCONT'),
    async [Symbol.asyncDispose]() {
      await kill()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

async function listening(port: number): Promise<void> {
  const limit = performance.now() + LISTEN_LIMIT_MS
  for (;;) {
    try {
      const socket = await Bun.connect({ hostname: '127.0.0.1', port, socket: { data() {} } })
      socket.end()
      return
    } catch (error) {
      // Not yet: it says to nobody that it listens.
      if (performance.now() > limit) throw error
      await Bun.sleep(10)
    }
  }
}
