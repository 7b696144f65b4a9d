import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { checkParameters } from '../testing/seed.ts'
import {
  derivedSpanId,
  isWithinShare,
  readTraceParent,
  readTraceState,
  spanIdOf,
  traceIdOf,
  writeTraceParent,
} from './trace-context.ts'

const TRACE = '0af7651916cd43dd8448eb211c80319c'
const SPAN = 'b7ad6b7169203331'
const uuids = () => fc.integer({ min: 1, max: 1_000 }).map(() => Bun.randomUUIDv7())

describe('traceparent', () => {
  test.each([
    ['nothing', null],
    ['empty', ''],
    ['junk', 'abc'],
    ['upper case', `00-${TRACE.toUpperCase()}-${SPAN}-01`],
    ['no trace', `00-${'0'.repeat(32)}-${SPAN}-01`],
    ['no span', `00-${TRACE}-${'0'.repeat(16)}-01`],
    ['a version that there cannot be', `ff-${TRACE}-${SPAN}-01`],
    ['more than the version has', `00-${TRACE}-${SPAN}-01-x`],
    ['a short trace', `00-${TRACE.slice(1)}-${SPAN}-01`],
    ['a long span', `00-${TRACE}-${SPAN}0-01`],
    ['no hexadecimal', `00-${TRACE.slice(0, 31)}g-${SPAN}-01`],
    ['line ends', `00-${TRACE}-${SPAN}-01\r\nx: y`],
    ['a megabyte', `01-${TRACE}-${SPAN}-01-${'a'.repeat(1_048_576)}`],
    ['two of them', `00-${TRACE}-${SPAN}-01, 00-${TRACE}-${SPAN}-01`],
  ])('%s is none', (_, header) => {
    expect(readTraceParent(header)).toBeUndefined()
  })

  test('of this version and of later ones', () => {
    expect(readTraceParent(`00-${TRACE}-${SPAN}-01`)).toEqual({
      traceId: TRACE,
      spanId: SPAN,
      sampled: true,
    })
    expect(readTraceParent(` 00-${TRACE}-${SPAN}-00 `)?.sampled).toBe(false)
    // Level 2's flag for random ids is beside that for sampled ones.
    expect(readTraceParent(`00-${TRACE}-${SPAN}-03`)?.sampled).toBe(true)
    expect(readTraceParent(`00-${TRACE}-${SPAN}-02`)?.sampled).toBe(false)
    expect(readTraceParent(`cc-${TRACE}-${SPAN}-01-what-the-future-brings`)?.traceId).toBe(TRACE)
  })

  test('what is written is read', () => {
    fc.assert(
      fc.property(uuids(), uuids(), fc.boolean(), (trace, span, sampled) => {
        const written = writeTraceParent(traceIdOf(trace), spanIdOf(span), sampled)
        expect(readTraceParent(written)).toEqual({
          traceId: traceIdOf(trace),
          spanId: spanIdOf(span),
          sampled,
        })
      }),
      checkParameters(100),
    )
  })

  test('no text makes it throw', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        readTraceParent(text)
        const state = readTraceState(text)
        // oxlint-disable-next-line no-control-regex
        if (state !== undefined) expect(/[^\x20-\x7e]/.test(state)).toBe(false)
      }),
      checkParameters(500),
    )
  })
})

test.each([
  [null, undefined],
  ['', undefined],
  [' , ,', undefined],
  ['a=1', 'a=1'],
  ['a=1 , b@c=2', 'a=1,b@c=2'],
  ['a=1,,b=2', 'a=1,b=2'],
  ['A=1', undefined],
  ['a', undefined],
  ['a=1,a=2', undefined],
  ['a=x\r\nevil: 1', undefined],
  ['a=é', undefined],
  [Array.from({ length: 33 }, (_, at) => `k${at}=1`).join(','), undefined],
  [`a=${'x'.repeat(600)}`, undefined],
])('tracestate %p is handed on as %p', (header, expected) => {
  expect(readTraceState(header)).toBe(expected)
})

describe('the share', () => {
  test('is kept, whatever it is', () => {
    const ids = Array.from({ length: 20_000 }, () => traceIdOf(Bun.randomUUIDv7()))
    for (const share of [0.01, 0.25, 0.5, 0.9]) {
      const kept = ids.filter((id) => isWithinShare(id, share)).length / ids.length
      expect(Math.abs(kept - share)).toBeLessThan(0.02)
    }
    expect(ids.every((id) => isWithinShare(id, 1))).toBe(true)
    expect(ids.some((id) => isWithinShare(id, 0))).toBe(false)
  })

  test('of a smaller one is within a larger one', () => {
    fc.assert(
      fc.property(
        uuids(),
        fc.double({ min: 0, max: 1, noNaN: true }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (uuid, a, b) => {
          const id = traceIdOf(uuid)
          if (isWithinShare(id, Math.min(a, b)))
            expect(isWithinShare(id, Math.max(a, b))).toBe(true)
        },
      ),
      checkParameters(500),
    )
  })
})

test('spans that follow from a record are the same each time, and differ from each other', () => {
  fc.assert(
    fc.property(uuids(), (uuid) => {
      const places = Array.from({ length: 64 }, (_, place) => derivedSpanId(uuid, place))
      expect(new Set([...places, spanIdOf(uuid)]).size).toBe(65)
      expect(places).toEqual(Array.from({ length: 64 }, (_, place) => derivedSpanId(uuid, place)))
      expect(places.every((id) => /^[0-9a-f]{16}$/.test(id) && !/^0+$/.test(id))).toBe(true)
    }),
    checkParameters(50),
  )
})
