// Small things every editor of text needs: which end of line and indentation a file has, and where its lines begin and end. They know no
// format.

/** The end of line a text uses. */
export function lineEnd(text: string): '\n' | '\r\n' {
  return text.includes('\r\n') ? '\r\n' : '\n'
}

/** Where the line of a place begins. */
export function lineStart(text: string, at: number): number {
  return text.lastIndexOf('\n', at - 1) + 1
}

/** Where the line of a place ends: at its end of line, or at the end of the text. */
export function lineStop(text: string, at: number): number {
  const end = text.indexOf('\n', at)
  if (end < 0) return text.length
  return end > at && text[end - 1] === '\r' ? end - 1 : end
}

/** Behind the end of line of a place. */
export function nextLine(text: string, at: number): number {
  const end = text.indexOf('\n', at)
  return end < 0 ? text.length : end + 1
}

/** The blanks a line begins with. */
export function indentAt(text: string, at: number): string {
  return /^[ \t]*/.exec(text.slice(lineStart(text, at), at))?.[0] ?? ''
}

/** Text between two places replaced. */
export function spliced(text: string, from: number, to: number, by: string): string {
  return text.slice(0, from) + by + text.slice(to)
}

/** What one step further in is indented by: as the first line that is indented is, else two blanks. */
export function indentUnit(text: string): string {
  const found = /^([ \t]+)[^\s/*#]/m.exec(text)?.[1]
  if (found === undefined) return '  '
  return found.startsWith('\t') ? '\t' : found.length <= 8 ? found : '  '
}

/** Lines with something before each but the first, with the text's own end of line. */
export function indented(block: string, indent: string, eol: string): string {
  return block.trimEnd().split('\n').join(`${eol}${indent}`)
}
