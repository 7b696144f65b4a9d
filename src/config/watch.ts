// Watches the configuration file and the files it refers to, and hands on each new configuration or what is wrong with it.
// A broken edit never replaces the running configuration: deciding that is the caller's, and here nothing is kept but hashes.

import { type FSWatcher, statSync, watch } from 'node:fs'
import { dirname } from 'node:path'
import { LIMITS } from '../core/limits.ts'
import type { LoadedConfig } from './config.ts'
import { type LoadOptions, loadConfig } from './load.ts'
import { ConfigError, type ConfigProblem } from './problem.ts'
import type { ReadFile } from './read.ts'

export interface WatchHandlers {
  /** A changed configuration that is whole and valid. */
  changed(loaded: LoadedConfig): void
  /** An edit that can't be used; the running configuration stays. */
  refused(problems: readonly ConfigProblem[]): void
}

export interface WatchOptions extends LoadOptions {
  readonly debounceMs?: number
  readonly pollIntervalMs?: number
}

export interface ConfigWatch {
  /** Looks now, as after SIGHUP; a handler is called before it returns when something changed. */
  check(): void
  /** Ends watching; no handler is called afterwards. Idempotent. */
  close(): void
}

/**
 * Watches what `running` was made of. Its folders are watched, since editors and mounted secrets replace files instead of
 * writing them, and time stamps are polled where folders raise no events. Without a file there is nothing to watch.
 * The timers never keep the process alive.
 */
export function watchConfig(
  running: LoadedConfig,
  handlers: WatchHandlers,
  options: WatchOptions = {},
): ConfigWatch {
  return new Watch(running, handlers, options)
}

class Watch implements ConfigWatch {
  private readonly handlers: WatchHandlers
  private readonly options: WatchOptions
  private readonly watchers = new Map<string, FSWatcher>()
  private readonly poll: ReturnType<typeof setInterval> | undefined
  private debounce: ReturnType<typeof setTimeout> | undefined
  private file: string | undefined
  private inputs: readonly ReadFile[]
  /** Files to look at: those of the running configuration and those the last edit refers to. */
  private paths: readonly string[]
  /** As they were before the files were read, or unknown: the next look then reads the files themselves. */
  private stamps = UNKNOWN_STAMPS
  /** What was refused last, so that one broken edit is told once. */
  private refusedText = ''
  private isClosed = false

  constructor(running: LoadedConfig, handlers: WatchHandlers, options: WatchOptions) {
    this.handlers = handlers
    this.options = options
    this.file = running.config.file
    this.inputs = running.inputs
    this.paths = running.inputs.map((input) => input.path)
    if (this.file === undefined) return
    this.watchFolders()
    const interval = options.pollIntervalMs ?? LIMITS.configPollIntervalMs
    this.poll = setInterval(() => this.look(), interval)
    this.poll.unref()
  }

  check(): void {
    if (this.isClosed || this.file === undefined) return
    clearTimeout(this.debounce)
    this.debounce = undefined
    this.stamps = this.readStamps()
    this.reload()
  }

  close(): void {
    this.isClosed = true
    clearTimeout(this.debounce)
    clearInterval(this.poll)
    for (const watcher of this.watchers.values()) watcher.close()
    this.watchers.clear()
  }

  /** Time stamps that differ from the last ones start the wait for the end of a burst of writes. */
  private look(): void {
    const stamps = this.readStamps()
    if (stamps === this.stamps) return
    this.stamps = stamps
    clearTimeout(this.debounce)
    const wait = this.options.debounceMs ?? LIMITS.configDebounceMs
    this.debounce = setTimeout(() => this.check(), wait)
    this.debounce.unref()
  }

  private reload(): void {
    let loaded: LoadedConfig
    try {
      loaded = loadConfig(this.options)
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error
      this.refuse(error)
      return
    }
    if (loaded.config.file === undefined || isEmptied(loaded, this.inputs)) {
      this.refuse(new ConfigError([goneProblem(this.file, loaded.config.file === undefined)]))
      return
    }
    const isSame = sameInputs(loaded.inputs, this.inputs)
    const wasRefused = this.refusedText !== ''
    this.refusedText = ''
    if (isSame && !wasRefused) return
    this.file = loaded.config.file
    this.inputs = loaded.inputs
    this.follow(loaded.inputs.map((input) => input.path))
    if (!isSame) this.handlers.changed(loaded)
  }

  private refuse(error: ConfigError): void {
    // The mistake may be in a file that only the edit refers to.
    this.follow([...this.inputs.map((input) => input.path), ...error.wanted])
    if (error.message === this.refusedText) return
    this.refusedText = error.message
    this.handlers.refused(error.problems)
  }

  private follow(paths: readonly string[]): void {
    const followed = [...new Set(paths)]
    const isSame = followed.join('\n') === this.paths.join('\n')
    this.paths = followed
    // Those of another file may be of a moment after it was read.
    if (!isSame) this.stamps = UNKNOWN_STAMPS
    this.watchFolders()
  }

  private watchFolders(): void {
    const folders = new Set(this.paths.map((path) => dirname(path)))
    for (const [folder, watcher] of this.watchers) {
      if (folders.has(folder)) continue
      watcher.close()
      this.watchers.delete(folder)
    }
    for (const folder of folders) if (!this.watchers.has(folder)) this.watchFolder(folder)
  }

  private watchFolder(folder: string): void {
    try {
      const watcher = watch(folder, { persistent: false }, () => this.look())
      this.watchers.set(folder, watcher)
      watcher.on('error', () => {
        watcher.close()
        this.watchers.delete(folder)
      })
    } catch {
      // No more watches, or no events for this file system: the poll finds the change.
      this.watchers.delete(folder)
    }
  }

  /** Follows symbolic links, so that the switch of a link above a mounted file is seen. */
  private readStamps(): string {
    return this.paths.map(stampOf).join('\n')
  }
}

function stampOf(path: string): string {
  try {
    const { ino, mtimeMs, size } = statSync(path)
    return `${mtimeMs} ${size} ${ino}`
  } catch (error) {
    // Gone or not readable: loading says so in its own words.
    return error instanceof Error && 'code' in error ? String(error.code) : 'unreadable'
  }
}

/** Many programs empty a file before they write it: an empty file is a moment or a mistake, not a wish. */
function isEmptied(loaded: LoadedConfig, inputs: readonly ReadFile[]): boolean {
  const isEmpty = loaded.inputs[0]?.hash === EMPTY_HASH
  return isEmpty && inputs[0]?.hash !== EMPTY_HASH
}

/** What no files have: what they held when they were read may be no more what they hold. */
const UNKNOWN_STAMPS = ''

/** SHA-256 of nothing. */
const EMPTY_HASH = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'

function goneProblem(file: string | undefined, isGone: boolean): ConfigProblem {
  return {
    ...(file === undefined ? {} : { source: file }),
    path: '',
    message: isGone ? 'is gone' : 'is empty',
  }
}

function sameInputs(left: readonly ReadFile[], right: readonly ReadFile[]): boolean {
  const text = (files: readonly ReadFile[]) =>
    files.map((file) => `${file.path} ${file.hash}`).join('\n')
  return text(left) === text(right)
}
