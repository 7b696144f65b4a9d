// Where one answer broke off and another goes on: what was said so far is kept, and the events of the second answer are put behind it
// as if it had been one. Pure. It asks nobody, and it refuses what would not be one answer in the end: calls of tools, several
// choices, anything but plain text at the end.

import type { IrEvent } from './event.ts'

/** Why an answer cannot be gone on with; for the log. */
export type Unseamable =
  'tool call' | 'several choices' | 'no plain text' | 'text was over' | 'too long'

/** Follows a first answer, and joins the following ones to it. */
export class Seam {
  private readonly charsMax: number
  private readonly pieces: string[] = []
  private chars = 0
  private why: Unseamable | undefined
  /** Blocks opened so far, all answers together. */
  private opened = 0
  /** The text block that is open. */
  private open: number | undefined
  /** Text that the next answer repeats, as it was cut off what it was given. */
  private trimmed = ''
  private part: Part | undefined

  constructor(charsMax: number) {
    this.charsMax = charsMax
  }

  /** Undefined as long as the answer can be gone on with. */
  get unseamable(): Unseamable | undefined {
    return this.why
  }

  /** What has been said, without spaces at its end: providers refuse a beginning that ends in one. */
  beginning(): string {
    const text = this.pieces.join('')
    const beginning = text.trimEnd()
    this.trimmed = text.slice(beginning.length)
    return beginning
  }

  /** Sees an event of the answer as the client gets it. */
  watch(event: IrEvent): void {
    switch (event.type) {
      case 'block-start':
        return this.started(event)
      case 'text-delta':
        return this.said(event.text)
      case 'block-end':
        if (this.open === event.index) this.close()
        return
      case 'finish':
        this.why ??= 'text was over'
        return
      default:
    }
  }

  /** The next events belong to an answer that goes on from `beginning()`. */
  next(): void {
    this.part = new Part(this.open, this.opened, this.trimmed)
  }

  /** The events of the answer that goes on, as they follow on what the client has. */
  join(event: IrEvent): readonly IrEvent[] {
    if (this.part === undefined) {
      this.watch(event)
      return [event]
    }
    const events = this.part.join(event)
    for (const one of events) this.watch(one)
    return events
  }

  private started({ block, choice, index }: IrEvent & { type: 'block-start' }): void {
    if (choice !== 0) this.why ??= 'several choices'
    this.opened = Math.max(this.opened, index + 1)
    if (block.type === 'text') this.open = index
    else if (block.type !== 'thinking')
      this.why ??= block.type === 'tool-use' ? 'tool call' : 'no plain text'
  }

  private said(text: string): void {
    this.chars += text.length
    if (this.chars <= this.charsMax) this.pieces.push(text)
    else if (this.why === undefined) {
      this.why = 'too long'
      this.pieces.length = 0
    }
  }

  private close(): void {
    this.open = undefined
    // What comes after a text that is over need not be text; only a proper end may follow.
    if (this.chars > 0) this.why ??= 'text was over'
  }
}

/** One answer that goes on, its events moved behind what there is. */
class Part {
  /** The open text block of the answers before. */
  private readonly target: number | undefined
  private readonly offset: number
  private repeated: string
  /** Index in this part of the text that continues the open block; of thinking that is left out. */
  private joined: number | undefined
  private readonly dropped = new Set<number>()

  constructor(target: number | undefined, opened: number, repeated: string) {
    this.target = target
    this.offset = opened
    this.repeated = repeated
  }

  join(event: IrEvent): readonly IrEvent[] {
    switch (event.type) {
      // The client has begun an answer already.
      case 'response-start':
        return []
      case 'block-start':
        return this.started(event)
      case 'text-delta': {
        const text = event.index === this.joined ? this.withoutRepeat(event.text) : event.text
        return text === '' ? [] : this.placed({ ...event, text })
      }
      case 'thinking-delta':
      case 'seal-delta':
      case 'tool-input-delta':
      case 'citation':
      case 'block-end':
        return this.placed(event)
      case 'finish':
        // The text goes on until here, even where this answer had none to add.
        return this.target !== undefined && this.joined === undefined
          ? [{ type: 'block-end', choice: 0, index: this.target }, event]
          : [event]
      default:
        return [event]
    }
  }

  private started(event: IrEvent & { type: 'block-start' }): readonly IrEvent[] {
    const { block, index } = event
    if (this.target !== undefined && this.joined === undefined) {
      if (block.type === 'text') {
        this.joined = index
        return []
      }
      // Thinking about how to go on is not part of what was said; nothing can stand inside an open text.
      if (block.type === 'thinking') {
        this.dropped.add(index)
        return []
      }
      this.joined = -1
      return [{ type: 'block-end', choice: 0, index: this.target }, ...this.placed(event)]
    }
    return this.placed(event)
  }

  private placed<E extends IrEvent & { index: number }>(event: E): readonly E[] {
    if (this.dropped.has(event.index)) return []
    if (event.index === this.joined && this.target !== undefined) {
      return [{ ...event, index: this.target }]
    }
    return [{ ...event, index: this.indexOf(event.index) }]
  }

  /** Blocks of this part stand behind those there are; joined and dropped ones leave no gap. */
  private indexOf(index: number): number {
    let before = 0
    for (const gone of this.dropped) if (gone < index) before += 1
    if (this.joined !== undefined && this.joined >= 0 && this.joined < index) before += 1
    return this.offset + index - before
  }

  private withoutRepeat(text: string): string {
    if (this.repeated === '') return text
    let same = 0
    while (same < this.repeated.length && text[same] === this.repeated[same]) same += 1
    // It went on with other spaces, or had fewer to give: what it says itself stands.
    this.repeated = same === text.length ? this.repeated.slice(same) : ''
    return text.slice(same)
  }
}
