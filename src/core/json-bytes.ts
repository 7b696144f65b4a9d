// The bytes that JSON is made of, and where a string in them ends: shared by those who look for places in a document without parsing it. Pure.

export const QUOTE = 0x22
export const BACKSLASH = 0x5c
export const OPEN_BRACE = 0x7b
export const CLOSE_BRACE = 0x7d
export const OPEN_BRACKET = 0x5b
export const CLOSE_BRACKET = 0x5d
export const COLON = 0x3a
export const COMMA = 0x2c

/** One past the closing quote of the string that opens at `from`; -1 where it has none. */
export function stringEnd(bytes: Uint8Array, from: number): number {
  let at = from + 1
  for (;;) {
    const quote = bytes.indexOf(QUOTE, at)
    if (quote < 0) return -1
    let backslashes = 0
    while (bytes[quote - 1 - backslashes] === BACKSLASH) backslashes += 1
    // The run of backslashes may not reach back over the opening quote: it stops there by itself.
    if (backslashes % 2 === 0) return quote + 1
    at = quote + 1
  }
}
