// Where the statements of a TOML text stand: tables, and keys with their values. It reads no values and judges nothing but where one ends;
// Bun's parser has judged the text before. TOML 1.0: https://toml.io/en/v1.0.0

/** A table's head or a key with its value, by their places in the text. */
export interface TomlStatement {
  readonly kind: 'table' | 'tables' | 'pair'
  /** Names from the top: of a pair, with its table's before it. */
  readonly path: readonly string[]
  readonly from: number
  /** Behind the head, or behind the value. */
  readonly to: number
  /** Of a pair: where its value begins. */
  readonly valueFrom: number
}

export interface TomlScan {
  readonly statements: readonly TomlStatement[]
  readonly comments: readonly string[]
}

/** @throws SyntaxError where no statement can be told */
export function scanToml(text: string): TomlScan {
  return new Scanner(text).scan()
}

class Scanner {
  private readonly text: string
  private at = 0
  private readonly comments: string[] = []

  constructor(text: string) {
    this.text = text
  }

  scan(): TomlScan {
    const statements: TomlStatement[] = []
    let table: readonly string[] = []
    for (;;) {
      this.skip(true)
      const from = this.at
      if (from >= this.text.length) return { statements, comments: this.comments }
      if (this.text[from] === '[') {
        const isList = this.text[from + 1] === '['
        this.at += isList ? 2 : 1
        const path = this.keys()
        this.expect(isList ? ']]' : ']')
        table = path
        const kind = isList ? 'tables' : 'table'
        statements.push({ kind, path, from, to: this.at, valueFrom: this.at })
      } else {
        const path = [...table, ...this.keys()]
        this.expect('=')
        this.skip(false)
        const valueFrom = this.at
        this.value()
        statements.push({ kind: 'pair', path, from, to: this.at, valueFrom })
      }
    }
  }

  /** Over blanks; with `lines`, over ends of line and comments too. */
  private skip(lines: boolean): void {
    for (; this.at < this.text.length; this.at += 1) {
      const character = this.text[this.at]
      if (character === ' ' || character === '\t') continue
      if (!lines) return
      if (character === '#') this.comment()
      else if (character !== '\n' && character !== '\r') return
    }
  }

  private comment(): void {
    const end = this.text.indexOf('\n', this.at)
    const stop = end < 0 ? this.text.length : end
    this.comments.push(this.text.slice(this.at, stop).trimEnd())
    this.at = stop - 1
  }

  private expect(word: string): void {
    this.skip(false)
    if (!this.text.startsWith(word, this.at)) {
      throw new SyntaxError(`line ${this.text.slice(0, this.at).split('\n').length}`)
    }
    this.at += word.length
  }

  private keys(): string[] {
    const names: string[] = []
    for (;;) {
      this.skip(false)
      names.push(this.key())
      this.skip(false)
      if (this.text[this.at] !== '.') return names
      this.at += 1
    }
  }

  private key(): string {
    const from = this.at
    const quote = this.text[from]
    if (quote === '"' || quote === "'") {
      this.string()
      const written = this.text.slice(from, this.at)
      return quote === "'" ? written.slice(1, -1) : unescaped(written)
    }
    while (/[\w-]/.test(this.text[this.at] ?? '')) this.at += 1
    if (this.at === from) this.expect('a key')
    return this.text.slice(from, this.at)
  }

  private string(): void {
    const quote = this.text[this.at]!
    const isLong = this.text.startsWith(quote.repeat(3), this.at)
    const close = isLong ? quote.repeat(3) : quote
    this.at += close.length
    while (this.at < this.text.length && !this.text.startsWith(close, this.at)) {
      this.at += quote === '"' && this.text[this.at] === '\\' ? 2 : 1
    }
    this.at += close.length
    if (!isLong) return
    // Up to two quotes may stand before the closing three.
    for (let more = 0; more < 2 && this.text[this.at] === quote; more += 1) this.at += 1
  }

  private value(): void {
    const open = this.text[this.at]
    if (open === '"' || open === "'") return this.string()
    if (open === '[' || open === '{') return this.brackets()
    const end = /[#\r\n]/.exec(this.text.slice(this.at))
    const stop = end === null ? this.text.length : this.at + end.index
    this.at += this.text.slice(this.at, stop).trimEnd().length
  }

  private brackets(): void {
    let depth = 0
    for (; this.at < this.text.length; this.at += 1) {
      const character = this.text[this.at]
      if (character === '"' || character === "'") {
        this.string()
        this.at -= 1
      } else if (character === '#') this.comment()
      else if (character === '[' || character === '{') depth += 1
      else if (character === ']' || character === '}') {
        depth -= 1
        if (depth === 0) {
          this.at += 1
          return
        }
      }
    }
  }
}

function unescaped(written: string): string {
  const table = Bun.TOML.parse(`key = ${written}`) as { key?: unknown }
  return String(table.key)
}
