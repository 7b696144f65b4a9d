// A translated stream under rules: its events are judged before they are said in the client's words, so a chunk is taken now and its bytes
// come later. A rule that blocks ends the answer here, as filtered and without an error; a check that fails ends it with one.

import { GatewayError } from '../../core/error.ts'
import type { IrEvent } from '../../core/ir/event.ts'
import type { StreamEncoder } from '../../dialects/dialect.ts'
import type { ResponseKeeper } from '../kept-responses.ts'
import type { Later, Pump, Rest } from '../pump.ts'
import type { RequestRecord } from '../record.ts'
import { TranslatePump, type TranslateOptions } from '../translate-pump.ts'
import type { RequestGuard } from './request-guard.ts'
import { EventRestorer, StreamFilter } from './stream-filter.ts'
import { AnswerBlocked } from './window-stage.ts'

const textEncoder = new TextEncoder()

export interface GuardedOptions extends TranslateOptions {
  readonly guard: RequestGuard
  /** Says the answer a second time, with its placeholders, for what is kept; present only where that is something else. */
  readonly shadow?: StreamEncoder | undefined
  /** The provider holds the answer itself: what was changed of it is not the client's to fetch. */
  readonly heldByProvider: boolean
}

/** Takes the events that would be encoded. */
class Collecting implements StreamEncoder {
  events: IrEvent[] = []
  hasEnded = false

  push(event: IrEvent): string {
    this.events.push(event)
    return ''
  }

  end(): string {
    this.hasEnded = true
    return ''
  }

  losses(): readonly [] {
    return []
  }

  take(): IrEvent[] {
    const { events } = this
    this.events = []
    return events
  }
}

/** What of an answer the client has got, so that it can be ended properly at any moment. */
class Given {
  private hasStarted = false
  private readonly open = new Map<string, IrEvent & { type: 'block-end' }>()
  private readonly finished = new Map<number, boolean>()

  /** The answer has such a choice, of which the client may not have heard. */
  expect(choice: number): void {
    if (!this.finished.has(choice)) this.finished.set(choice, false)
  }

  see(event: IrEvent): void {
    if (event.type === 'response-start') this.hasStarted = true
    if (event.type === 'block-start' || event.type === 'block-end') {
      const { choice, index } = event
      const key = `${choice} ${index}`
      if (event.type === 'block-end') this.open.delete(key)
      else this.open.set(key, { type: 'block-end', choice, index })
    }
    if (event.type === 'finish') this.finished.set(event.choice, true)
  }

  /** What is missing to an answer that was filtered. */
  rest(model: string, id: string): IrEvent[] {
    const events: IrEvent[] = this.hasStarted ? [] : [{ type: 'response-start', id, model }]
    events.push(...this.open.values())
    if (this.finished.size === 0) this.finished.set(0, false)
    for (const [choice, isFinished] of this.finished) {
      if (!isFinished)
        events.push({ type: 'finish', choice, finish: { unified: 'content-filter' } })
    }
    return events
  }
}

export class GuardedPump implements Pump {
  readonly later: Later
  cutShort = false
  private readonly options: GuardedOptions
  private readonly inner: TranslatePump
  private readonly collecting = new Collecting()
  private readonly filter: StreamFilter
  private readonly given = new Given()
  private readonly restorer: EventRestorer | undefined
  private readonly encoder: StreamEncoder
  private readonly record: RequestRecord
  private readonly responses: ResponseKeeper | undefined
  private hasEnded = false
  private endText: string | undefined

  constructor(options: GuardedOptions) {
    const { guard, responses, ...rest } = options
    this.options = options
    this.encoder = options.encoder
    this.record = options.record
    this.responses = responses
    this.filter = new StreamFilter(guard)
    this.restorer = guard.restores ? new EventRestorer(guard.masking!) : undefined
    this.inner = new TranslatePump({ ...rest, encoder: this.collecting })
    this.later = {
      push: (chunk) => this.through(() => this.inner.push(chunk)),
      end: () => this.ended(),
    }
  }

  get complete(): boolean {
    return this.hasEnded
  }

  get failed(): GatewayError | undefined {
    return this.inner.failed
  }

  get broken(): GatewayError | undefined {
    return this.inner.broken
  }

  push(): never {
    throw new Error('this stream is judged: it is asked later')
  }

  end(): never {
    throw new Error('this stream is judged: it is asked later')
  }

  goOn(error: GatewayError): Promise<Rest | undefined> | undefined {
    return this.hasEnded || this.cutShort ? undefined : this.inner.goOn(error)
  }

  fail(error: GatewayError): Uint8Array | undefined {
    return this.hasEnded ? undefined : this.inner.fail(error)
  }

  keepalive(): Uint8Array | undefined {
    return this.inner.keepalive()
  }

  /** What is held back the client has not got. */
  finished(): boolean {
    return this.hasEnded && this.inner.finished()
  }

  conclude(aborted: boolean): void {
    // It was, when the answer was cut.
    if (this.cutShort) return
    this.inner.conclude(aborted || this.isChanged)
    this.record.addLosses([...this.encoder.losses(), ...this.options.guard.losses()])
    if (aborted || this.failed !== undefined || this.endText === undefined) return
    if (this.isChanged && this.options.heldByProvider) return
    this.responses?.translatedEnd(this.endText)
  }

  /** Something of the answer was replaced for good. */
  private get isChanged(): boolean {
    return this.options.guard.hasMasked('output')
  }

  private async ended(): Promise<{ bytes?: Uint8Array; error?: GatewayError }> {
    let error: GatewayError | undefined
    const bytes = await this.through(() => {
      error = this.inner.end().error
    })
    return {
      ...(bytes === undefined ? {} : { bytes }),
      ...(error === undefined || this.cutShort ? {} : { error }),
    }
  }

  /** Lets the upstream's events into the rules, and says what comes out of them. */
  private async through(take: () => unknown): Promise<Uint8Array | undefined> {
    let text = ''
    try {
      take()
      const events = this.collecting.take()
      for (const event of events) if ('choice' in event) this.given.expect(event.choice)
      text += this.said(await this.filter.push(events))
      const isOver = this.collecting.hasEnded && this.failed === undefined
      if (isOver && !this.hasEnded) {
        text += this.said(await this.filter.end())
        text += this.close()
      }
    } catch (error) {
      if (error instanceof AnswerBlocked) text += this.blocked()
      else if (error instanceof GatewayError && error.kind === 'guardrail_unavailable') {
        return this.inner.fail(error)
      } else throw error
    }
    return text === '' ? undefined : textEncoder.encode(text)
  }

  private said(events: readonly IrEvent[]): string {
    let text = ''
    for (const event of events) {
      this.options.shadow?.push(event)
      for (const one of this.restorer?.restored(event) ?? [event]) {
        this.given.see(one)
        text += this.encoder.push(one)
      }
    }
    return text
  }

  private close(): string {
    this.hasEnded = true
    const end = this.encoder.end()
    this.endText = this.options.shadow?.end() ?? end
    return end
  }

  /** The answer ends here: what was used is counted, what the client has is ended as filtered. */
  private blocked(): string {
    const { record } = this
    this.cutShort = true
    this.inner.conclude(true)
    record.setFinish('content_filter')
    let text = this.said(this.given.rest(this.options.model, this.options.answerId ?? ''))
    const usage = record.usageSoFar
    if (usage !== undefined) text += this.said([{ type: 'usage', usage }])
    text += this.encoder.end()
    record.addLosses(this.encoder.losses())
    this.hasEnded = true
    return text
  }
}
