// Servers of other makers that tests start on loopback: free ports, the wait until one listens, and an end that leaves no process
// behind even when the test run is killed. Which server, and how it is set up, is its own file's business.

import { chmodSync, chownSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const LISTEN_LIMIT_MS = 60_000

const running = new Set<Bun.Subprocess>()
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL')
})

export interface Background {
  readonly pid: number
  /** What it printed so far. */
  output(): string
  /** Ends it and resolves once it is gone. */
  stop(): Promise<void>
}

export { freePorts } from '../../src/testing/ports.ts'

/** A new folder that a server which gives up root can write to. */
export function serverFolder(name: string, userId?: number): string {
  const folder = mkdtempSync(join(tmpdir(), `weir-${name}-`))
  chmodSync(folder, 0o755)
  if (userId !== undefined && process.getuid?.() === 0) chownSync(folder, userId, userId)
  return folder
}

/**
 * Starts a program and waits until it listens on every port; its folder goes when it ends.
 * @throws with what it printed when it ends or does not listen in time
 */
export async function startBackground(
  command: readonly string[],
  ports: readonly number[],
  folder: string,
): Promise<Background> {
  const child = Bun.spawn([...command], { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] })
  running.add(child)
  // Its input ends with this process, however that goes, and then it ends the server.
  const guard = Bun.spawn(['/bin/sh', '-c', `cat >/dev/null; kill -9 ${child.pid} 2>/dev/null`], {
    stdio: ['pipe', 'ignore', 'ignore'],
  })
  guard.unref()
  const said: string[] = []
  const gather = async (stream: ReadableStream<Uint8Array>) => {
    const decoder = new TextDecoder()
    for await (const chunk of stream) said.push(decoder.decode(chunk, { stream: true }))
  }
  void gather(child.stdout)
  void gather(child.stderr)
  const stop = async () => {
    child.kill('SIGKILL')
    await child.exited
    running.delete(child)
    guard.kill()
    rmSync(folder, { recursive: true, force: true })
  }
  for (const port of ports) {
    if (await listens(port)) continue
    const how = child.exitCode === null ? 'still runs' : `ended with ${child.exitCode}`
    await stop()
    throw new Error(`${command[0] ?? ''} does not listen on ${port} and ${how}:\n${said.join('')}`)
  }
  return { pid: child.pid, output: () => said.join(''), stop }
}

async function listens(port: number): Promise<boolean> {
  const limit = performance.now() + LISTEN_LIMIT_MS
  while (performance.now() < limit) {
    try {
      const socket = await Bun.connect({ hostname: '127.0.0.1', port, socket: { data() {} } })
      socket.end()
      return true
    } catch {
      // Not yet: a server says to nobody that it listens.
      await Bun.sleep(10)
    }
  }
  return false
}
