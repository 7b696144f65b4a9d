// Quiet points of a soak: nobody begins until everybody has ended, memory settles, and what is left is a floor. What is under way under
// load is tens of MiB and hides a leak; a floor holds what stays. Here is how one is come by; what it is worth, soak-judge.ts says.

import type { Floor } from './soak-judge.ts'

/** Lets clients begin, holds them back, or sends them home. */
export class Gate {
  private running = 0
  private isOpen = false
  private isOver = false
  private held = Promise.withResolvers<void>()
  private quiet: PromiseWithResolvers<void> | undefined
  private openings = 0

  /** Begins shut. @param spread waits before a client begins after each opening: no five hundred begin in one millisecond */
  async enter(seen: { opening: number }, spread: () => Promise<unknown>): Promise<boolean> {
    while (!this.isOver) {
      if (!this.isOpen) {
        await this.held.promise
      } else if (seen.opening !== this.openings) {
        seen.opening = this.openings
        await spread()
      } else {
        this.running += 1
        return true
      }
    }
    return false
  }

  leave(): void {
    this.running -= 1
    if (this.running === 0) this.quiet?.resolve()
  }

  open(): void {
    this.isOpen = true
    this.openings += 1
    this.quiet = undefined
    this.held.resolve()
  }

  /** Resolves once all who had begun have ended. */
  async shut(): Promise<void> {
    this.isOpen = false
    this.held = Promise.withResolvers<void>()
    this.quiet = Promise.withResolvers<void>()
    if (this.running === 0) this.quiet.resolve()
    await this.quiet.promise
  }

  /** Nobody begins any more. */
  end(): void {
    this.isOver = true
    this.held.resolve()
  }
}

export interface Settling {
  /** Rest in any case: an idle process gives back what it does not need in steps, seconds and half a minute after the last work. */
  readonly restMs: number
  /** Memory is looked at so often. */
  readonly everyMs: number
  /** Over so many looks it must move by no more than `moveMib`. */
  readonly looks: number
  readonly moveMib: number
  /** Then it is taken as it is. */
  readonly limitMs: number
}

const LOOKS = { everyMs: 250, looks: 12, moveMib: 1 }
export const LONG_REST: Settling = { ...LOOKS, restMs: 35_000, limitMs: 60_000 }
/** For a run of seconds: what is left of its warm-up is tens of MiB. */
export const SHORT_REST: Settling = { ...LOOKS, restMs: 3_000, limitMs: 5_000 }

export interface Settled {
  readonly mib: number
  readonly tookMs: number
  readonly isSettled: boolean
}

/** The least of the last looks, once they are alike or the time is over. NaN where memory cannot be read. */
export async function settled(memory: () => number, settling: Settling): Promise<Settled> {
  const { everyMs, limitMs, looks, moveMib, restMs } = settling
  const startedMs = performance.now()
  let last: number[] = []
  for (;;) {
    last = [...last.slice(1 - looks), memory()]
    const [least, most] = [Math.min(...last), Math.max(...last)]
    const tookMs = performance.now() - startedMs
    const isSettled = tookMs >= restMs && last.length === looks && !(most - least > moveMib)
    if (isSettled || tookMs > limitMs) return { mib: least, tookMs, isSettled }
    await Bun.sleep(everyMs)
  }
}

/** What the gateway says of its heap, MiB: as it was after its last collection. */
export async function heapMib(url: string, key: string): Promise<number> {
  const response = await fetch(`${url}/metrics`, { headers: { authorization: `Bearer ${key}` } })
  const said = /^weir_heap_bytes\S* (\S+)/m.exec(await response.text())?.[1]
  if (said === undefined) throw new Error(`/metrics says ${response.status} and no heap.`)
  return Number(said) / 1_048_576
}

/** A floor in words. */
export function floorText({ heapMib: heap, isSettled, mib, requests }: Floor): string {
  const unsettled = isSettled ? '' : ', still moving'
  return `${mib.toFixed(1)} MiB, heap ${heap.toFixed(1)} MiB, after ${requests} requests${unsettled}`
}
