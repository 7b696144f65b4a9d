// Local model servers (Ollama, LM Studio) found while the program runs: asked in the background, added when they answer,
// gone from the catalogue when they stop. It delays nothing and is loud about nothing.

import type { Provider } from './core/catalog.ts'
import { LIMITS } from './core/limits.ts'
import type { ModelDirectory } from './gateway/catalog.ts'

export class LocalServers {
  private candidates: readonly Provider[]
  private found: readonly Provider[] = []
  private timer: ReturnType<typeof setInterval> | undefined
  private readonly directory: ModelDirectory
  private readonly changed: () => void

  constructor(candidates: readonly Provider[], directory: ModelDirectory, changed: () => void) {
    this.candidates = candidates
    this.directory = directory
    this.changed = changed
  }

  /** Those that answered when last asked. */
  providers(): readonly Provider[] {
    return this.found
  }

  setCandidates(candidates: readonly Provider[]): void {
    this.candidates = candidates
  }

  /** Asks now and every so often. The first round resolves when every candidate has answered or run out of time. */
  start(): Promise<void> {
    this.timer = setInterval(() => void this.look(), LIMITS.localServerPollIntervalMs)
    this.timer.unref()
    return this.look()
  }

  stop(): void {
    clearInterval(this.timer)
  }

  private async look(): Promise<void> {
    await Promise.all(this.candidates.map((candidate) => this.directory.refresh(candidate)))
    const found = this.candidates.filter(
      (candidate) => this.directory.listed(candidate) !== undefined,
    )
    if (found.length === this.found.length && found.every((one, at) => one === this.found[at]))
      return
    this.found = found
    this.changed()
  }
}
