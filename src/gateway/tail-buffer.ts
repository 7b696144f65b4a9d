// The first and the last bytes of a relayed stream, kept by reference so that usage can be read at the end without parsing
// what lies between. Bounded; it never changes what passes.

import { LIMITS } from '../core/limits.ts'

/** A reference holds its whole chunk: of a larger one a copy of what is wanted is kept. */
const REFERENCED_BYTES_MAX = 4 * LIMITS.tapTailBytesMax
const NOTHING = new Uint8Array()

export class TailBuffer {
  private readonly head: Uint8Array[] = []
  private headBytes = 0
  private tail: Uint8Array[] = []
  private tailStart = 0
  private tailBytes = 0
  totalBytes = 0

  push(chunk: Uint8Array): void {
    this.totalBytes += chunk.length
    if (this.headBytes >= LIMITS.tapHeadBytesMax) return this.pushTail(chunk)
    const first = chunk.length > REFERENCED_BYTES_MAX ? chunk.slice(0, REFERENCED_BYTES_MAX) : chunk
    this.head.push(first)
    this.headBytes += first.length
    if (first.length < chunk.length) this.pushTail(chunk.subarray(first.length))
  }

  private pushTail(chunk: Uint8Array): void {
    const last = chunk.length > REFERENCED_BYTES_MAX ? chunk.slice(-REFERENCED_BYTES_MAX) : chunk
    this.tail.push(last)
    this.tailBytes += last.length
    while (
      this.tailBytes - this.tail[this.tailStart]!.length >= LIMITS.tapTailBytesMax &&
      this.tailStart < this.tail.length - 1
    ) {
      this.tailBytes -= this.tail[this.tailStart]!.length
      this.tail[this.tailStart] = NOTHING
      this.tailStart += 1
    }
    // Dropping from the front one by one would be quadratic; compacting now and then is not.
    if (this.tailStart > 256) {
      this.tail = this.tail.slice(this.tailStart)
      this.tailStart = 0
    }
  }

  /** First and last bytes, joined only where nothing between was dropped. */
  parts(): Uint8Array[] {
    const head = Buffer.concat(this.head)
    const tail = Buffer.concat(this.tail.slice(this.tailStart))
    const whole = head.length + tail.length === this.totalBytes
    if (whole) return [Buffer.concat([head, tail])]
    return [head, tail]
  }

  endsWith(text: string): boolean {
    return this.lastText(text.length).endsWith(text)
  }

  /** The very last bytes as Latin-1, at least `count` of them where there are as many. */
  lastText(count: number): string {
    let have = ''
    const chunks = this.tail.length > this.tailStart ? this.tail : this.head
    for (let at = chunks.length - 1; at >= 0 && have.length < count; at -= 1) {
      have = `${Buffer.from(chunks[at]!.subarray(-count)).toString('latin1')}${have}`
    }
    return have
  }
}
