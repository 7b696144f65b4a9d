// Every command that a page tells its reader to type is typed: all blocks marked `sh` of README and `docs/`, page by page, each page in one
// shell, against a server on the default address. A page whose commands do not work is a defect like any other.

import { describe, expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { blocksIn, pages } from './commands/blocks.ts'
import type { PageResult } from './commands/run-page.ts'
import { SETTINGS } from './commands/settings.ts'
import { STAND_INS } from './commands/stand-ins.ts'
import { testCacheFolder } from './harness/go-tools.ts'
import { executablePath } from './harness/weir.ts'

const PAGE_LIMIT_MS = 450_000

/** A network of its own, where the default port is free and nothing can be reached: namespaces of Linux. */
const ISOLATION: readonly string[] | undefined = [
  ['unshare', '--net'],
  ['unshare', '--map-root-user', '--net'],
].find((command) => {
  if (process.platform !== 'linux' || Bun.which('unshare') === null) return false
  return Bun.spawnSync([...command, 'sh', '-c', 'ip link set lo up']).exitCode === 0
})
if (ISOLATION === undefined) {
  process.stdout.write('left out: the command blocks of the pages: no network namespaces here\n')
}

/** What `--help` prints shows examples of its own. */
const HELP = /^Usage: weir/m

const withBlocks = pages().filter(({ blocks }) => blocks.length > 0)

describe('the pages', () => {
  test('are seen, with their blocks', () => {
    expect(pages().length).toBeGreaterThan(25)
    expect(withBlocks.map(({ path }) => path)).toContain('README.md')
    expect(withBlocks.flatMap(({ blocks }) => blocks).length).toBeGreaterThan(40)
  })

  test('have settings for pages that there are, and each of their blocks says something', () => {
    const paths = withBlocks.map(({ path }) => path)
    expect(Object.keys(SETTINGS).filter((path) => !paths.includes(path))).toEqual([])
    for (const { blocks } of withBlocks) {
      for (const { text } of blocks) expect(text.replaceAll(/^\s*#.*$/gm, '').trim()).not.toBe('')
    }
  })

  test('mark commands as `sh`, so that none is passed over', () => {
    // What is shown with what it prints has a `$` before it, in a block of text.
    const commands =
      /^\s*(?:weir|curl|docker|kubectl|helm|npx|bun|tar|sudo|sha256sum|git|apt|brew|systemctl) /m
    for (const { path } of pages()) {
      for (const language of ['bash', 'shell', 'console', 'zsh', 'text', '']) {
        const found = blocksIn(readFileSync(join(import.meta.dir, '..', path), 'utf8'), language)
        expect({
          path,
          found: found.filter(({ text }) => commands.test(text) && !HELP.test(text)),
        }).toEqual({
          path,
          found: [],
        })
      }
    }
  })
})

describe.if(ISOLATION !== undefined)('every command of', () => {
  for (const { path } of withBlocks) {
    test(
      path,
      async () => {
        const result = await run(path)
        const where = `${path}:${result.line}`
        expect(
          result.status === 0 ? '' : `${where} ended with ${result.status}:\n${result.output}`,
        ).toBe('')
      },
      PAGE_LIMIT_MS,
    )
  }
})

test('the reader of blocks knows lists, other fences and blocks that never end', () => {
  const text = '- a\n  ```sh\n  one\n    two\n  ```\n\n~~~~sh\n```\n~~~~\n```ts\nx\n```\n'
  expect(blocksIn(text, 'sh')).toEqual([
    { line: 3, text: 'one\n  two' },
    { line: 8, text: '```' },
  ])
  expect(() => blocksIn('```sh\nweir', 'sh')).toThrow('line 1')
})

test('stand-ins refuse what the real program would', () => {
  for (const [name, args] of [
    ['docker', ['compose', '-f', 'no-such-file.yaml', 'up']],
    ['kubectl', ['apply', '-k', 'no-such-folder']],
    ['npx', ['-y', 'bun@0.1.0', 'start']],
    ['bun', ['run', 'no-such-script']],
    ['sudo', ['true']],
  ] as const) {
    const env = {
      PATH: process.env['PATH'] ?? '',
      WEIR_ROOT: join(import.meta.dir, '..'),
      BUN_REAL: process.execPath,
    }
    const ran = Bun.spawnSync(['bash', '-c', STAND_INS[name]!, name, ...args], { env })
    expect([name, ran.exitCode]).toEqual([name, 64])
  }
})

async function run(path: string): Promise<PageResult> {
  const inside = `ip link set lo up && exec "$0" "$@"`
  const script = join(import.meta.dir, 'commands', 'run-page.ts')
  const child = Bun.spawn(
    [...(ISOLATION ?? []), 'sh', '-c', inside, process.execPath, script, path, executablePath()],
    {
      env: { ...process.env, HELM_REAL: helm() },
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  )
  const [out, error, code] = await Promise.all([
    child.stdout.text(),
    child.stderr.text(),
    child.exited,
  ])
  if (code !== 0) throw new Error(`${path} could not be run:\n${out}\n${error}`)
  return JSON.parse(out.trim().split('\n').at(-1) ?? '') as PageResult
}

/** Where it is in the cache already: this test waits for no build. */
function helm(): string {
  const [path = ''] = new Bun.Glob('helm-*/helm').scanSync(testCacheFolder())
  return path === '' ? '' : join(testCacheFolder(), path)
}
