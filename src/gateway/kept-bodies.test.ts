// Bodies that are kept: bounded, whole characters wherever pieces were cut, those of the provider only where they differ, no key in them.

import { expect, test } from 'bun:test'
import * as fc from 'fast-check'
import { LIMITS } from '../core/limits.ts'
import { testProvider } from '../testing/gateway.ts'
import { checkParameters } from '../testing/seed.ts'
import { KeptBodies } from './kept-bodies.ts'

const bytes = (text: string) => new TextEncoder().encode(text)

test('pieces cut anywhere are the text they came from, and the same twice is kept once', () => {
  fc.assert(
    fc.property(
      fc.string({ unit: 'grapheme', maxLength: 60 }),
      fc.array(fc.nat({ max: 200 }), { maxLength: 8 }),
      (text, cuts) => {
        const bodies = new KeptBodies()
        bodies.answering(bodies.sending('{}', undefined))
        const whole = bytes(text)
        const places = [0, ...cuts.toSorted((a, b) => a - b), whole.length]
        for (let at = 1; at < places.length; at += 1) {
          const piece = whole.subarray(places[at - 1], places[at])
          bodies.responded(piece)
          bodies.answered(piece)
        }
        expect(bodies.outcome(bytes('{}'))).toEqual({
          requestBody: '{}',
          responseBody: text,
        })
      },
    ),
    checkParameters(200),
  )
})

test('behind a cut nothing is kept, however little of it there was room for in characters', () => {
  const bodies = new KeptBodies()
  bodies.responded(bytes('x'.repeat(LIMITS.logBodyBytesMax - 10)))
  bodies.responded(bytes('é'.repeat(50)))
  bodies.responded(bytes('behind'))
  expect(bodies.outcome(bytes('{}')).responseBody).toEndWith('xxééééé')
})

test('what the provider was sent and gave is kept where it is another, by the attempt that answered', () => {
  const bodies = new KeptBodies()
  bodies.sending('first', undefined).answered(bytes('refused'))
  const second = bodies.sending('second', undefined)
  const beside = bodies.sending('beside', undefined)
  beside.answered('busy')
  bodies.answering(second)
  bodies.answered('raw')
  // Somebody was asked to go on with it, and could not.
  bodies.sending('after', undefined).answered('no')
  bodies.answered(' and more')
  bodies.responded('shown')
  expect(bodies.outcome(bytes('asked'))).toEqual({
    requestBody: 'asked',
    responseBody: 'shown',
    providerRequestBody: 'second',
    providerResponseBody: 'raw and more',
  })
})

test('each has its bound, and keys of the provider are in none of its own', () => {
  const long = 'x'.repeat(LIMITS.logBodyBytesMax + 10)
  const bodies = new KeptBodies()
  const secret = 'sk-live-0123456789-first'
  const provider = (id: string, key: string) =>
    testProvider({ id, type: 'openai', baseUrl: 'http://p', keys: [{ id: 'first', secret: key }] })
  const exchange = bodies.sending(`{"leaked":"${secret}"}`, provider('p', secret))
  for (let times = 0; times < 3; times += 1) bodies.responded(bytes(long))
  exchange.answered(`wrong key ${secret} given`)
  const kept = bodies.outcome(bytes(long))
  expect(kept.requestBody).toHaveLength(LIMITS.logBodyBytesMax)
  expect(kept.responseBody).toHaveLength(LIMITS.logBodyBytesMax)
  expect(kept.providerResponseBody).toBe('wrong key [redacted] given')
  expect(JSON.stringify(kept)).not.toContain(secret)
})

test('of two that are asked beside each other, what the one says is not the other’s, nor its key in it', () => {
  const bodies = new KeptBodies()
  const providers = ['sk-live-of-the-first-one', 'sk-live-of-the-second'].map((secret, at) =>
    testProvider({
      id: `p${at}`,
      type: 'openai',
      baseUrl: 'http://p',
      keys: [{ id: 'first', secret }],
    }),
  )
  const first = bodies.sending('to the first', providers[0])
  const second = bodies.sending('to the second', providers[1])
  first.answered('Incorrect API key: sk-live-of-the-first-one')
  bodies.answering(second)
  bodies.answered('the answer')
  const kept = bodies.outcome(bytes('asked'))
  expect(kept.providerRequestBody).toBe('to the second')
  expect(kept.providerResponseBody).toBe('the answer')
})
