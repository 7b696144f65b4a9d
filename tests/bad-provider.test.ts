// Everything bad a provider can do, against the executable, for a client of each protocol and a provider of each: never a hang,
// never a clean end of what was not whole, one log row with the right status, and nothing followed or inflated without bound.

import { afterAll, afterEach, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import {
  ask,
  bodyOf,
  DIALECTS,
  expectError,
  expectErrorInStream,
  expectHealthy,
  expectRow,
  type Due,
} from './harness/ask.ts'
import { PROTOCOLS, startBadProvider, type BadProvider } from './harness/bad-provider.ts'
import { expectSingleRows, startWeir, watchGrowth, type Weir } from './harness/weir.ts'

/** What a bomb may cost: far below the 512 MiB it inflates to. */
const BOMB_MEMORY_BYTES_MAX = 200 * 1024 * 1024

setDefaultTimeout(120_000)

let weir: Weir
let bad: BadProvider

beforeAll(async () => {
  bad = await startBadProvider()
  weir = await startWeir({
    config: { server: { drain_timeout: '1s' }, providers: bad.providers },
  })
})
afterAll(async () => {
  expect(bad.trap.requests).toEqual([])
  expect(bad.server.failures).toEqual([])
  expectSingleRows(weir)
  expect(await weir.stop()).toBe(0)
  await bad.close()
})
afterEach(() => expectHealthy(weir))

const due = (code: string, status = 502, type = 'api_error'): Due => ({ status, code, type })
const BAD_RESPONSE = due('upstream_bad_response')
const BROKEN = due('upstream_error')
const LATE = due('upstream_timeout', 504, 'timeout_error')
const REDIRECT = due('upstream_redirect')

/** Cases whose answer is an error of its own, streamed or not. */
const WHOLE: Readonly<Record<string, Due>> = {
  'bad html': BAD_RESPONSE,
  'bad html-503': BROKEN,
  'bad nothing': BAD_RESPONSE,
  'bad empty-body': BAD_RESPONSE,
  'bad plain-text': BAD_RESPONSE,
  'bad half-json': BAD_RESPONSE,
  'bad a-list': BAD_RESPONSE,
  'bad strange-encoding': BAD_RESPONSE,
  'bad gzip-cut': BAD_RESPONSE,
  'bad redirect-301': REDIRECT,
  'bad redirect-302': REDIRECT,
  'bad redirect-303': REDIRECT,
  'bad redirect-307': REDIRECT,
  'bad redirect-308': REDIRECT,
  'silent hangs': LATE,
  'mute silent': LATE,
  'raw short-body': BROKEN,
  'raw fin-at-once': BROKEN,
  'raw not-http': BROKEN,
  'raw reset': BROKEN,
  'gone away': BROKEN,
}

/** Streams that fail after their first words, with the kind of error in the log. */
const STREAMED: Readonly<Record<string, string>> = {
  'bad stream-without-end': 'upstream_error',
  'bad stream-broken': 'upstream_error',
  'bad stream-error-inside': 'upstream_error',
  'halting stream-hangs': 'upstream_timeout',
  'raw fin-mid-stream': 'upstream_error',
  'raw close-delimited': 'upstream_error',
}

/** `bad html` of OpenAI is the model `bad-openai/html`. */
const modelOf = (name: string, provider: string) => name.replace(' ', `-${provider}/`)

for (const dialect of DIALECTS) {
  for (const provider of PROTOCOLS) {
    describe(`${dialect} client, ${provider} provider:`, () => {
      for (const [name, wanted] of Object.entries(WHOLE)) {
        test.each([false, true])(`${name}, stream %p`, async (stream) => {
          const body = bodyOf(dialect, modelOf(name, provider), 'hi', stream)
          const answer = await ask(weir, dialect, body)
          expectError(answer, dialect, wanted)
          expect(answer.headers.get('x-should-retry')).toBe('false')
          await expectRow(weir, answer.requestId, wanted.status, wanted.code)
        })
      }

      test.each([false, true])('an error under a good status, stream %p', async (stream) => {
        const body = bodyOf(dialect, `bad-${provider}/error-inside`, 'hi', stream)
        const answer = await ask(weir, dialect, body)
        expect([502, 503, 529]).toContain(answer.status)
        expect((await weir.row(answer.requestId))['error_kind']).toBeOneOf([
          'upstream_error',
          'upstream_unavailable',
        ])
      })

      for (const [name, kind] of Object.entries(STREAMED)) {
        test(name, async () => {
          const body = bodyOf(dialect, modelOf(name, provider), 'hi', true)
          const answer = await ask(weir, dialect, body)
          // What came in the same moment as the break may be lost with it.
          if (!name.startsWith('raw')) expect(answer.text).toContain('Once upon')
          expectErrorInStream(answer, dialect)
          await expectRow(weir, answer.requestId, 200, kind)
        })
      }

      test('a stream that begins with an error', async () => {
        const body = bodyOf(dialect, `bad-${provider}/stream-error-first`, 'hi', true)
        const answer = await ask(weir, dialect, body)
        if (answer.status === 200) expectErrorInStream(answer, dialect)
        else expect([502, 503, 529]).toContain(answer.status)
        expect((await weir.row(answer.requestId))['error_kind']).not.toBeNull()
      })

      test('a bomb of gzip', async () => {
        const grown = watchGrowth(weir.pid)
        const answer = await ask(weir, dialect, bodyOf(dialect, `bad-${provider}/bomb`))
        expectError(answer, dialect, BAD_RESPONSE)
        await expectRow(weir, answer.requestId, 502, 'upstream_bad_response')
        if (grown !== undefined) expect(grown()).toBeLessThan(BOMB_MEMORY_BYTES_MAX)
      })
    })
  }
}
