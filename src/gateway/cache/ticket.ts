// One request that may leave an answer in the cache: it sees what the provider answers, whole or streaming, beside the client, and keeps it
// when the request's record is settled, as only then its cost is known. It never holds an answer up, and whatever is odd is not kept.

import type { CachedAnswer } from '../../core/answer-cache.ts'
import type { GatewayError } from '../../core/error.ts'
import { Collector } from '../../core/ir/collect.ts'
import type { EmbeddingResponse } from '../../core/ir/embedding.ts'
import type { IrEvent } from '../../core/ir/event.ts'
import type { Loss } from '../../core/ir/loss.ts'
import type { ChatResponse } from '../../core/ir/response.ts'
import type { StreamDecoder } from '../../dialects/dialect.ts'
import { createFramer, type Framer } from '../../dialects/sse.ts'
import type { Answer } from '../attempt.ts'
import { upstreamChatCodec, upstreamEmbeddingCodec, type TargetPlan } from '../plan.ts'
import type { Pump } from '../pump.ts'
import type { RequestRecord } from '../record.ts'
import { isKeepable, nameless, writeEntry } from './entry.ts'
import { FollowingPump } from './following-pump.ts'

/** What a ticket needs to know and do. */
export interface TicketOffice {
  readonly entryBytesMax: number
  readonly toolCalls: boolean
  /** An answer of this model alone is kept: one that another model gave in its place is second best. */
  readonly modelId: string
  /** Keeps an answer. @returns what was kept; undefined where the time for it is over */
  keep(value: string): CachedAnswer | undefined
  /** The request is over. */
  over(answer: CachedAnswer | undefined): void
  /** Something could not be followed. */
  odd(error: unknown): void
}

export class CacheTicket {
  private readonly office: TicketOffice
  private readonly record: RequestRecord
  private losses: readonly Loss[] = []
  private chat: (() => ChatResponse | undefined) | undefined
  private embedding: (() => EmbeddingResponse) | undefined

  constructor(office: TicketOffice, record: RequestRecord) {
    this.office = office
    this.record = record
    record.atSettled((error) => this.settled(error))
  }

  /** A whole answer of a provider, as it came. */
  whole(answer: Answer & { kind: 'whole' }): void {
    const { body, chat, embedding, plan } = answer
    this.losses = this.record.lossList()
    if (embedding !== undefined) this.embedding = () => embedding
    else if (chat !== undefined) this.chat = () => chat
    else if (body === undefined) return
    else if (plan.operation === 'embedding') {
      this.embedding = () => upstreamEmbeddingCodec(plan).decodeResponse(body)
    } else this.chat = () => upstreamChatCodec(plan).decodeResponse(body)
  }

  /** A streamed one: the pump that goes in place of the one given. */
  stream(plan: TargetPlan, pump: Pump): Pump {
    this.losses = this.record.lossList()
    const follower = new StreamFollower(plan, this.office)
    this.chat = () => follower.response()
    return new FollowingPump(pump, follower)
  }

  private settled(error: GatewayError | undefined): void {
    const answer = error === undefined && !this.isSecondBest() ? this.kept() : undefined
    this.office.over(answer)
  }

  private isSecondBest(): boolean {
    const { answering } = this.record
    return answering !== undefined && answering.id !== this.office.modelId
  }

  private kept(): CachedAnswer | undefined {
    const { entryBytesMax, toolCalls } = this.office
    try {
      const chat = this.chat?.()
      const embedding = this.embedding?.()
      if (chat === undefined && embedding === undefined) return undefined
      if (chat !== undefined && !isKeepable(chat, toolCalls)) return undefined
      const costNanoUsd = this.record.costNanoUsd()
      const value = writeEntry({
        ...(chat === undefined ? {} : { chat: nameless(chat) }),
        ...(embedding === undefined ? {} : { embedding: nameless(embedding) }),
        ...(costNanoUsd === undefined ? {} : { costNanoUsd }),
        losses: this.losses,
      })
      return Buffer.byteLength(value) > entryBytesMax ? undefined : this.office.keep(value)
    } catch (error) {
      // A relayed answer goes to its client whether or not it can be read here.
      this.office.odd(error)
      return undefined
    }
  }
}

/** Folds a stream of the provider's bytes into an answer, as long as it stays small enough to be kept. */
class StreamFollower {
  private readonly office: TicketOffice
  private readonly framer: Framer
  private readonly decoder: StreamDecoder
  private collector: Collector | undefined = new Collector()
  private chars = 0
  private isProper = false

  constructor(plan: TargetPlan, office: TicketOffice) {
    this.office = office
    this.framer = createFramer(plan.upstream.framing)
    this.decoder = upstreamChatCodec(plan).createStreamDecoder()
  }

  push(chunk: Uint8Array): void {
    if (this.collector === undefined) return
    try {
      for (const frame of this.framer.push(chunk)) this.see(this.decoder.push(frame))
    } catch (error) {
      this.giveUp()
      this.office.odd(error)
    }
  }

  /** What comes from now on is another's, or nobody's. */
  giveUp(): void {
    this.collector = undefined
  }

  /** The stream is over. @param proper by its own terms, and passed on whole */
  end(proper: boolean): void {
    this.isProper = proper
    if (!proper) this.giveUp()
  }

  /** Undefined for what broke off, failed or was too long. */
  response(): ChatResponse | undefined {
    if (this.collector === undefined || !this.isProper) return undefined
    for (const frame of this.framer.end()) this.see(this.decoder.push(frame))
    this.see(this.decoder.end())
    const result = this.collector?.result()
    return result === undefined || result.error !== undefined ? undefined : result.response
  }

  private see(events: readonly IrEvent[]): void {
    for (const event of events) {
      this.chars += charsOf(event)
      if (this.chars > this.office.entryBytesMax) return this.giveUp()
      this.collector?.push(event)
    }
  }
}

/** At the least, as they are kept. Deltas are nearly all there is, and are not written down twice for it. */
function charsOf(event: IrEvent): number {
  switch (event.type) {
    case 'text-delta':
    case 'thinking-delta':
    case 'tool-input-delta':
      return event.text.length
    case 'block-end':
    case 'finish':
    case 'usage':
    case 'response-start':
    case 'error':
      return 0
    default:
      return JSON.stringify(event).length
  }
}
