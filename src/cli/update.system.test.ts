// `weir update --check` against feeds of every kind, over the real transport; and that nothing else in the program leads there.

import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Glob } from 'bun'
import { LIMITS } from '../core/limits.ts'
import { VERSION } from '../core/version.ts'
import { ownMsOf } from '../testing/own-time.ts'
import { PROGRAMS_LIMIT_MS, TestProgram } from './test-program.ts'

setDefaultTimeout(PROGRAMS_LIMIT_MS)

const program = new TestProgram()
let server: ReturnType<typeof Bun.serve>
/** Header fields of each question, read while it was asked. */
let asked: ReadonlyMap<string, string>[] = []
/** How long the last one waited for whom no answer came. */
let waitedMs: Promise<number> | undefined

beforeAll(() => {
  server = Bun.serve({ hostname: '127.0.0.1', port: 0, fetch: answer, idleTimeout: 60 })
})

afterAll(async () => {
  await server.stop(true)
  program.remove()
})

function answer(request: Request): Response | Promise<Response> {
  asked.push(new Map(request.headers.entries()))
  const name = new URL(request.url).pathname.slice(1)
  const json = (value: unknown) => Response.json(value as object)
  switch (name) {
    case 'newer':
      return json({
        tag_name: 'v99.0.0',
        html_url: 'https://weir.example/99',
        assets: [{ name: 'SHA256SUMS', browser_download_url: 'https://weir.example/99/SUMS' }],
      })
    case 'same':
      return json({ tag_name: `v${VERSION}` })
    case 'older':
      return json({ tag_name: 'v0.0.1' })
    case 'pre':
      return json([{ tag_name: 'v99.0.0-rc.1' }, { tag_name: 'v0.0.2' }])
    case 'escape':
      return json({ tag_name: '99.0.0', html_url: 'https://weir.example/\u001b[31m' })
    case 'redirect':
      return Response.redirect('http://169.254.169.254/latest', 302)
    case 'huge':
      return new Response(`[${'7,'.repeat(LIMITS.updateBodyBytesMax)}7]`)
    case 'bomb':
      return new Response(Bun.gzipSync(new Uint8Array(64 * LIMITS.updateBodyBytesMax)), {
        headers: { 'content-encoding': 'gzip' },
      })
    case 'deep':
      return new Response('['.repeat(100_000))
    case 'rubbish':
      return new Response('<html>v99.0.0</html>')
    case 'empty':
      return new Response('')
    case 'never':
      // From the question to its end: how long the program takes to start is not meant.
      waitedMs = ownMsOf(() => ended(request.signal))
      return new Promise(() => {})
    default:
      return new Response('no', { status: 404 })
  }
}

/** Whoever asked has gone. */
function ended(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve()))
}

function check(path: string, ...more: string[]) {
  return program.run('update', '--check', '--url', `${server.url}${path}`, ...more)
}

describe('a feed', () => {
  test('with a newer release: what, where, and exit code 10', async () => {
    asked = []
    const { code, err, out } = await check('newer')
    expect([code, err]).toEqual([10, ''])
    expect(out).toContain('Weir 99.0.0 is there')
    expect(out).toContain('https://weir.example/99\n')
    expect(out).toContain('https://weir.example/99/SUMS')
    expect(asked.length).toBe(1)
    const names = [...asked[0]!.keys()]
    expect(names).toContain('host')
    expect(names.filter((name) => /cookie|authorization|key|x-/.test(name))).toEqual([])
    expect(asked[0]!.get('user-agent')).toBe('weir')
    expect(program.hasData()).toBe(false)
    const { out: json } = await check('newer', '--json')
    expect(JSON.parse(json)).toEqual({
      running: VERSION,
      newest: '99.0.0',
      newer: true,
      url: 'https://weir.example/99',
      checksums: 'https://weir.example/99/SUMS',
    })
  })

  test('with none newer, or one ahead of its version: exit code 0', async () => {
    for (const path of ['same', 'older', 'pre']) {
      expect([path, (await check(path)).code]).toEqual([path, 0])
    }
  })

  test.each([
    ['redirect', 'sends elsewhere'],
    ['huge', 'too large'],
    ['bomb', 'too large'],
    ['deep', 'names no release'],
    ['rubbish', 'names no release'],
    ['empty', 'names no release'],
    ['absent', '404'],
  ])('that is no good (%s) is told in words: exit code 1', async (path, words) => {
    const { code, err, out } = await check(path)
    expect([code, out, err]).toEqual([1, '', expect.stringContaining(words)])
  })

  test('that never answers is left after a while', async () => {
    const { code, err } = await check('never')
    expect([code, err]).toEqual([1, expect.stringMatching(/did not answer/)])
    expect(await waitedMs).toBeLessThan(LIMITS.updateTimeoutMs + 5_000)
  })

  test('that is not there is told', async () => {
    // A port of the system's, that it gives to nobody.
    const { code, err } = await program.run('update', '--check', '--url', 'http://127.0.0.1:1/')
    expect([code, err]).toEqual([1, expect.stringContaining('could not be asked')])
  })

  test('cannot move the cursor', async () => {
    const { out } = await check('escape')
    // oxlint-disable-next-line no-control-regex
    expect(out).not.toMatch(/\u001b/)
  })

  test('is that of the configuration where none is named', async () => {
    program.write('weir.json', JSON.stringify({ update: { url: `${server.url}newer` } }))
    expect((await program.run('update', '--check')).code).toBe(10)
    program.write('weir.json', '{}')
    const none = await program.run('update', '--check')
    expect([none.code, none.err]).toEqual([2, expect.stringContaining('update.url')])
  })
})

test('without --check, and for an address that is none, nothing is asked', async () => {
  asked = []
  const { port } = new URL(String(server.url))
  for (const args of [
    ['update'],
    ['update', '--url', `${server.url}newer`],
    ['update', '--check', '--url', 'file:///etc/passwd'],
    ['update', '--check', '--url', 'weir.example'],
    ['update', '--check', '--url', `http://user:secret@127.0.0.1:${port}/newer`],
  ]) {
    const { code, err } = await program.run(...args)
    expect([args.join(' '), code]).toEqual([args.join(' '), 2])
    expect(err).not.toContain('secret')
  }
  expect(asked).toEqual([])
})

test('nothing else in the program leads there', () => {
  const root = join(import.meta.dir, '..')
  const users: string[] = []
  for (const path of new Glob('**/*.ts').scanSync(root)) {
    if (path.endsWith('.test.ts')) continue
    const text = readFileSync(join(root, path), 'utf8')
    if (/updateUrl|cli\/update\.ts|\.\/update\.ts|release-feed\.ts/.test(text)) users.push(path)
  }
  expect(users.toSorted()).toEqual([
    'cli/commands.ts',
    'cli/update.ts',
    'config/config.ts',
    'config/load.ts',
  ])
})
