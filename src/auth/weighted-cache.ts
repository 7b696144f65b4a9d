// A map with a bound on its entries and on what they weigh together; beyond either the oldest go. What is put last stays longest,
// and being read changes nothing, so that a read costs no more than that of a map.

interface Weighed<Value> {
  readonly value: Value
  readonly weight: number
}

export class WeightedCache<Value> {
  private readonly entries = new Map<string, Weighed<Value>>()
  private readonly entriesMax: number
  private readonly weightMax: number
  private weight = 0

  constructor(entriesMax: number, weightMax: number) {
    this.entriesMax = entriesMax
    this.weightMax = weightMax
  }

  get size(): number {
    return this.entries.size
  }

  get(key: string): Value | undefined {
    return this.entries.get(key)?.value
  }

  /** @param weight in the unit of the bound; what weighs more than all may together is not kept */
  set(key: string, value: Value, weight: number): void {
    this.delete(key)
    if (weight > this.weightMax) return
    this.entries.set(key, { value, weight })
    this.weight += weight
    for (const oldest of this.entries.keys()) {
      if (this.entries.size <= this.entriesMax && this.weight <= this.weightMax) return
      this.delete(oldest)
    }
  }

  delete(key: string): void {
    const entry = this.entries.get(key)
    if (entry === undefined) return
    this.entries.delete(key)
    this.weight -= entry.weight
  }

  /** Takes out every entry that it is true of. */
  deleteWhere(isMeant: (value: Value) => boolean): void {
    for (const [key, { value }] of this.entries) if (isMeant(value)) this.delete(key)
  }
}
