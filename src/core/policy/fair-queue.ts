// A bounded queue in which clients take turns: whoever has waited longest since its last turn is next, and within one client the
// first to come is the first to go. A full queue makes room at the cost of who fills it. Pure: it holds entries and no time.

/** Where an entry waits. Opaque to all but the queue. */
export interface Waiting<T> {
  readonly client: string
  readonly value: T
}

/** What became of an arrival. */
export type Arrived<T> =
  /** It waits. `displaced` is out of the queue: the newest entry of the client that held the most. */
  | { readonly entry: Waiting<T>; readonly displaced?: Waiting<T> }
  /** There is no room for it: `own` where its own client already has its share of the queue and others wait too. */
  | { readonly refused: 'own' | 'full' }

interface Entry<T> extends Waiting<T> {
  readonly line: Line<T>
  before: Entry<T> | undefined
  after: Entry<T> | undefined
  queued: boolean
}

/** The entries of one client, and its neighbours in the round of clients that have any. */
interface Line<T> {
  readonly client: string
  first: Entry<T> | undefined
  last: Entry<T> | undefined
  length: number
  previous: Line<T>
  next: Line<T>
}

/** Every operation takes the same time, however much waits. */
export class FairQueue<T> {
  private readonly lines = new Map<string, Line<T>>()
  /** Lines by their length, so that the longest is found without looking: a length changes by one at a time. */
  private readonly byLength = new Map<number, Set<Line<T>>>()
  private longest = 0
  private total = 0
  /** Whose turn it is. */
  private turn: Line<T> | undefined

  get size(): number {
    return this.total
  }

  /** Clients with an entry. */
  get clients(): number {
    return this.lines.size
  }

  /**
   * An entry arrives.
   * @param max entries the queue may hold
   */
  arrive(client: string, value: T, max: number): Arrived<T> {
    if (this.total < max) return { entry: this.add(client, value) }
    const own = this.lines.get(client)?.length ?? 0
    // Two more than the newcomer's: with one more, two clients would push each other out for ever.
    const displaced = this.longest >= own + 2 ? this.newestOfLongest() : undefined
    if (displaced === undefined) return { refused: this.hasItsShare(own, max) ? 'own' : 'full' }
    this.remove(displaced)
    return { entry: this.add(client, value), displaced }
  }

  /** Takes out the entry whose turn it is. */
  shift(): Waiting<T> | undefined {
    const line = this.turn
    if (line?.first === undefined) return undefined
    this.turn = line.next
    const { first } = line
    this.remove(first)
    return first
  }

  /** Takes out an entry, wherever it is; false when it is out already. */
  remove(waiting: Waiting<T>): boolean {
    const entry = waiting as Entry<T>
    if (!entry.queued) return false
    entry.queued = false
    const { line, before, after } = entry
    if (before === undefined) line.first = after
    else before.after = after
    if (after === undefined) line.last = before
    else after.before = before
    entry.before = entry.after = undefined
    this.total -= 1
    this.lengthen(line, -1)
    if (line.length === 0) this.leave(line)
    return true
  }

  /** Another client waits too, and this one has as much of the queue as each could have. */
  private hasItsShare(own: number, max: number): boolean {
    return own > 0 && this.lines.size > 1 && own * this.lines.size >= max
  }

  private newestOfLongest(): Entry<T> | undefined {
    for (const line of this.byLength.get(this.longest) ?? []) return line.last
    return undefined
  }

  private add(client: string, value: T): Entry<T> {
    const line = this.lines.get(client) ?? this.join(client)
    const entry: Entry<T> = {
      client,
      value,
      line,
      before: line.last,
      after: undefined,
      queued: true,
    }
    if (line.last === undefined) line.first = entry
    else line.last.after = entry
    line.last = entry
    this.total += 1
    this.lengthen(line, 1)
    return entry
  }

  /** A client joins the round at its end: just before the one whose turn it is. */
  private join(client: string): Line<T> {
    const line = { client, first: undefined, last: undefined, length: 0 } as unknown as Line<T>
    const { turn } = this
    if (turn === undefined) {
      line.previous = line.next = line
      this.turn = line
    } else {
      line.previous = turn.previous
      line.next = turn
      turn.previous.next = line
      turn.previous = line
    }
    this.lines.set(client, line)
    return line
  }

  private leave(line: Line<T>): void {
    this.lines.delete(line.client)
    line.previous.next = line.next
    line.next.previous = line.previous
    if (this.turn === line) this.turn = line.next === line ? undefined : line.next
  }

  private lengthen(line: Line<T>, by: 1 | -1): void {
    const same = this.byLength.get(line.length)
    same?.delete(line)
    if (same?.size === 0) this.byLength.delete(line.length)
    line.length += by
    if (line.length > 0) {
      const others = this.byLength.get(line.length)
      if (others === undefined) this.byLength.set(line.length, new Set([line]))
      else others.add(line)
    }
    if (line.length > this.longest) this.longest = line.length
    else if (!this.byLength.has(this.longest)) this.longest = Math.max(0, this.longest - 1)
  }
}
