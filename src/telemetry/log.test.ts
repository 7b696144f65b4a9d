import { describe, expect, setDefaultTimeout, test } from 'bun:test'
import fc from 'fast-check'
import { LIMITS } from '../core/limits.ts'
import { checkParameters } from '../testing/seed.ts'
import { createLogger, type LogLevel } from './log.ts'

// Hundreds of lines of anything, and some of a mebibyte.
setDefaultTimeout(60_000)

function logging(format: 'json' | 'pretty', level: () => LogLevel = () => 'debug') {
  const lines: string[] = []
  const logger = createLogger({
    level,
    format,
    nowMs: () => Date.UTC(2026, 0, 2, 3, 4, 5, 6),
    write: (line) => void lines.push(line),
  })
  return { lines, logger }
}

/** Where any reader of lines might end one. */
// oxlint-disable-next-line no-control-regex
const LINE_ENDS = /[\n\r\u000b\u000c\u001c-\u001e\u0085\u2028\u2029]/

const NASTY = [
  'a\r\nb',
  '\u001b[31mred\u001b[0m\u001b]0;title\u0007',
  'x\u2028y\u2029z\u0085w',
  '","level":"info","message":"forged"}\n{"level":"error"}',
  '\ud800 alone',
  '\u202egnp.exe',
  'é'.repeat(1_048_576),
]

describe.each(['json', 'pretty'] as const)('%s', (format) => {
  test.each(NASTY.map((text, index) => [index, text] as const))('stays one line: %i', (_, text) => {
    const { lines, logger } = logging(format)
    logger.warn(text, { model: text, user: text, user_agent: text, [text.slice(0, 100)]: text })
    expect(lines.length).toBe(1)
    const line = lines[0]!
    expect(line.endsWith('\n')).toBe(true)
    const body = line.slice(0, -1)
    expect(LINE_ENDS.test(body)).toBe(false)
    // oxlint-disable-next-line no-control-regex
    expect(/[\u0000-\u001f\u007f-\u009f]/.test(body)).toBe(false)
    expect(body.isWellFormed()).toBe(true)
    expect(line.length).toBeLessThan(8 * LIMITS.logFieldCharsMax)
    if (format === 'json') expect(JSON.parse(body)).toMatchObject({ level: 'warn' })
  })

  test('whatever it is told makes one line', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'binary' }),
        fc.dictionary(fc.string({ unit: 'binary' }), fc.anything({ withBigInt: true })),
        (message, fields) => {
          const { lines, logger } = logging(format)
          logger.info(message, fields)
          expect(lines.length).toBe(1)
          expect(LINE_ENDS.test(lines[0]!.slice(0, -1))).toBe(false)
          if (format === 'json') expect(JSON.parse(lines[0]!)).toMatchObject({ level: 'info' })
        },
      ),
      checkParameters(300),
    )
  })
})

test('fields cannot take the place of what every line has', () => {
  const { lines, logger } = logging('json')
  logger.error('real', { level: 'info', message: 'forged', time: 'never', __proto__: 1, a: 0 })
  const line = JSON.parse(lines[0]!) as Record<string, unknown>
  expect(line).toMatchObject({ level: 'error', message: 'real', a: 0 })
  expect(line['time']).toBe('2026-01-02T03:04:05.006Z')
})

test('what refers to itself is no reason to fail', () => {
  const round: Record<string, unknown> = {}
  round['self'] = round
  const { lines, logger } = logging('json')
  logger.info('x', { round, big: 12n, none: undefined, nothing: null, no: false })
  expect(JSON.parse(lines[0]!)).toMatchObject({
    round: '[not printable]',
    big: '12',
    nothing: null,
    no: false,
  })
})

test('the level is asked for each time', () => {
  let level: LogLevel = 'warn'
  const { lines, logger } = logging('json', () => level)
  logger.info('not')
  level = 'debug'
  logger.debug('now')
  level = 'error'
  logger.warn('not')
  logger.error('this')
  expect(lines.map((line) => (JSON.parse(line) as { message: string }).message)).toEqual([
    'now',
    'this',
  ])
})
