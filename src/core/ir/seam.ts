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
  /** The thinking block that is open. */
  private thinking: number | undefined
  private begun = ''
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
    this.begun = beginning
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
        if (this.thinking === event.index) this.thinking = undefined
        return
      case 'finish':
        this.why ??= 'text was over'
        return
      default:
    }
  }

  /**
   * The next events belong to an answer that goes on from `beginning()`.
   * @param saysItAgain it begins with what it was given
   */
  next(saysItAgain = false): void {
    const { begun, open, opened, thinking, trimmed } = this
    const echo = new Echo(saysItAgain ? begun : '')
    this.part = new Part({ target: open, unclosed: thinking, offset: opened, trimmed, echo })
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
    else if (block.type === 'thinking') this.thinking = index
    else this.why ??= block.type === 'tool-use' ? 'tool call' : 'no plain text'
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

interface PartStart {
  /** The open text block of the answers before. */
  readonly target: number | undefined
  /** The open thinking block of the answers before. */
  readonly unclosed: number | undefined
  readonly offset: number
  readonly trimmed: string
  readonly echo: Echo
}

/** One answer that goes on, its events moved behind what there is. */
class Part {
  private readonly target: number | undefined
  private unclosed: number | undefined
  private readonly offset: number
  private readonly echo: Echo
  private repeated: string
  /** Index in this part of the text that continues the open block; of thinking that is left out. */
  private joined: number | undefined
  private readonly dropped = new Set<number>()

  constructor({ echo, offset, target, trimmed, unclosed }: PartStart) {
    this.target = target
    this.unclosed = unclosed
    this.offset = offset
    this.echo = echo
    this.repeated = trimmed
  }

  join(event: IrEvent): readonly IrEvent[] {
    const { unclosed } = this
    if (unclosed === undefined || (event.type !== 'block-start' && event.type !== 'finish')) {
      return this.joinedOf(event)
    }
    // What broke off while it was thinking goes on with something else.
    this.unclosed = undefined
    return [{ type: 'block-end', choice: 0, index: unclosed }, ...this.joinedOf(event)]
  }

  private joinedOf(event: IrEvent): readonly IrEvent[] {
    switch (event.type) {
      // The client has begun an answer already.
      case 'response-start':
        return []
      case 'block-start':
        return this.started(event)
      case 'text-delta': {
        const text = event.index === this.joined ? this.said(event.text) : event.text
        return text === '' ? [] : this.placed({ ...event, text })
      }
      case 'block-end':
        return event.index === this.joined ? this.ended(event) : this.placed(event)
      case 'thinking-delta':
      case 'seal-delta':
      case 'tool-input-delta':
      case 'citation':
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

  private said(text: string): string {
    return this.withoutRepeat(this.echo.without(text))
  }

  /** What looked like the beginning said again, and was not all of it, is this answer's own. */
  private ended(event: IrEvent & { type: 'block-end' }): readonly IrEvent[] {
    const text = this.withoutRepeat(this.echo.heldBack())
    if (text === '') return this.placed(event)
    const { choice, index } = event
    return [...this.placed({ type: 'text-delta', choice, index, text }), ...this.placed(event)]
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

/** The beginning that an answer was given, taken off it where it says it again. */
class Echo {
  private readonly expected: string
  /** Characters of it that were heard so far. */
  private heard = 0
  private over: boolean

  constructor(expected: string) {
    this.expected = expected
    this.over = expected === ''
  }

  /** The text but for what is said again; nothing as long as that cannot be told. */
  without(text: string): string {
    if (this.over) return text
    const { expected, heard } = this
    let same = 0
    while (same < text.length && text[same] === expected[heard + same]) same += 1
    this.heard += same
    if (this.heard === expected.length) this.over = true
    else if (same < text.length) return this.heldBack() + text.slice(same)
    return text.slice(same)
  }

  /** What was held back, where no more can follow. */
  heldBack(): string {
    if (this.over) return ''
    this.over = true
    return this.expected.slice(0, this.heard)
  }
}
