// Finds placeholders in an answer and puts back what they stand for, in whole texts and in ones that come in pieces. Models change
// placeholders a little; the forms that are still understood are `readPlaceholder`'s. It knows nothing of what was masked, or why.

/** Where a restorer learns what a placeholder stands for. */
export interface Restored {
  /** @param key `LABEL_1`. @returns undefined where it is none of ours */
  original(key: string): string | undefined
  /** Characters of the longest label given out. */
  readonly longestLabel: number
}

const BACKSLASH = 0x5c
const OPEN = 0x5b
const CLOSE = 0x5d

/** Number, separators, escapes: what a placeholder may have beside the characters of its label. */
const FORM_CHARS = 24

interface Found {
  /** `LABEL_1`. */
  readonly key: string
  readonly end: number
}

/**
 * Reads one placeholder that begins at an offset, in any form that is understood: `[EMAIL_1]` in any case, with blanks within the
 * brackets, with `-` or blanks in place of `_`, and with Markdown's backslashes before its signs, both brackets or neither.
 * @param as in JSON text a backslash is two
 * @returns `more` where the text ends before it is decided
 */
export function readPlaceholder(
  text: string,
  from: number,
  labelCharsMax: number,
  as: 'text' | 'json',
): Found | 'none' | 'more' {
  const limit = from + 2 * labelCharsMax + FORM_CHARS
  let name = ''
  let opened: 'no' | 'plain' | 'escaped' = 'no'
  for (let at = from; at < text.length; at++) {
    if (at > limit) return 'none'
    let code = text.charCodeAt(at)
    const escaped = code === BACKSLASH
    if (escaped) {
      if (as === 'json') {
        at++
        if (at >= text.length) return 'more'
        if (text.charCodeAt(at) !== BACKSLASH) return 'none'
      }
      at++
      if (at >= text.length) return 'more'
      code = text.charCodeAt(at)
      if (isNameSign(code) || code === BACKSLASH) return 'none'
    }
    if (opened === 'no') {
      if (code !== OPEN) return 'none'
      opened = escaped ? 'escaped' : 'plain'
    } else if (code === CLOSE) {
      if (escaped !== (opened === 'escaped')) return 'none'
      const key = name.endsWith('_') ? name.slice(0, -1) : name
      return /^[A-Z0-9_]+_[1-9]\d{0,6}$/.test(key) ? { key, end: at + 1 } : 'none'
    } else if (isNameSign(code)) {
      name += text[at]!.toUpperCase()
    } else if (code === 0x20 || code === 0x2d || code === 0x5f) {
      if (name !== '' && !name.endsWith('_')) name += '_'
    } else {
      return 'none'
    }
  }
  return 'more'
}

/** ASCII letters and digits. */
function isNameSign(code: number): boolean {
  return (
    (code >= 0x30 && code <= 0x39) ||
    (code >= 0x41 && code <= 0x5a) ||
    (code >= 0x61 && code <= 0x7a)
  )
}

/** Restores one text that comes in pieces; holds back what could be the beginning of a placeholder, which is bounded by its form. */
export class Restorer {
  private held = ''
  private readonly source: Restored
  private readonly as: 'text' | 'json'

  constructor(source: Restored, as: 'text' | 'json') {
    this.source = source
    this.as = as
  }

  /** Takes the next piece. @returns what is settled by now, which may be nothing */
  push(piece: string): string {
    return this.run(this.held + piece, false)
  }

  /** The text has ended. @returns what was held back */
  end(): string {
    return this.run(this.held, true)
  }

  private run(text: string, ended: boolean): string {
    this.held = ''
    let restored = ''
    let copied = 0
    let at = nextSign(text, 0)
    while (at !== -1) {
      const found = readPlaceholder(text, at, this.source.longestLabel, this.as)
      if (found === 'more' && !ended) {
        this.held = text.slice(at)
        return restored + text.slice(copied, at)
      }
      const original = typeof found === 'object' ? this.source.original(found.key) : undefined
      if (typeof found === 'object' && original !== undefined) {
        restored += text.slice(copied, at) + this.written(original)
        copied = found.end
        at = nextSign(text, found.end)
      } else {
        at = nextSign(text, at + this.signWidth(text, at))
      }
    }
    return restored + text.slice(copied)
  }

  private written(original: string): string {
    return this.as === 'json' ? JSON.stringify(original).slice(1, -1) : original
  }

  /** An escape of JSON is passed over whole, so that its second backslash does not begin another. */
  private signWidth(text: string, at: number): number {
    return this.as === 'json' && text.charCodeAt(at) === BACKSLASH ? 2 : 1
  }
}

/** Where a placeholder may begin, from an offset on; -1 where nowhere. */
function nextSign(text: string, from: number): number {
  for (let at = from; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code === OPEN || code === BACKSLASH) return at
  }
  return -1
}
