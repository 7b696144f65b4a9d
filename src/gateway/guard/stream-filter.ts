// The way of a streamed answer's events through the rules: windows where pieces can be judged, all of it held where a rule needs the whole,
// and then placeholders put back. What comes out is what the client may see, in its order.

import type { Guard, GuardCheckKind } from '../../core/guardrail.ts'
import { Collector } from '../../core/ir/collect.ts'
import type { IrEvent } from '../../core/ir/event.ts'
import { replay } from '../../core/ir/replay.ts'
import type { JsonValue } from '../../core/json.ts'
import { rewriteValue } from '../../core/json-strings.ts'
import { LIMITS } from '../../core/limits.ts'
import { restoredString } from './edits.ts'
import { judgeResponse } from './output.ts'
import type { Masking, TextRestorer } from './ports.ts'
import type { RequestGuard } from './request-guard.ts'
import { isStructural } from './texts.ts'
import { AnswerBlocked, isHolding, WindowStage, type Stage } from './window-stage.ts'

/** All stages one behind the other. */
export class StreamFilter {
  private readonly stages: readonly Stage[]

  constructor(guard: RequestGuard) {
    this.stages = stagesOf(guard)
  }

  /** The events that may go on now. @throws AnswerBlocked; GatewayError as the stages do */
  async push(events: readonly IrEvent[]): Promise<readonly IrEvent[]> {
    let current = events
    for (const stage of this.stages) {
      const next: IrEvent[] = []
      for (const event of current) for (const one of await stage.push(event)) next.push(one)
      current = next
    }
    return current
  }

  /** The rest, once the stream has come to its proper end. */
  async end(): Promise<readonly IrEvent[]> {
    let rest: readonly IrEvent[] = []
    for (const stage of this.stages) {
      const next: IrEvent[] = []
      for (const event of rest) for (const one of await stage.push(event)) next.push(one)
      for (const one of await stage.end()) next.push(one)
      rest = next
    }
    return rest
  }
}

function stagesOf(guard: RequestGuard): Stage[] {
  const rules = guard.at('output')
  const stages: Stage[] = []
  if (rules.some((one) => needsWhole(one) && isHolding(one))) {
    stages.push(new WholeStage(guard, rules))
  } else {
    const pieces = rules.filter(({ sees }) => sees === 'piece')
    const wholes = rules.filter(({ sees }) => sees === 'whole')
    for (const group of groupsOf(pieces)) stages.push(new WindowStage(guard, group))
    if (wholes.length > 0) stages.push(new LookingStage(guard, wholes))
  }
  return stages
}

/** Whether a rule has to see all of an answer: by its check, or as one that writes texts anew cannot do so in windows. */
function needsWhole({ rule, sees }: Guard): boolean {
  return sees === 'whole' || (rule.mode === 'mask' && REWRITING.has(rule.check))
}

const REWRITING: ReadonlySet<GuardCheckKind> = new Set<GuardCheckKind>(['nemo', 'webhook'])

/** A rule that masks ends its group: the next ones see what it has left. */
function groupsOf(rules: readonly Guard[]): Guard[][] {
  const groups: Guard[][] = []
  let open: Guard[] | undefined
  for (const one of rules) {
    if (open === undefined) groups.push((open = []))
    open.push(one)
    if (one.rule.mode === 'mask') open = undefined
  }
  return groups
}

/** Holds everything until it is whole. */
class WholeStage implements Stage {
  private readonly guard: RequestGuard
  private readonly rules: readonly Guard[]
  private readonly collector = new Collector()
  private held: IrEvent[] = []
  private chars = 0

  constructor(guard: RequestGuard, rules: readonly Guard[]) {
    this.guard = guard
    this.rules = rules
  }

  push(event: IrEvent): Promise<readonly IrEvent[]> {
    if (event.type === 'error') {
      this.held = []
      return Promise.resolve([event])
    }
    this.chars += sizeOf(event)
    if (this.chars > LIMITS.guardHeldCharsMax) {
      this.guard.note(this.rules.find(isHolding)!, 'output', 'blocked', ['too-long'])
      throw new AnswerBlocked()
    }
    this.collector.push(event)
    this.held.push(event)
    return Promise.resolve([])
  }

  async end(): Promise<readonly IrEvent[]> {
    const { error, response } = this.collector.result()
    if (error !== undefined) return []
    const { became, response: judged } = await judgeResponse(this.guard, this.rules, response)
    if (became === 'blocked') throw new AnswerBlocked()
    return became === 'same' ? this.held : replay(judged)
  }
}

/** Looks on, and asks about the whole when it is there. */
class LookingStage implements Stage {
  private readonly guard: RequestGuard
  private readonly rules: readonly Guard[]
  private collector: Collector | undefined = new Collector()
  private chars = 0

  constructor(guard: RequestGuard, rules: readonly Guard[]) {
    this.guard = guard
    this.rules = rules
  }

  push(event: IrEvent): Promise<readonly IrEvent[]> {
    this.chars += sizeOf(event)
    if (this.chars > LIMITS.guardHeldCharsMax) this.collector = undefined
    this.collector?.push(event)
    return Promise.resolve([event])
  }

  async end(): Promise<readonly IrEvent[]> {
    const collected = this.collector?.result()
    if (collected !== undefined && collected.error === undefined) {
      await judgeResponse(this.guard, this.rules, collected.response)
    }
    return []
  }
}

function sizeOf(event: IrEvent): number {
  switch (event.type) {
    case 'text-delta':
    case 'thinking-delta':
    case 'tool-input-delta':
      return event.text.length
    case 'logprobs':
      return event.tokens.length * LOGPROB_CHARS
    case 'block-start':
      return event.block.type === 'image' || event.block.type === 'audio' ? 0 : BLOCK_CHARS
    default:
      return 0
  }
}

/** About what one of them takes. */
const LOGPROB_CHARS = 100
const BLOCK_CHARS = 100

/** Puts placeholders back in events, across the borders of pieces too. */
export class EventRestorer {
  private readonly masking: Masking
  private readonly restorers = new Map<string, { restorer: TextRestorer; type: Delta }>()

  constructor(masking: Masking) {
    this.masking = masking
  }

  restored(event: IrEvent): readonly IrEvent[] {
    switch (event.type) {
      case 'text-delta':
      case 'thinking-delta':
      case 'tool-input-delta': {
        const text = this.restorer(event).push(event.text)
        return text === '' ? [] : [{ ...event, text }]
      }
      case 'block-start':
        return event.block.type === 'text' || event.block.type === 'tool-use'
          ? [event]
          : [{ ...event, block: this.value(event.block) }]
      case 'block-end': {
        const { choice, index } = event
        const key = `${choice} ${index}`
        const open = this.restorers.get(key)
        this.restorers.delete(key)
        const text = open?.restorer.end() ?? ''
        return open === undefined || text === ''
          ? [event]
          : [{ type: open.type, choice, index, text }, event]
      }
      case 'citation':
        return [{ ...event, citation: this.value(event.citation) }]
      case 'extras':
      case 'choice-extras':
        return [{ ...event, extras: this.value(event.extras) }]
      default:
        return [event]
    }
  }

  private restorer({ choice, index, type }: { choice: number; index: number; type: Delta }) {
    const key = `${choice} ${index}`
    let open = this.restorers.get(key)
    if (open === undefined) {
      const restorer = this.masking.restorer(type === 'tool-input-delta' ? 'json' : 'text')
      this.restorers.set(key, (open = { restorer, type }))
    }
    return open.restorer
  }

  private value<T>(value: T): T {
    return rewriteValue(value as JsonValue, (text, key) =>
      isStructural(key, text) ? text : restoredString(text, this.masking),
    ) as T
  }
}

type Delta = 'text-delta' | 'thinking-delta' | 'tool-input-delta'
