// Values as a terminal shows them: times, durations, money, tokens; and text from outside made harmless. What a client or a
// provider sent (model names, error texts) may hold escape sequences, so everything printed passes `printable` or `jsonText`.

/** C0 and C1 controls, line separators, marks without width and marks that reorder text. */
const UNSAFE =
  // oxlint-disable-next-line no-control-regex
  /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]/g

/** Text for a terminal: one line, with every character that could move the cursor or hide others shown as its number. */
export function printable(text: string): string {
  return text.toWellFormed().replace(UNSAFE, (character) => {
    if (character === '\n' || character === '\t' || character === '\r') return ' '
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
  })
}

/** A value as JSON in which no control character stands as itself: the same document, harmless on a terminal. */
export function jsonText(value: unknown, indent?: number): string {
  const text = JSON.stringify(value, null, indent)
  // The line ends of indented JSON are its own; those inside strings were escaped already.
  return text.replace(UNSAFE, (character) =>
    character === '\n' ? character : `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}

/** `2026-11-21 03:33:56`, UTC. */
export function formatTime(timeMs: number): string {
  return new Date(timeMs).toISOString().slice(0, 19).replace('T', ' ')
}

/** `2026-11-21`, UTC. */
export function formatDate(timeMs: number): string {
  return new Date(timeMs).toISOString().slice(0, 10)
}

/** `210ms`, `1.23s`, `2m05s`. */
export function formatMs(milliseconds: number): string {
  const whole = Math.round(milliseconds)
  if (whole < 1_000) return `${whole}ms`
  const hundredths = Math.round(milliseconds / 10)
  if (hundredths < 6_000) return `${(hundredths / 100).toFixed(2)}s`
  const seconds = Math.round(milliseconds / 1_000)
  return `${Math.floor(seconds / 60)}m${String(seconds % 60).padStart(2, '0')}s`
}

/** Whole nano-dollars as dollars, exact and without trailing zeros: `$0.000123`; `$0` is known to be free. */
export function formatUsd(nanoUsd: number): string {
  const text = String(Math.abs(nanoUsd)).padStart(10, '0')
  const fraction = text.slice(-9).replace(/0+$/, '')
  const sign = nanoUsd < 0 ? '-' : ''
  return `${sign}$${text.slice(0, -9)}${fraction === '' ? '' : `.${fraction}`}`
}

/** One noun with its number: `1 key`, `2 keys`. */
export function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`
}
