// Times of a load, counted in steps of one per cent so that an hour of them takes the memory of a minute. Pure.

const STEP = Math.log(1.01)
/** From a microsecond to ten hours. */
const LEAST_MS = 0.001
const STEPS = 2_500

export class Histogram {
  count = 0
  maxMs = 0
  private sumMs = 0
  private readonly steps = new Uint32Array(STEPS)

  add(ms: number): void {
    const step = Math.max(0, Math.min(STEPS - 1, Math.floor(Math.log(ms / LEAST_MS) / STEP)))
    this.steps[step]! += 1
    this.count += 1
    this.sumMs += ms
    this.maxMs = Math.max(this.maxMs, ms)
  }

  get meanMs(): number {
    return this.count === 0 ? Number.NaN : this.sumMs / this.count
  }

  /** The time that this share of all took at most, to one per cent; NaN for none. */
  quantileMs(share: number): number {
    if (this.count === 0) return Number.NaN
    const rank = Math.min(this.count, Math.floor(this.count * share) + 1)
    let seen = 0
    for (let step = 0; step < STEPS; step += 1) {
      seen += this.steps[step]!
      if (seen >= rank) return Math.min(this.maxMs, LEAST_MS * Math.exp((step + 0.5) * STEP))
    }
    return this.maxMs
  }
}
