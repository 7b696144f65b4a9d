// What lies between a request that has ended and the sinks that keep it: takes out what must not be kept and packs bodies, off the request's
// way and one request at a time. It is bounded: what there is no room for is kept without its bodies, never a row lost for them.

import type {
  Bodies,
  ContentPolicy,
  Redaction,
  Redactor,
  RedactorFactory,
} from '../core/content.ts'
import { LIMITS } from '../core/limits.ts'
import type { Outcome, OutcomeSink } from '../core/outcome.ts'
import type { Logger } from '../core/ports.ts'
import { redactBodies } from '../core/redact-body.ts'
import { describeFailure } from './errors.ts'
import { bodyChars, hasBodies, withoutBodies } from './log-row.ts'
import { packBodies } from './packed-bodies.ts'

export interface ContentStageOptions {
  readonly redactor: RedactorFactory
  /** Does the same to bodies that take long, where nobody waits for them. */
  redactLarge(bodies: Bodies, redact: readonly Redaction[]): Promise<Bodies>
  readonly logger: Logger
  /** Where rows go. */
  readonly log: OutcomeSink
  /** Whatever else is told of requests; it gets bodies in clear, without what must not be kept. */
  readonly others: OutcomeSink
  /** Where packed bodies of that many bytes are to lie outside of the store; undefined: in the store. */
  objectKeyFor(outcome: Outcome, bytes: number): string | undefined
}

export interface ContentStageCounters {
  readonly waiting: number
  /** Rows kept without their bodies, as there was no room. */
  readonly withoutBodies: number
  /** Rows kept without their bodies, as these could not be made ready. */
  readonly failed: number
}

interface Waiting {
  readonly outcome: Outcome
  readonly redact: readonly Redaction[]
  readonly chars: number
}

export class ContentStage {
  private readonly options: ContentStageOptions
  private readonly queue: Waiting[] = []
  private readonly redactors = new Map<string, Redactor>()
  private chars = 0
  private working: Promise<void> | undefined
  private isStopped = false
  private withoutBodies = 0
  private failed = 0

  constructor(options: ContentStageOptions) {
    this.options = options
  }

  get counters(): ContentStageCounters {
    return { waiting: this.queue.length, withoutBodies: this.withoutBodies, failed: this.failed }
  }

  /** Takes an outcome in with the policy it is kept by; returns at once and never throws. */
  record(outcome: Outcome, { redact }: Pick<ContentPolicy, 'redact'>): void {
    const told = redact.length === 0 ? outcome : this.withoutErrors(outcome, redact)
    if (!hasBodies(told)) return this.pass(told, told)
    const chars = bodyChars(told)
    const { contentQueueCharsMax, contentQueueRowsMax } = LIMITS
    const isFull =
      this.isStopped ||
      this.queue.length >= contentQueueRowsMax ||
      this.chars + chars > contentQueueCharsMax
    if (isFull) {
      this.withoutBodies += 1
      const bare = withoutBodies(told)
      return this.pass(bare, bare)
    }
    this.queue.push({ outcome: told, redact, chars })
    this.chars += chars
    this.working ??= this.work()
  }

  /** Waits until what is there has gone on. */
  async flush(): Promise<void> {
    await this.working
  }

  /** Lets what is there go on; what comes later goes on without bodies. */
  async stop(): Promise<void> {
    this.isStopped = true
    await this.working
  }

  private pass(row: Outcome, told: Outcome): void {
    this.options.others.record(told)
    this.options.log.record(row)
  }

  private async work(): Promise<void> {
    while (this.queue.length > 0) {
      // The request that has just ended is answered first.
      await new Promise((resolve) => setImmediate(resolve))
      const next = this.queue.shift()
      if (next === undefined) break
      this.chars -= next.chars
      await this.makeReady(next)
    }
    this.working = undefined
  }

  private async makeReady(waiting: Waiting): Promise<void> {
    const { outcome } = waiting
    try {
      const told = waiting.redact.length === 0 ? outcome : await this.redacted(waiting)
      const packed = await packBodies(told)
      const objectKey = this.options.objectKeyFor(outcome, packed.length)
      const row = {
        ...withoutBodies(told),
        packedBodies: packed,
        ...(objectKey === undefined ? {} : { objectKey }),
      }
      this.pass(row, told)
    } catch (error) {
      this.failed += 1
      this.options.logger.error('Bodies could not be made ready for the request log.', {
        reason: describeFailure(error),
      })
      const bare = withoutBodies(outcome)
      this.pass(bare, bare)
    }
  }

  private async redacted({ chars, outcome, redact }: Waiting): Promise<Outcome> {
    const { providerRequestBody, providerResponseBody, requestBody, responseBody } = outcome
    const bodies = {
      ...(requestBody === undefined ? {} : { requestBody }),
      ...(responseBody === undefined ? {} : { responseBody }),
      ...(providerRequestBody === undefined ? {} : { providerRequestBody }),
      ...(providerResponseBody === undefined ? {} : { providerResponseBody }),
    }
    const isLarge = chars > LIMITS.contentRedactInlineChars
    const next = isLarge
      ? await this.options.redactLarge(bodies, redact)
      : redactBodies(bodies, this.redactorFor(redact))
    return { ...outcome, ...next }
  }

  private withoutErrors(outcome: Outcome, redact: readonly Redaction[]): Outcome {
    const { errorText } = outcome
    if (errorText === undefined) return outcome
    try {
      const text = this.redactorFor(redact)(errorText)
      return text === errorText ? outcome : { ...outcome, errorText: text }
    } catch (error) {
      this.failed += 1
      const reason = describeFailure(error)
      this.options.logger.error('The text of an error could not be looked through.', { reason })
      const { errorText: _errorText, ...bare } = outcome
      return bare
    }
  }

  private redactorFor(redact: readonly Redaction[]): Redactor {
    const name = redact.join(' ')
    let redactor = this.redactors.get(name)
    if (redactor === undefined) {
      if (this.redactors.size >= LIMITS.holdsMax) this.redactors.clear()
      redactor = this.options.redactor(redact)
      this.redactors.set(name, redactor)
    }
    return redactor
  }
}
