// One running text of a streamed answer: how much of it has come, how much is judged, what of it is replaced, and what may go to the client.
// Places are counted in the text as it came. It asks nobody: it cuts windows and takes what was found in them.

import { isSplit } from './findings.ts'

/** A place in the text as it came. */
export interface Found {
  readonly start: number
  readonly end: number
  readonly label: string
}

interface Change {
  readonly start: number
  readonly end: number
  readonly text: string
}

export class TextRun {
  /** Where the text ends that has come. */
  length = 0
  /** Up to here it may go to the client. */
  cleared = 0
  /** Up to here something was replaced. */
  changedTo = 0
  private readonly windowChars: number
  /** The text from `keptFrom` on. */
  private kept = ''
  private keptFrom = 0
  private emitted = 0
  private changes: Change[] = []

  /** @param windowChars longest finding of which no part may be sent */
  constructor(windowChars: number) {
    this.windowChars = windowChars
  }

  /** Where the text ends that went to the client. */
  get sent(): number {
    return this.emitted
  }

  add(text: string): void {
    this.kept += text
    this.length += text.length
  }

  /** Enough has come since it was judged that judging sets something free. */
  isDue(stepChars: number): boolean {
    return this.length - this.cleared >= this.windowChars + stepChars
  }

  get isJudged(): boolean {
    return this.cleared === this.length
  }

  /** What is to be judged now: everything that is not, and before it as much as a finding may reach back. */
  window(): { readonly text: string; readonly from: number } {
    let from = Math.max(this.keptFrom, this.cleared - this.windowChars)
    if (isSplit(this.kept, from - this.keptFrom)) from -= 1
    return { text: this.kept.slice(from - this.keptFrom), from }
  }

  /**
   * Those of the findings that count: ones that lie in what is judged already were judged there. The ones that touch the end may go on, and
   * are not known before more has come.
   * @param isFinal nothing more comes
   */
  sift(
    found: readonly Found[],
    isFinal: boolean,
  ): { readonly certain: Found[]; readonly open: number } {
    const certain: Found[] = []
    let open = Infinity
    for (const one of found) {
      if (one.end <= this.cleared || one.end <= one.start) continue
      const goesOn = one.end >= this.length && one.end - one.start <= this.windowChars
      if (goesOn && !isFinal) open = Math.min(open, one.start)
      else certain.push(one)
    }
    return { certain, open }
  }

  /**
   * The window is judged: what no finding can reach any more is set free, with these replaced.
   * @param replaced in order, without overlap
   * @param open where the first finding begins that may go on
   */
  clear(
    replaced: readonly Found[],
    open: number,
    isFinal: boolean,
    textFor: (value: string, label: string) => string,
  ): void {
    let to = isFinal ? this.length : this.length - this.windowChars + 1
    to = Math.min(to, open)
    for (const { end, label, start } of replaced) {
      const from = Math.max(start, this.cleared)
      // What begins later is found again, with more behind it.
      if (from >= to) break
      this.changedTo = end
      this.changes.push({ start: from, end, text: textFor(this.slice(from, end), label) })
      to = Math.max(to, end)
    }
    if (isSplit(this.kept, to - this.keptFrom)) to -= 1
    if (to > this.cleared) this.cleared = to
  }

  /** The text up to a place, for the client; the places before it are forgotten, but for what windows look back on. */
  take(to: number): string {
    let text = ''
    while (this.emitted < to) {
      const change = this.changes[0]
      if (change === undefined || change.start >= to) {
        text += this.slice(this.emitted, to)
        this.emitted = to
      } else if (this.emitted < change.start) {
        text += this.slice(this.emitted, change.start)
        this.emitted = change.start
      } else {
        if (this.emitted === change.start) text += change.text
        this.emitted = Math.min(change.end, to)
        if (this.emitted === change.end) this.changes.shift()
      }
    }
    this.forget()
    return text
  }

  private slice(from: number, to: number): string {
    return this.kept.slice(from - this.keptFrom, to - this.keptFrom)
  }

  private forget(): void {
    const needed = Math.min(this.emitted, this.cleared - this.windowChars) - 1
    // Cut in larger pieces: each cut copies what stays.
    if (needed - this.keptFrom < this.windowChars) return
    this.kept = this.kept.slice(needed - this.keptFrom)
    this.keptFrom = needed
  }
}

/** Findings in order, those that overlap as one. The label is that of the longest. */
export function mergedFindings(found: readonly Found[]): Found[] {
  const merged: { start: number; end: number; label: string; longest: number }[] = []
  for (const { end, label, start } of found.toSorted(
    (a, b) => a.start - b.start || b.end - a.end,
  )) {
    const last = merged.at(-1)
    if (last === undefined || start >= last.end) {
      merged.push({ start, end, label, longest: end - start })
      continue
    }
    if (end - start > last.longest) {
      last.label = label
      last.longest = end - start
    }
    last.end = Math.max(last.end, end)
  }
  return merged
}
