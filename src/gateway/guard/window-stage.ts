// Some rules over a streamed answer: text is held back until no finding can begin in it, everything else keeps its place behind the text
// before it. Arguments of calls are held until they are whole, as nobody can use half of them. What is not yet judged is never passed on.

import type { Guard, GuardText } from '../../core/guardrail.ts'
import type { IrEvent } from '../../core/ir/event.ts'
import type { AudioBlock, Block } from '../../core/ir/request.ts'
import type { JsonValue } from '../../core/json.ts'
import { LIMITS } from '../../core/limits.ts'
import { remains } from './input.ts'
import { isSound, isWordless } from './output.ts'
import type { RequestGuard } from './request-guard.ts'
import { mergedFindings, TextRun, type Found } from './text-run.ts'
import { calledBy, toolInputTexts, valueTexts, type TextPart } from './texts.ts'

/** A rule has ended the answer. Thrown through the stages of a stream, and caught where the stream ends. */
export class AnswerBlocked extends Error {}

/** A part of a stream's way: takes its events one by one, and gives those that may go on. */
export interface Stage {
  /** @throws AnswerBlocked; GatewayError `guardrail_unavailable`, `client_closed` */
  push(event: IrEvent): Promise<readonly IrEvent[]>
  /** The stream has come to its proper end. */
  end(): Promise<readonly IrEvent[]>
}

type TextKind = 'text' | 'thinking' | 'refusal'

/** Text on its way, in its place among what else is. */
interface TextEntry {
  readonly run: TextRun
  readonly type: 'text-delta' | 'thinking-delta'
  readonly choice: number
  readonly index: number
  to: number
}

/** Arguments of a call on their way. */
interface ToolEntry {
  readonly choice: number
  readonly index: number
  readonly pieces: string[]
  /** What goes on of them, once they are whole and judged. */
  whole: string | undefined
}

type Entry = TextEntry | ToolEntry | { readonly event: IrEvent }

interface OpenBlock {
  /** Of text: where in its run it begins. */
  readonly from?: number
  readonly kind: TextKind | 'tool' | 'other'
  readonly tool?: ToolEntry
}

export class WindowStage implements Stage {
  private readonly guard: RequestGuard
  private readonly rules: readonly Guard[]
  /** One of the rules may stop or change what comes; else it goes on at once. */
  private readonly holds: boolean
  private readonly windowChars: number
  private readonly stepChars: number
  private readonly runs = new Map<string, TextRun>()
  private readonly blocks = new Map<string, OpenBlock>()
  private queue: Entry[] = []
  private heldChars = 0

  /** @param rules at most one of them masks, and that one is the last */
  constructor(guard: RequestGuard, rules: readonly Guard[]) {
    this.guard = guard
    this.rules = rules
    this.holds = rules.some(isHolding)
    this.windowChars = Math.max(...rules.map(({ rule }) => Math.max(1, rule.windowChars)))
    const asksOutside = rules.some(({ rule }) => OUTSIDE.has(rule.check))
    const step = asksOutside ? this.windowChars : this.windowChars >> 2
    this.stepChars = Math.max(LIMITS.guardStepChars, step)
  }

  async push(event: IrEvent): Promise<readonly IrEvent[]> {
    switch (event.type) {
      case 'error':
        this.queue = []
        return [event]
      case 'block-start':
        await this.started(event)
        break
      case 'text-delta':
      case 'thinking-delta':
        await this.said(event)
        break
      case 'tool-input-delta': {
        const { tool } = this.block(event)
        if (tool === undefined) this.queue.push({ event })
        else {
          tool.pieces.push(event.text)
          this.hold(event.text.length)
        }
        break
      }
      case 'block-end':
        await this.blockEnded(event)
        break
      case 'seal-delta':
        await this.sealed(event)
        break
      case 'finish':
        await this.settleChoice(event.choice)
        this.queue.push({ event })
        break
      case 'logprobs':
        // They say the text, word by word, before it is judged, and what else could have been said.
        if (this.holds) this.guard.lost('logprobs')
        else this.queue.push({ event })
        break
      case 'citation':
        this.queue.push({ event: { ...event, citation: await this.judged(event.citation) } })
        break
      case 'choice-extras':
      case 'extras': {
        const judged = await this.judged(event.extras as JsonValue)
        this.queue.push({ event: { ...event, extras: judged as typeof event.extras } })
        break
      }
      default:
        this.queue.push({ event })
    }
    return this.released()
  }

  async end(): Promise<readonly IrEvent[]> {
    for (const [key, run] of this.runs) await this.settle(run, kindOf(key))
    return this.released()
  }

  private async started(event: IrEvent & { type: 'block-start' }): Promise<void> {
    const { block, choice, index } = event
    const kind = kindOfBlock(block)
    // Text goes on in the next block of text; behind anything else it is over.
    if (kind !== 'text') await this.settleChoice(choice)
    if (kind === 'other') {
      if (isSound(block)) await this.heard(block)
      const judged = await this.judged(block as unknown as JsonValue)
      this.blocks.set(`${choice} ${index}`, { kind })
      this.queue.push({ event: { ...event, block: judged as unknown as Block } })
      return
    }
    if (kind === 'tool') {
      const tool: ToolEntry = { choice, index, pieces: [], whole: undefined }
      const { input } = block as Block & { type: 'tool-use' }
      if (input !== '') tool.pieces.push(input)
      await this.named(block as Block & { type: 'tool-use' })
      this.blocks.set(`${choice} ${index}`, { kind, tool })
      this.queue.push({ event: { ...event, block: { ...block, input: '' } as Block } }, tool)
      return
    }
    const { text } = block as Block & { type: TextKind }
    const from = this.runs.get(`${choice} ${kind}`)?.length ?? 0
    this.blocks.set(`${choice} ${index}`, { kind, from })
    this.queue.push({ event: { ...event, block: { ...block, text: '' } as Block } })
    const type = kind === 'thinking' ? 'thinking-delta' : 'text-delta'
    if (text !== '') await this.said({ type, choice, index, text })
  }

  private async said(event: IrEvent & { type: 'text-delta' | 'thinking-delta' }): Promise<void> {
    const { choice, index, text, type } = event
    const { kind } = this.block(event)
    const key = `${choice} ${kind}`
    let run = this.runs.get(key)
    if (run === undefined) this.runs.set(key, (run = new TextRun(this.windowChars)))
    run.add(text)
    this.hold(text.length)
    const last = this.queue.at(-1)
    const goesOn = last !== undefined && 'run' in last && last.run === run && last.index === index
    if (goesOn) last.to = run.length
    else this.queue.push({ run, type, choice, index, to: run.length })
    if (run.isDue(this.stepChars)) await this.judge(run, kindOf(key), false)
  }

  /** What was signed is not what the client gets where something of it was replaced. */
  private async sealed(event: IrEvent & { type: 'seal-delta' }): Promise<void> {
    const { from, kind } = this.block(event)
    const run = this.runs.get(`${event.choice} thinking`)
    if (kind === 'thinking' && run !== undefined) await this.settle(run, kind)
    const isChanged = kind === 'thinking' && run !== undefined && run.changedTo > (from ?? 0)
    if (isChanged) this.guard.lost('seal')
    else this.queue.push({ event })
  }

  private block({ choice, index }: { choice: number; index: number }): OpenBlock {
    return this.blocks.get(`${choice} ${index}`) ?? { kind: 'text' }
  }

  private async blockEnded(event: IrEvent & { type: 'block-end' }): Promise<void> {
    const { kind, tool } = this.block(event)
    if (tool !== undefined) tool.whole = await this.judgedInput(tool.pieces.join(''))
    else if (kind === 'thinking' || kind === 'refusal') await this.settleChoice(event.choice, kind)
    this.blocks.delete(`${event.choice} ${event.index}`)
    this.queue.push({ event })
  }

  /** What of a choice has come is all there is of it, or of one kind of its texts. */
  private async settleChoice(choice: number, kind?: TextKind): Promise<void> {
    for (const [key, run] of this.runs) {
      const isOf = kind === undefined ? key.startsWith(`${choice} `) : key === `${choice} ${kind}`
      if (isOf) await this.settle(run, kindOf(key))
    }
  }

  private async settle(run: TextRun, kind: TextKind): Promise<void> {
    if (!run.isJudged) await this.judge(run, kind, true)
  }

  /** Asks all rules about what has come of a text. */
  private async judge(run: TextRun, kind: TextKind, isFinal: boolean): Promise<void> {
    const { from, text } = run.window()
    const asked: GuardText[] = [{ text, role: 'assistant', kind }]
    let open = Infinity
    let replaced: readonly Found[] = []
    let replace: ReturnType<RequestGuard['replacer']>
    for (const one of this.rules) {
      const asking = this.guard.ask(one, 'output', asked)
      const found = asking instanceof Promise ? await asking : asking
      if (found === undefined) continue
      const { mode } = one.rule
      const places = (found.spans ?? []).map(({ end, label, start }) => ({
        start: start + from,
        end: end + from,
        label,
      }))
      const sifted = run.sift(mode === 'mask' ? mergedFindings(places) : places, isFinal)
      open = Math.min(open, sifted.open)
      if (places.length > 0 && sifted.certain.length === 0) continue
      if (mode === 'flag' || mode === 'observe') {
        this.guard.note(one, 'output', mode === 'flag' ? 'flagged' : 'observed', found.categories)
        continue
      }
      if (mode === 'mask' && places.length > 0) {
        replace = this.guard.replacer(one, 'output', [])
        if (replace !== undefined) {
          this.guard.note(one, 'output', 'masked', found.categories)
          replaced = sifted.certain
          continue
        }
      }
      this.guard.note(one, 'output', 'blocked', found.categories)
      throw new AnswerBlocked()
    }
    run.clear(replaced, open, isFinal, replace ?? ((value) => value))
  }

  /** A value that is there as a whole, judged and masked. */
  private async judged(value: JsonValue): Promise<JsonValue> {
    let current = value
    for (const one of this.rules) {
      const edits = await this.consequence(one, valueTexts(current, 'output'))
      if (edits === undefined) continue
      current = edits.value(current)
      if (remains(valueTexts(current, 'output'), edits)) this.unmaskable(one)
    }
    return current
  }

  /** What is spoken comes as a whole, and can be neither masked nor judged without its words. */
  private async heard(sound: AudioBlock): Promise<void> {
    for (const one of this.rules) {
      if (isWordless(sound) && this.guard.refusesUnread(one, 'output')) throw new AnswerBlocked()
      const edits = await this.consequence(one, valueTexts(sound.transcript ?? '', 'output'))
      if (edits !== undefined) this.unmaskable(one)
    }
  }

  /** A call whose name says what may not be said cannot be made under another one. */
  private async named(call: Block & { type: 'tool-use' }): Promise<void> {
    const names = valueTexts(calledBy(call), 'output')
    for (const one of this.rules) {
      if ((await this.consequence(one, names)) !== undefined) this.unmaskable(one)
    }
  }

  private async judgedInput(input: string): Promise<string> {
    let current = input
    for (const one of this.rules) {
      const edits = await this.consequence(one, toolInputTexts(current))
      if (edits === undefined) continue
      current = edits.wholes.get(current) ?? edits.text(current)
      if (remains(toolInputTexts(current), edits)) this.unmaskable(one)
    }
    return current
  }

  private async consequence(one: Guard, parts: readonly TextPart[]) {
    const follows = await this.guard.judge(one, 'output', parts)
    if (follows === 'block') throw new AnswerBlocked()
    return follows
  }

  private unmaskable(one: Guard): never {
    this.guard.unmaskable(one, 'output')
    throw new AnswerBlocked()
  }

  /** More is held back. @throws AnswerBlocked beyond the bound: what cannot be judged is not sent */
  private hold(chars: number): void {
    this.heldChars += chars
    if (!this.holds || this.heldChars <= LIMITS.guardHeldCharsMax) return
    const one = this.rules.find(isHolding)!
    this.guard.note(one, 'output', 'blocked', ['too-long'])
    throw new AnswerBlocked()
  }

  /** What may go on now, in its order. */
  private released(): IrEvent[] {
    const events: IrEvent[] = []
    let done = 0
    for (const entry of this.queue) {
      if ('event' in entry) events.push(entry.event)
      else if ('run' in entry) {
        if (!this.release(entry, events)) break
      } else if (this.holds) {
        if (entry.whole === undefined) break
        this.passInput(entry, entry.whole, events)
      } else if (!this.passPieces(entry, events)) break
      done += 1
    }
    if (done > 0) this.queue = this.queue.slice(done)
    return events
  }

  /** Text as far as it is judged. True when all of the entry has gone on. */
  private release({ choice, index, run, to, type }: TextEntry, events: IrEvent[]): boolean {
    const end = this.holds ? Math.min(to, run.cleared) : to
    const before = run.sent
    if (end > before) {
      const text = run.take(end)
      this.heldChars -= end - before
      if (text !== '') events.push({ type, choice, index, text })
    }
    return run.sent >= to
  }

  private passInput({ choice, index, pieces }: ToolEntry, whole: string, events: IrEvent[]): void {
    for (const piece of pieces) this.heldChars -= piece.length
    if (whole !== '') events.push({ type: 'tool-input-delta', choice, index, text: whole })
  }

  /** Where nothing is held, arguments go on as they come; they are judged when they are whole. */
  private passPieces(entry: ToolEntry, events: IrEvent[]): boolean {
    const { choice, index, pieces, whole } = entry
    const passed = this.passed.get(entry) ?? 0
    for (const text of pieces.slice(passed)) {
      this.heldChars -= text.length
      events.push({ type: 'tool-input-delta', choice, index, text })
    }
    this.passed.set(entry, pieces.length)
    return whole !== undefined
  }

  private readonly passed = new WeakMap<ToolEntry, number>()
}

/** Checks that ask others: each question costs. */
const OUTSIDE: ReadonlySet<string> = new Set([
  'topic',
  'nemo',
  'presidio',
  'moderation',
  'llama_guard',
  'shield_gemma',
  'webhook',
])

/** Whether a rule may stop or change an answer. */
export function isHolding({ rule }: Guard): boolean {
  return rule.mode === 'block' || rule.mode === 'mask'
}

function kindOfBlock({ type }: Block): OpenBlock['kind'] {
  if (type === 'text' || type === 'thinking' || type === 'refusal') return type
  return type === 'tool-use' ? 'tool' : 'other'
}

function kindOf(key: string): TextKind {
  return key.slice(key.indexOf(' ') + 1) as TextKind
}
