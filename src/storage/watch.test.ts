// Changes of another process, changes during a reload, reloads that fail, files that vanish.

import { afterAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { openDatabase } from './open.ts'
import {
  MemoryLogger,
  migratedDatabase,
  removeFolders,
  runScript,
  sampleKey,
  storeIn,
  temporaryFolder,
  until,
  TEST_ACTOR,
} from './test-store.ts'
import { ControlWatcher } from './watch.ts'

// Programs of their own are started, which takes seconds where little of the processor is to be had.
setDefaultTimeout(60_000)

afterAll(removeFolders)

function makeWatcher(intervalMs = 3_600_000) {
  const path = join(temporaryFolder(), 'weir.db')
  const database = migratedDatabase(path, 'control')
  const logger = new MemoryLogger()
  const watcher = new ControlWatcher(database, { logger, files: [path], intervalMs })
  return { path, database, logger, watcher }
}

function writeFromElsewhere(path: string): void {
  const other = openDatabase(path, 'control')
  other.run("INSERT INTO settings (key, value) VALUES (?, 'x')", [Bun.randomUUIDv7()])
  other.close()
}

describe('the watcher', () => {
  test('notices a key made by another process, made before it was started too, and not its own silence', async () => {
    const folder = temporaryFolder()
    const store = await storeIn(folder)
    let names: string[] = []
    let calls = 0
    const script = (name: string) => `
      const { storeIn, sampleKey, TEST_ACTOR } = await import(${JSON.stringify(join(import.meta.dir, 'test-store.ts'))})
      const store = await storeIn(${JSON.stringify(folder)})
      await store.keys.create(sampleKey({ name: ${JSON.stringify(name)} }), TEST_ACTOR)
      await store.close()
    `
    expect(await runScript(script('before'))).toEqual({ code: 0, out: '', err: '' })
    store.watcher.start(async () => {
      calls += 1
      names = (await store.keys.all()).map((key) => key.name)
    })
    await until('the first key is noticed', () => names.length === 1)
    expect(await runScript(script('after'))).toEqual({ code: 0, out: '', err: '' })
    await until('the second key is noticed', () => names.length === 2)
    expect(names).toEqual(['before', 'after'])
    expect(store.watcher).toBeInstanceOf(ControlWatcher)
    if (!(store.watcher instanceof ControlWatcher)) return
    // The key may have been noticed while the other process was still closing, which writes as well.
    store.watcher.poll()
    await store.watcher.changed()
    const before = calls
    for (let polls = 0; polls < 10; polls += 1) store.watcher.poll()
    expect(calls).toBe(before)
    await store.close()
  })

  test('an own write resolves after the listener has seen it', async () => {
    const store = await storeIn(temporaryFolder())
    let seen: string[] = []
    store.watcher.start(async () => {
      await Promise.resolve()
      seen = (await store.keys.all()).map((key) => key.id)
    })
    const key = await store.keys.create(sampleKey(), TEST_ACTOR)
    expect(seen).toEqual([key.id])
    await store.close()
  })

  test('a change during a run is followed by another run; runs never overlap', async () => {
    const { path, watcher } = makeWatcher()
    let [runs, inside, most] = [0, 0, 0]
    const release: (() => void)[] = []
    watcher.start(async () => {
      runs += 1
      inside += 1
      most = Math.max(most, inside)
      await new Promise<void>((resolve) => release.push(resolve))
      inside -= 1
    })
    const first = watcher.changed()
    const second = watcher.changed()
    writeFromElsewhere(path)
    watcher.poll()
    expect(runs).toBe(1)
    release[0]?.()
    await until('the second run began', () => release.length === 2)
    release[1]?.()
    await Promise.all([first, second])
    expect({ runs, most }).toEqual({ runs: 2, most: 1 })
    await watcher.stop()
  })

  test('a run that fails is reported, harms no write and is tried at the next look', async () => {
    const { path, watcher, logger } = makeWatcher()
    let runs = 0
    watcher.start(() => {
      runs += 1
      if (runs === 1) throw new Error('bad snapshot')
    })
    await watcher.changed()
    expect(logger.lines[0]?.fields).toEqual({ reason: 'bad snapshot' })
    watcher.poll()
    await until('it was tried again', () => runs === 2)
    watcher.poll()
    expect(runs).toBe(2)
    writeFromElsewhere(path)
    watcher.poll()
    await until('the next change is noticed', () => runs === 3)
    await watcher.stop()
  })

  test('a deleted or replaced file is a problem, told once', async () => {
    const { path, watcher, logger } = makeWatcher()
    watcher.poll()
    expect(watcher.problem).toBeUndefined()
    renameSync(path, `${path}.moved`)
    watcher.poll()
    watcher.poll()
    expect(watcher.problem).toContain('deleted or replaced')
    migratedDatabase(`${path}.new`, 'control').close()
    renameSync(`${path}.new`, path)
    watcher.poll()
    expect(watcher.problem).toContain('deleted or replaced')
    expect(logger.at('error')).toHaveLength(1)
    rmSync(path)
    renameSync(`${path}.moved`, path)
    watcher.poll()
    expect(watcher.problem).toBeUndefined()
    await watcher.stop()
  })
})
