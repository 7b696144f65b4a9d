// One direction of a connection through the fault proxy: bytes come in, and go out late, slowly, in pieces, spoilt or not at all.
// It keeps their order and, where no fault is set, every one of them; it knows nothing of sockets or of what the bytes mean.

export type Cut = 'silence' | 'reset' | 'fin'

/** What is done to one direction. Offsets count from the byte after the moment the faults were set. */
export interface WayFaults {
  /** Each piece waits so long, and by lot up to `jitterMs` more; pieces never overtake each other. */
  readonly latencyMs?: number
  readonly jitterMs?: number
  /** The first piece after bytes in the other direction waits so long: a slow first byte. */
  readonly firstByteMs?: number
  /** At most so many bytes at once, and so much time between them: a narrow line, or a drip. */
  readonly pace?: { readonly bytes: number; readonly everyMs: number }
  /** So many bytes (one by default) from this offset on are turned over bit by bit. */
  readonly corrupt?: { readonly atByte: number; readonly bytes?: number }
  /** In place of the byte at this offset: nothing more, RST to both sides, or FIN to the side that waits for it. */
  readonly cut?: { readonly atByte: number; readonly how: Cut }
}

/** A line of so many bytes in a second. */
export function bandwidth(bytesPerSecond: number): NonNullable<WayFaults['pace']> {
  return { bytes: Math.max(1, Math.round(bytesPerSecond / 50)), everyMs: 20 }
}

/** The two ends of a direction, as far as it needs them. */
export interface WayEnds {
  /** Writes what the receiver takes at once; resolves to how many bytes that were. */
  write(bytes: Uint8Array): number
  /** Says FIN to the receiver; false while there is none yet. */
  finish(): boolean
  /** Whether the sender may go on sending. */
  flow(open: boolean): void
  /** Bytes were passed on. */
  passed(): void
  /** The cut has come. RST is the caller's to send. */
  cut(how: Cut): void
}

/** Beyond so many bytes held back the sender is stopped. */
const HELD_BYTES_MAX = 256 * 1024

interface Piece {
  bytes: Uint8Array
  readonly atMs: number
}

export class FaultyWay {
  /** Bytes passed on, over the whole connection. */
  passedBytes = 0
  private readonly ends: WayEnds
  private readonly random: () => number
  private faults: WayFaults = {}
  private sinceSet = 0
  private held: Piece[] = []
  private heldBytes = 0
  private lastAtMs = 0
  private nextPieceMs = 0
  private otherSpoke = true
  private stopped = false
  private cutDone: Cut | undefined
  private flowing = true
  private sourceOver = false
  private finished = false
  private timer: ReturnType<typeof setTimeout> | undefined

  constructor(ends: WayEnds, random: () => number) {
    this.ends = ends
    this.random = random
  }

  /** Replaces the faults. What a silence held back goes on its way; after RST or FIN nothing does. */
  set(faults: WayFaults): void {
    this.faults = faults
    this.sinceSet = 0
    this.nextPieceMs = 0
    if (this.cutDone === 'silence') this.cutDone = undefined
    // A latency that is gone holds nothing back any more.
    this.held = this.held.map(({ bytes }) => ({ bytes, atMs: 0 }))
    this.lastAtMs = 0
    this.pump()
  }

  /** Takes bytes of the sender; they are copied, as the buffer is the runtime's. */
  take(data: Uint8Array): void {
    if (this.isOver()) return
    const { latencyMs = 0, jitterMs = 0, firstByteMs = 0 } = this.faults
    const first = this.otherSpoke ? firstByteMs : 0
    this.otherSpoke = false
    const waitMs = latencyMs + first + (jitterMs > 0 ? this.random() * jitterMs : 0)
    const atMs = Math.max(this.lastAtMs, waitMs > 0 ? performance.now() + waitMs : 0)
    this.lastAtMs = atMs
    this.held.push({ bytes: Uint8Array.from(data), atMs })
    this.heldBytes += data.length
    this.pump()
  }

  /** The sender said FIN: it is passed on behind what is held. */
  sourceEnded(): void {
    this.sourceOver = true
    this.pump()
  }

  /** Bytes were passed in the other direction: what comes next here is a first byte. */
  otherHasSpoken(): void {
    this.otherSpoke = true
  }

  /** The receiver takes bytes again. */
  drained(): void {
    this.pump()
  }

  /** The connection is gone. */
  stop(): void {
    this.stopped = true
    clearTimeout(this.timer)
    this.held = []
    this.heldBytes = 0
  }

  /** Sends what may be sent now, and sets the clock for what may be sent later. */
  pump(): void {
    clearTimeout(this.timer)
    this.timer = undefined
    for (;;) {
      const piece = this.held[0]
      if (this.stopped || this.cutDone !== undefined || piece === undefined) break
      if (this.reachedCut()) break
      const waitMs = Math.max(piece.atMs, this.nextPieceMs) - performance.now()
      if (waitMs > 0) {
        this.timer = setTimeout(() => this.pump(), waitMs)
        break
      }
      if (!this.send(piece)) break
    }
    this.regulate()
  }

  /** False when the receiver takes no more for now. */
  private send(piece: Piece): boolean {
    const { pace, cut } = this.faults
    const due = Math.min(
      piece.bytes.length,
      pace?.bytes ?? Number.POSITIVE_INFINITY,
      cut === undefined ? Number.POSITIVE_INFINITY : cut.atByte - this.sinceSet,
    )
    const bytes = this.spoilt(piece.bytes.subarray(0, due))
    const written = Math.max(0, this.ends.write(bytes))
    if (written > 0) {
      piece.bytes = piece.bytes.subarray(written)
      if (piece.bytes.length === 0) this.held.shift()
      this.heldBytes -= written
      this.sinceSet += written
      this.passedBytes += written
      if (pace !== undefined) this.nextPieceMs = performance.now() + pace.everyMs
      this.ends.passed()
    }
    return written === due
  }

  private spoilt(bytes: Uint8Array): Uint8Array {
    const { corrupt } = this.faults
    if (corrupt === undefined) return bytes
    const from = Math.max(0, corrupt.atByte - this.sinceSet)
    const to = Math.min(bytes.length, corrupt.atByte + (corrupt.bytes ?? 1) - this.sinceSet)
    if (from >= to) return bytes
    const copy = Uint8Array.from(bytes)
    for (let at = from; at < to; at += 1) copy[at] = ~copy[at]! & 0xff
    return copy
  }

  private reachedCut(): boolean {
    const { cut } = this.faults
    if (cut === undefined || this.sinceSet < cut.atByte) return false
    this.cutDone = cut.how
    if (cut.how !== 'silence') {
      this.held = []
      this.heldBytes = 0
    }
    if (cut.how === 'fin') {
      this.finished = true
      this.ends.finish()
    }
    this.ends.cut(cut.how)
    return true
  }

  private isOver(): boolean {
    return this.stopped || this.cutDone === 'fin' || this.cutDone === 'reset'
  }

  private regulate(): void {
    if (this.stopped) return
    if (this.sourceOver && this.held.length === 0 && !this.finished && this.cutDone === undefined) {
      this.finished = this.ends.finish()
    }
    const flowing = this.heldBytes <= HELD_BYTES_MAX
    if (flowing === this.flowing) return
    this.flowing = flowing
    this.ends.flow(flowing)
  }
}
