// The first and the last bytes of a relayed stream, kept by reference so that usage can be read at the end without parsing
// what lies between. Bounded; it never changes what passes.

import { LIMITS } from '../core/limits.ts'

export class TailBuffer {
  private readonly head: Uint8Array[] = []
  private headBytes = 0
  private tail: Uint8Array[] = []
  private tailStart = 0
  private tailBytes = 0
  totalBytes = 0

  push(chunk: Uint8Array): void {
    this.totalBytes += chunk.length
    if (this.headBytes < LIMITS.tapHeadBytesMax) {
      this.head.push(chunk)
      this.headBytes += chunk.length
      return
    }
    this.tail.push(chunk)
    this.tailBytes += chunk.length
    while (
      this.tailBytes - this.tail[this.tailStart]!.length >= LIMITS.tapTailBytesMax &&
      this.tailStart < this.tail.length - 1
    ) {
      this.tailBytes -= this.tail[this.tailStart]!.length
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

  /** The very last bytes, at least `count` of them where there are as many. */
  endsWith(text: string): boolean {
    let have = ''
    const chunks = this.tail.length > this.tailStart ? this.tail : this.head
    for (let at = chunks.length - 1; at >= 0 && have.length < text.length; at -= 1) {
      have = `${Buffer.from(chunks[at]!.subarray(-text.length)).toString('latin1')}${have}`
    }
    return have.endsWith(text)
  }
}
