// Watching on a real folder: broken edits, replaced files, secrets that change, files that go and come back.

import { afterEach, describe, expect, test } from 'bun:test'
import { mkdtempSync, renameSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { loadConfig } from './load.ts'
import { formatProblem } from './problem.ts'
import { type ConfigWatch, watchConfig } from './watch.ts'

const cleanups: (() => void)[] = []
afterEach(() => {
  for (const cleanup of cleanups.splice(0)) cleanup()
})

type Seen = { port: number; key?: string } | { problems: string[] }

interface Stage {
  readonly folder: string
  readonly watch: ConfigWatch
  readonly seen: Seen[]
  write(name: string, text: string): void
  /** The next thing a handler is called with, or the one it was already called with. */
  next(): Promise<Seen>
}

/** Starts watching `weir.yaml` of a new folder; `meanwhile` is what happens after it was read and before it is watched. */
function stage(
  files: Record<string, string>,
  pollIntervalMs = 20,
  meanwhile: (folder: string) => void = () => {},
): Stage {
  const folder = mkdtempSync(join(tmpdir(), 'weir-watch-'))
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text)
  const surroundings = {
    environment: {},
    platform: 'linux',
    home: folder,
    workingFolder: folder,
  } as const
  const options = { surroundings, debounceMs: 5, pollIntervalMs }
  const seen: Seen[] = []
  const waiting: (() => void)[] = []
  let taken = 0
  const tell = (event: Seen) => {
    seen.push(event)
    waiting.shift()?.()
  }
  const loaded = loadConfig(options)
  meanwhile(folder)
  const watch = watchConfig(
    loaded,
    {
      changed: ({ config }) => {
        const key = config.providers[0]?.keys[0]?.secret
        tell({ port: config.server.port, ...(key === undefined ? {} : { key }) })
      },
      refused: (problems) => tell({ problems: problems.map(formatProblem) }),
    },
    options,
  )
  cleanups.push(() => {
    watch.close()
    rmSync(folder, { recursive: true, force: true })
  })
  const next = async (): Promise<Seen> => {
    if (seen.length === taken) await new Promise<void>((resolve) => waiting.push(resolve))
    const event = seen[taken++]
    if (event === undefined) throw new Error('woken without an event')
    return event
  }
  return {
    folder,
    watch,
    seen,
    next,
    write: (name, text) => writeFileSync(join(folder, name), text),
  }
}

const KEYED = 'providers: [{ id: p, type: openai, keys: ["${file:key}"] }]\nserver: { port: 1 }'

describe('an edit that cannot be used', () => {
  test('is told once, and the next good one is taken', async () => {
    const { next, seen, watch, write } = stage({ 'weir.yaml': 'server: { port: 1 }' })
    write('weir.yaml', 'server: { prot: 2 }')
    expect(await next()).toEqual({
      problems: ['weir.yaml:1: server.prot: unknown key (did you mean port?)'],
    })
    watch.check()
    expect(seen).toHaveLength(1)
    write('weir.yaml', 'server: { port: 3 }')
    expect(await next()).toEqual({ port: 3 })
  })

  test('that is taken back is no change', async () => {
    const { next, seen, watch, write } = stage({ 'weir.yaml': 'server: { port: 1 }' })
    write('weir.yaml', 'server: [')
    expect(await next()).toHaveProperty('problems')
    write('weir.yaml', 'server: { port: 1 }')
    watch.check()
    expect(seen).toHaveLength(1)
    write('weir.yaml', 'server: [')
    watch.check()
    expect(seen).toHaveLength(2)
  })

  test('an emptied or removed file leaves the running configuration', async () => {
    const { folder, next, watch, write } = stage({ 'weir.yaml': 'server: { port: 1 }' })
    write('weir.yaml', '')
    watch.check()
    expect(await next()).toEqual({ problems: [`${folder}/weir.yaml: is empty`] })
    rmSync(join(folder, 'weir.yaml'))
    watch.check()
    expect(await next()).toEqual({ problems: [`${folder}/weir.yaml: is gone`] })
    write('weir.yaml', 'server: { port: 2 }')
    expect(await next()).toEqual({ port: 2 })
  })

  test('whose secret file is missing is mended by that file alone', async () => {
    const { next, write } = stage({ 'weir.yaml': 'server: { port: 1 }' })
    write('weir.yaml', KEYED)
    expect(await next()).toEqual({
      problems: ['weir.yaml:1: providers[0].keys[0]: the file "key" does not exist'],
    })
    write('key', 'late')
    expect(await next()).toEqual({ port: 1, key: 'late' })
  })
})

test('a file replaced by rename is seen', async () => {
  const { folder, next, write } = stage({ 'weir.yaml': 'server: { port: 1 }' })
  for (const port of [2, 3]) {
    write('.weir.yaml.swp', `server: { port: ${port} }`)
    renameSync(join(folder, '.weir.yaml.swp'), join(folder, 'weir.yaml'))
    expect(await next()).toEqual({ port })
  }
})

test('a referenced file that changes is a change, behind a switched link too', async () => {
  const { folder, next, write } = stage({ 'weir.yaml': KEYED, key: 'one' })
  write('key', 'two')
  expect(await next()).toEqual({ port: 1, key: 'two' })
  write('three', 'three')
  symlinkSync('three', join(folder, 'link'))
  renameSync(join(folder, 'link'), join(folder, 'key'))
  expect(await next()).toEqual({ port: 1, key: 'three' })
})

test('events alone find a change, without waiting for the poll', async () => {
  const { next, write } = stage({ 'weir.yaml': 'server: { port: 1 }' }, 600_000)
  write('weir.yaml', 'server: { port: 2 }')
  expect(await next()).toEqual({ port: 2 })
})

test('a change between reading and watching is found', async () => {
  const { next } = stage({ 'weir.yaml': 'server: { port: 1 }' }, 20, (folder) =>
    writeFileSync(join(folder, 'weir.yaml'), 'server: { port: 22 }'),
  )
  expect(await next()).toEqual({ port: 22 })
})

test('an edit that leaves size and time as they were when it was read is found', async () => {
  const file = 'weir.yaml'
  const at = 1_700_000_000
  const { folder, next, write } = stage({ [file]: 'server: { port: 1 }' }, 20, (made) =>
    utimesSync(join(made, file), at, at),
  )
  write(file, 'server: { port: 2 }')
  utimesSync(join(folder, file), at, at)
  expect(await next()).toEqual({ port: 2 })
})

test('a touched file that holds the same is no change', () => {
  const { folder, seen, watch } = stage({ 'weir.yaml': 'server: { port: 1 }' })
  utimesSync(join(folder, 'weir.yaml'), 1, 1)
  watch.check()
  expect(seen).toEqual([])
})

test('nothing is told after closing', () => {
  const { seen, watch, write } = stage({ 'weir.yaml': 'server: { port: 1 }' })
  watch.close()
  watch.close()
  write('weir.yaml', 'server: { port: 2 }')
  watch.check()
  expect(seen).toEqual([])
})

test('without a file there is nothing to watch', () => {
  const { seen, watch } = stage({})
  watch.check()
  expect(seen).toEqual([])
})
