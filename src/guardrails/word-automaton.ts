// Finds thousands of words in one pass over a text (Aho and Corasick, 1975). It knows characters and nothing of what they mean.

/** A word found: which, and where its last character ends. True where shorter ones that end there are of no interest. */
export type WordFound = (word: number, end: number) => boolean

/** Characters of the Basic Multilingual Plane by UTF-16 code; others are pairs of them. */
const CODES = 0x10000

export class WordAutomaton {
  /** Next state by state and code. */
  private readonly edges = new Map<number, number>()
  /** The state for the longest proper end of what a state has read. */
  private readonly fails: number[] = [0]
  /** Words that end in a state; -1 for none. */
  private readonly word: number[] = [-1]
  /** The next state on the way of ends in which a word ends. */
  private readonly outputs: number[] = [0]
  /** What leads out of the first state, where most of a text is read. */
  private readonly first: Int32Array = new Int32Array(CODES)
  /** While it is built: edges by how far they are from the first state. */
  private readonly levels: number[][] = []
  /** Words that are written twice, by the one that is found. */
  private readonly lengths: number[]

  /** @param words none of them empty; of equal ones the first is found */
  constructor(words: readonly string[]) {
    this.lengths = words.map(({ length }) => length)
    words.forEach((word, index) => this.add(word, index))
    this.link()
  }

  /** Calls back for each word at each place, those within others included, the longest of those that end together first. */
  search(text: string, found: WordFound): void {
    let state = 0
    for (let at = 0; at < text.length; at++) {
      const code = text.charCodeAt(at)
      if (state === 0) {
        state = this.first[code]!
        if (state === 0) continue
      } else {
        state = this.next(state, code)
      }
      for (let end = state; end !== 0; end = this.outputs[end]!) {
        if (this.word[end] !== -1 && found(this.word[end]!, at + 1)) break
      }
    }
  }

  /** Characters of a word. */
  lengthOf(word: number): number {
    return this.lengths[word]!
  }

  private next(from: number, code: number): number {
    for (let state = from; state !== 0; state = this.fails[state]!) {
      const target = this.edges.get(state * CODES + code)
      if (target !== undefined) return target
    }
    return this.first[code]!
  }

  private add(word: string, index: number): void {
    let state = 0
    for (let at = 0; at < word.length; at++) {
      const edge = state * CODES + word.charCodeAt(at)
      let target = this.edges.get(edge)
      if (target === undefined) {
        target = this.word.push(-1) - 1
        this.fails.push(0)
        this.outputs.push(0)
        this.edges.set(edge, target)
        if (state === 0) this.first[word.charCodeAt(at)] = target
        const level = (this.levels[at] ??= [])
        level.push(edge)
      }
      state = target
    }
    if (this.word[state] === -1) this.word[state] = index
  }

  /** Breadth first: what a state fails to is nearer to the first one than it is. */
  private link(): void {
    for (const edge of this.levels.slice(1).flat()) {
      const target = this.edges.get(edge)!
      const fail = this.next(this.fails[Math.floor(edge / CODES)]!, edge % CODES)
      this.fails[target] = fail
      this.outputs[target] = this.word[fail] === -1 ? this.outputs[fail]! : fail
    }
    this.levels.length = 0
  }
}
