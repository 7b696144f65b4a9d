// Finds many literal texts in one go and replaces them, the longest first, in a time that grows with the text and not with their number: what
// was found in a request may be thousands of values. No pattern of a client's is ever compiled.

interface Node {
  readonly next: Map<number, Node>
  /** The value that ends here. */
  value: string | undefined
}

function node(): Node {
  return { next: new Map(), value: undefined }
}

export class Literals {
  private readonly root = node()
  readonly isEmpty: boolean

  constructor(values: Iterable<string>) {
    let isEmpty = true
    for (const value of values) {
      if (value === '') continue
      isEmpty = false
      let at = this.root
      for (let index = 0; index < value.length; index += 1) {
        const code = value.charCodeAt(index)
        let next = at.next.get(code)
        if (next === undefined) at.next.set(code, (next = node()))
        at = next
      }
      at.value = value
    }
    this.isEmpty = isEmpty
  }

  /** Whether one of them stands in a text. */
  standIn(text: string): boolean {
    for (let at = 0; at < text.length; at += 1) if (this.at(text, at) !== undefined) return true
    return false
  }

  /** The text with each replaced, from its beginning on; the same where none stands in it. */
  replace(text: string, replacement: (value: string) => string): string {
    let result = ''
    let done = 0
    for (let at = 0; at < text.length;) {
      const value = this.at(text, at)
      if (value === undefined) at += 1
      else {
        result += text.slice(done, at) + replacement(value)
        at += value.length
        done = at
      }
    }
    return done === 0 ? text : result + text.slice(done)
  }

  /** The longest one that begins at a place. */
  private at(text: string, from: number): string | undefined {
    let found: string | undefined
    let current = this.root.next.get(text.charCodeAt(from))
    for (let at = from + 1; current !== undefined; at += 1) {
      if (current.value !== undefined) found = current.value
      if (at >= text.length) break
      current = current.next.get(text.charCodeAt(at))
    }
    return found
  }
}
