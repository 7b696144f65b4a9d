// Patterns that people write, run on RE2: its time grows with the text, where the engine of the language explodes and then says that
// nothing was found. Loaded when the first pattern is compiled, since most installations have none. It knows no rule and no check.

import type { RE2JS } from 're2js'
import { GatewayError } from '../core/error.ts'
import { LIMITS } from '../core/limits.ts'

/** A compiled pattern. */
export interface Pattern {
  /** Instructions; the time for a character is at worst in proportion to them. */
  readonly size: number
  /**
   * Each match from an offset on, in order, empty ones left out. What stands before `from` is only looked at for anchors and borders.
   * A generator, so that who asks can pause: a single step is linear in the text, all of them together need not be.
   */
  matches(text: string, from: number): Generator<readonly [start: number, end: number]>
  test(text: string): boolean
}

/** Compiled ones by their source; rules are made anew whenever any rule changes. */
const compiled = new Map<string, Pattern>()

/**
 * Compiles a pattern in the syntax of RE2 (https://github.com/google/re2/wiki/Syntax).
 * @param use a schema's pattern may match the empty text; one that finds places may not
 * @throws GatewayError `invalid_request` in words that name what RE2 cannot do, without the pattern
 */
export function compilePattern(source: string, use: 'find' | 'schema' = 'find'): Pattern {
  const key = `${use} ${source}`
  const known = compiled.get(key)
  if (known !== undefined) return known
  if (source.length > LIMITS.patternCharsMax) {
    throw invalid(`may have ${LIMITS.patternCharsMax} characters`)
  }
  const pattern = wrap(compile(source, use))
  if (compiled.size >= LIMITS.patternsCompiledMax) compiled.clear()
  compiled.set(key, pattern)
  return pattern
}

/** What is wrong with a pattern, in words; undefined where nothing is. */
export function patternProblem(
  source: string,
  use: 'find' | 'schema' = 'find',
): string | undefined {
  try {
    compilePattern(source, use)
    return undefined
  } catch (thrown) {
    if (thrown instanceof GatewayError) return thrown.message
    throw thrown
  }
}

function compile(source: string, use: 'find' | 'schema'): RE2JS {
  let re: RE2JS
  try {
    re = engine().compile(source)
  } catch (thrown) {
    throw invalid(explained(source, thrown))
  }
  if (use === 'find' && re.matcher('').find())
    throw invalid('matches the empty text, so that it is found everywhere')
  if (re.programSize() > LIMITS.patternProgramMax) {
    throw invalid('is too large: its repetitions multiply')
  }
  boundStates(re)
  return re
}

/** The library keeps up to 8 MiB of states for each pattern; beyond its bound it forgets and goes on, or takes the slower way. */
function boundStates(re: RE2JS): void {
  const { dfa } = re.re2()
  dfa.maxMem = LIMITS.patternStatesBytesMax
  dfa.stateBudget = LIMITS.patternStatesBytesMax
  dfa.memBudget = LIMITS.patternStatesBytesMax
}

/** The library takes 6 ms to load, 20 from sources: only whoever has a pattern pays for it, at the time a rule is read. */
function engine(): typeof RE2JS {
  const library = require('re2js') as { RE2JS: typeof RE2JS }
  return library.RE2JS
}

function wrap(re: RE2JS): Pattern {
  return {
    size: re.programSize(),
    *matches(text, from) {
      const matcher = re.matcher(text)
      let at = from
      while (at <= text.length && matcher.find(at)) {
        const start = matcher.start()
        const end = matcher.end()
        if (end > start) yield [start, end]
        at = end > start ? end : end + 1
      }
    },
    test: (text) => re.matcher(text).find(),
  }
}

/** Words for what goes wrong most; the rest keeps the engine's own, which never hold more than a kind of error. */
function explained(source: string, thrown: unknown): string {
  const text = thrown instanceof Error ? thrown.message : ''
  if (/\(\?<?[=!]/.test(source)) return 'has a look-around, which RE2 does not know'
  if (/\\[1-9]|\\k</.test(source) && text.includes('escape')) {
    return 'has a back reference, which RE2 does not know'
  }
  if (text.includes('repeat count')) return 'repeats more than 1000 times'
  const kind = /error parsing regexp: ([a-zA-Z -]+)/.exec(text)?.[1]?.trim()
  return kind === undefined
    ? 'is no pattern of RE2'
    : `is no pattern of RE2: ${kind.replace(/ Perl syntax$/, ' syntax')}`
}

function invalid(message: string): GatewayError {
  return new GatewayError('invalid_request', { message })
}
