// Runs the real program as a child process, as a person would: arguments in, text and exit code out, with a home and a data
// folder of its own and nothing of this process's environment. Imported by tests alone.

import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** Of a test that starts programs one after the other: far above what it takes on a machine that does much else. */
export const PROGRAMS_LIMIT_MS = 180_000

const MAIN = join(import.meta.dir, '..', 'main.ts')

export interface Result {
  readonly code: number
  readonly out: string
  readonly err: string
}

/** One machine's folders for a test; `remove` takes them away. */
export class TestProgram {
  readonly folder = mkdtempSync(join(tmpdir(), 'weir-cli-'))
  readonly data = join(this.folder, 'data')
  private readonly environment: Record<string, string>

  /** Providers are not looked for: what runs on this machine must not change a test. */
  constructor(environment: Readonly<Record<string, string>> = {}) {
    this.environment = {
      HOME: this.folder,
      WEIR_DATA: this.data,
      WEIR_NO_ENV_PROVIDERS: '1',
      ...environment,
    }
  }

  /** Writes a file into the folder the program runs in. */
  write(name: string, text: string): void {
    writeFileSync(join(this.folder, name), text)
  }

  /** Whether anything was made where data belongs. */
  hasData(): boolean {
    return existsSync(this.data)
  }

  /** Starts the program with pipes; `input` is what it can read. */
  spawn(args: readonly string[], input?: string) {
    return Bun.spawn([process.execPath, MAIN, ...args], {
      cwd: this.folder,
      env: this.environment,
      stdin: input === undefined ? 'ignore' : new TextEncoder().encode(input),
      stdout: 'pipe',
      stderr: 'pipe',
    })
  }

  /** Runs it to its end. */
  run(...args: string[]): Promise<Result> {
    return this.runWith(undefined, ...args)
  }

  /** The same with something to read. */
  async runWith(input: string | undefined, ...args: string[]): Promise<Result> {
    const child = this.spawn(args, input)
    const [out, err, code] = await Promise.all([
      new Response(child.stdout).text(),
      new Response(child.stderr).text(),
      child.exited,
    ])
    return { code, out, err }
  }

  /** Runs it on a terminal of that many columns; everything it wrote, as the terminal got it. */
  async runOnTerminal(
    columns: number,
    environment: Readonly<Record<string, string>>,
    ...args: string[]
  ): Promise<{ readonly code: number; readonly screen: string }> {
    const decoder = new TextDecoder()
    let screen = ''
    const child = Bun.spawn([process.execPath, MAIN, ...args], {
      cwd: this.folder,
      env: { ...this.environment, TERM: 'xterm', ...environment },
      terminal: {
        cols: columns,
        rows: 40,
        data: (_terminal, bytes) => void (screen += decoder.decode(bytes, { stream: true })),
      },
    })
    const code = await child.exited
    child.terminal?.close()
    return { code, screen }
  }

  /** Runs it on a terminal where a person types once the program has said a text. */
  async typeOnTerminal(
    after: string,
    typed: string,
    ...args: string[]
  ): Promise<{ readonly code: number; readonly screen: string }> {
    const decoder = new TextDecoder()
    let screen = ''
    let hasTyped = false
    const child = Bun.spawn([process.execPath, MAIN, ...args], {
      cwd: this.folder,
      env: { ...this.environment, TERM: 'xterm' },
      terminal: {
        cols: 120,
        rows: 40,
        data: (terminal, bytes) => {
          screen += decoder.decode(bytes, { stream: true })
          if (hasTyped || !screen.includes(after)) return
          hasTyped = true
          terminal.write(typed)
        },
      },
    })
    const code = await child.exited
    child.terminal?.close()
    return { code, screen }
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true })
  }
}

/** Reads a child's output line by line as it comes. */
export class LineReader {
  private readonly reader: ReadableStreamDefaultReader<Uint8Array>
  private readonly decoder = new TextDecoder()
  private rest = ''

  constructor(stream: ReadableStream<Uint8Array>) {
    this.reader = stream.getReader() as ReadableStreamDefaultReader<Uint8Array>
  }

  /** The next line without its end; undefined at the end of the stream. */
  async next(): Promise<string | undefined> {
    for (;;) {
      const end = this.rest.indexOf('\n')
      if (end >= 0) {
        const line = this.rest.slice(0, end)
        this.rest = this.rest.slice(end + 1)
        return line
      }
      const { done, value } = await this.reader.read()
      if (done) return undefined
      this.rest += this.decoder.decode(value, { stream: true })
    }
  }

  /** Stops reading, as `head` does. */
  async cancel(): Promise<void> {
    await this.reader.cancel()
  }
}
