// How deep a JSON text is nested, before it is parsed: a parser that recurses takes seconds for millions of brackets. Pure.

import { LIMITS } from '../core/limits.ts'

/** Whether a JSON text is nested deeper than a client's request may be. Brackets within strings do not count. */
export function exceedsJsonDepth(text: string): boolean {
  let depth = 0
  let quoted = false
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (quoted) {
      if (code === 0x5c) at++
      else if (code === 0x22) quoted = false
    } else if (code === 0x22) quoted = true
    else if (code === 0x7b || code === 0x5b) {
      depth++
      if (depth > LIMITS.requestJsonDepthMax) return true
    } else if (code === 0x7d || code === 0x5d) depth--
  }
  return false
}
