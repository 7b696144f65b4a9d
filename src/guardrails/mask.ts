// Replaces what was found by placeholders and puts it back in the answer: one `Masking` for one request, so that the same value has the
// same placeholder in all of its texts. It judges nothing, and what it holds lives no longer than the request.

import type { GuardrailRule, GuardSpan, GuardStage } from '../core/guardrail.ts'
import { MASK_STYLES, type MaskStyle } from '../core/guardrail-option.ts'
import { checkDescription } from '../core/guardrail-options.ts'
import { readPlaceholder, Restorer, type Restored } from './restore.ts'

/** Texts whose spans are to be masked; for `placeholder` no form of one that stands in any of these is given out. */
export class Masking implements Restored {
  /** Found value → placeholder, in the order of appearance. */
  readonly replacements: Map<string, string> = new Map()
  private readonly originals = new Map<string, string>()
  private readonly taken = new Set<string>()
  private readonly counts = new Map<string, number>()
  private labelCharsMax = 0

  /**
   * The texts with each span replaced; spans that overlap become one. The same texts and spans in the same order always give the same.
   * @param texts all texts of the request that could hold something that looks like a placeholder
   * @param spans in any order; those of no width or outside a text are ignored
   */
  mask(
    texts: readonly string[],
    spans: readonly GuardSpan[],
    style: MaskStyle = 'placeholder',
  ): string[] {
    if (style === 'placeholder') for (const text of texts) this.reserve(text)
    const byText = Map.groupBy(spans, ({ text }) => text)
    return texts.map((text, index) => {
      const own = byText.get(index)
      return own === undefined ? text : this.maskOne(text, mergeSpans(text, own), style)
    })
  }

  /** Whether anything was replaced that could be put back. */
  get active(): boolean {
    return this.originals.size > 0
  }

  /** A text with each placeholder of ours replaced by what it stands for. */
  restore(text: string): string {
    return this.run(text, 'text')
  }

  /** The same within JSON text, such as a tool call's arguments: values are escaped as JSON strings are. */
  restoreJson(text: string): string {
    return this.run(text, 'json')
  }

  /** For a text that comes in pieces: what it returns, joined, is `restore` (or `restoreJson`) of the pieces joined. */
  restorer(as: 'text' | 'json' = 'text'): Restorer {
    return new Restorer(this, as)
  }

  /** What a placeholder stands for. @param key as `readPlaceholder` makes it */
  original(key: string): string | undefined {
    return this.originals.get(key)
  }

  /** Longest label given out; a restorer has to hold back no more than a placeholder with it. */
  get longestLabel(): number {
    return this.labelCharsMax
  }

  private run(text: string, as: 'text' | 'json'): string {
    if (this.originals.size === 0 || !text.includes('[')) return text
    const restorer = new Restorer(this, as)
    return restorer.push(text) + restorer.end()
  }

  private maskOne(text: string, spans: readonly Range[], style: MaskStyle): string {
    let masked = ''
    let at = 0
    for (const { start, end, label } of spans) {
      masked += text.slice(at, start) + this.replacement(text.slice(start, end), label, style)
      at = end
    }
    return masked + text.slice(at)
  }

  private replacement(value: string, label: string, style: MaskStyle): string {
    if (style !== 'placeholder') return irreversible(value, label, style)
    const original = this.restore(value)
    const known = this.replacements.get(original)
    if (known !== undefined) return known
    const name = labelName(label)
    let count = this.counts.get(name) ?? 0
    do count++
    while (this.taken.has(`${name}_${count}`))
    this.counts.set(name, count)
    const key = `${name}_${count}`
    const placeholder = `[${key}]`
    this.labelCharsMax = Math.max(this.labelCharsMax, name.length)
    this.originals.set(key, original)
    this.replacements.set(original, placeholder)
    return placeholder
  }

  /** Nothing that stands in a text already, in any form that would be restored, becomes a placeholder. */
  private reserve(text: string): void {
    for (let at = text.indexOf('['); at !== -1; at = text.indexOf('[', at + 1)) {
      this.reserveAt(text, at, 'text')
      if (text[at - 1] === '\\') {
        this.reserveAt(text, at - 1, 'text')
        this.reserveAt(text, at - 2, 'json')
      }
    }
  }

  private reserveAt(text: string, at: number, as: 'text' | 'json'): void {
    const found = readPlaceholder(text, Math.max(0, at), LABEL_CHARS_MAX, as)
    if (typeof found === 'object' && !this.originals.has(found.key)) this.taken.add(found.key)
  }
}

/** How a rule's findings are replaced at a stage: in answers nothing is put back, so that a placeholder is a label there. */
export function maskStyle(rule: GuardrailRule, stage: GuardStage): MaskStyle {
  const asked = rule.options['mask']
  const option = checkDescription(rule.check)?.options.find(({ name }) => name === 'mask')
  const preset = option?.type === 'choice' ? option.default : undefined
  const style = MASK_STYLES.find((one) => one === (asked ?? preset ?? 'placeholder'))
  if (style === undefined) return 'label'
  return stage === 'output' && style === 'placeholder' ? 'label' : style
}

/** Longest label; longer ones are cut. */
export const LABEL_CHARS_MAX = 40

interface Range {
  readonly start: number
  readonly end: number
  readonly label: string
}

/** Spans of one text in order, without overlap, none within a surrogate pair. The label is that of the longest one of an overlap. */
export function mergeSpans(text: string, spans: readonly Omit<GuardSpan, 'text'>[]): Range[] {
  const sorted = spans
    .map(({ start, end, label }) => ({
      start: Math.max(0, isSplit(text, start) ? start - 1 : start),
      end: Math.min(text.length, isSplit(text, end) ? end + 1 : end),
      label,
    }))
    .filter(({ start, end }) => start < end)
    .sort((a, b) => a.start - b.start || b.end - a.end)
  const merged: { start: number; end: number; label: string; longest: number }[] = []
  for (const { start, end, label } of sorted) {
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

/** Whether an offset lies between the halves of a character. */
function isSplit(text: string, at: number): boolean {
  const before = text.charCodeAt(at - 1)
  const after = text.charCodeAt(at)
  return (before & 0xfc00) === 0xd800 && (after & 0xfc00) === 0xdc00
}

/** What stands in place of a value that is never put back. */
export function irreversible(
  value: string,
  label: string,
  style: Exclude<MaskStyle, 'placeholder'>,
): string {
  if (style === 'label') return `[${labelName(label)}]`
  if (style === 'stars') return '***'
  const signs = value.match(/[\p{L}\p{N}]/gu) ?? []
  return signs.length < 12 ? '***' : `***${signs.slice(-4).join('')}`
}

/** A label as it stands in a placeholder. */
function labelName(label: string): string {
  const name = label
    .toUpperCase()
    .replace(/[^A-Z0-9]+/g, '_')
    .slice(0, LABEL_CHARS_MAX)
    .replace(/^_+|_+$/g, '')
  return name === '' ? 'MASKED' : name
}
