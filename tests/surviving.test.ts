// A real model server behind a network that fails, through the executable: the answer comes from the same model by another way, whole or
// gone on with from where it broke off. Left out, with the reason, where the server cannot be installed.

import { afterAll, describe, expect, test } from 'bun:test'
import OpenAI from 'openai'
import { startFaultProxy } from '../src/testing/fault-proxy.ts'
import { MODEL, startModelServer } from './harness/model-server.ts'
import { pythonEnvironment } from './harness/python.ts'
import { startWeir } from './harness/weir.ts'

const STOP_LIMIT_MS = 20_000
const PROMPT = 'the river runs over a low wall'
const LIMIT = 24
/** In the middle of a streamed answer: a few words of it are through, most are not. */
const BREAK_AT_BYTE = 3_000

const environment = await pythonEnvironment('model-server')
if ('reason' in environment) {
  process.stdout.write(
    `left out: a real model server on a failing network: ${environment.reason}\n`,
  )
  test.skip('a real model server on a failing network', () => undefined)
} else await testSurviving(environment.python)

async function testSurviving(python: string): Promise<void> {
  const server = await startModelServer(python)
  const network = startFaultProxy({ port: Number(new URL(server.chatUrl).port) })
  const provider = (id: string, url: string) => ({
    id,
    type: 'custom',
    compatible: 'openai',
    base_url: `${url}/v1`,
    retries: { max: 0 },
    circuit: { enabled: false },
  })
  const target = (id: string, order: number) => ({
    provider: id,
    model: MODEL,
    order,
    abilities: { prefill: true },
  })
  const weir = await startWeir({
    config: {
      providers: [provider('far', network.url), provider('near', server.chatUrl)],
      models: ['tiny', 'tiny-continued'].map((id) => ({
        id,
        targets: [target('far', 0), target('near', 1)],
        routing: { continuation: id === 'tiny-continued' },
      })),
    },
  })
  afterAll(async () => {
    await weir.stop()
    network.close()
    await server.stop()
  }, STOP_LIMIT_MS)
  const openai = new OpenAI({ baseURL: `${weir.url}/v1`, apiKey: 'anonymous', maxRetries: 0 })
  const asking = {
    messages: [{ role: 'user' as const, content: PROMPT }],
    max_tokens: LIMIT,
    temperature: 0,
    seed: 1,
  }

  describe('a real model server on a failing network', () => {
    for (const [name, how] of [
      ['a reset in the middle of an answer', 'reset'],
      ['an end in the middle of an answer', 'fin'],
    ] as const) {
      test(`${name}: the other way gives the same answer`, async () => {
        const due = await server.chat(PROMPT, { max_tokens: LIMIT, temperature: 0 })
        network.set({ answer: { cut: { atByte: 300, how } } })
        const { data, response } = await openai.chat.completions
          .create({ model: 'tiny', ...asking })
          .withResponse()
        expect(data.choices[0]?.message.content).toBe(due.text)
        expect(response.headers.get('x-weir-provider')).toBe('near')
        expect(response.headers.get('x-weir-attempts')).toBe('2')
      })

      test(`${name} that streams: it is gone on with by the other way`, async () => {
        // By bytes and not by time: a busy machine may have the whole answer on its way before anybody reads the first word.
        network.set({ answer: { cut: { atByte: BREAK_AT_BYTE, how } } })
        const { data: stream, response } = await openai.chat.completions
          .create({ model: 'tiny-continued', stream: true, ...asking, max_tokens: 4 * LIMIT })
          .withResponse()
        let said = ''
        let finish: string | null = null
        for await (const { choices } of stream) {
          const [choice] = choices
          said += choice?.delta.content ?? ''
          finish = choice?.finish_reason ?? finish
        }
        expect(response.headers.get('x-weir-continuation')).toBe('on')
        expect(finish).toMatch(/^(length|stop)$/)
        expect(said.length).toBeGreaterThan(LIMIT)
        const row = await weir.row(response.headers.get('x-request-id') ?? '')
        expect(row).toMatchObject({ status: 200, provider_id: 'near', error_kind: null })
        const attempts = JSON.parse(String(row['attempts'])) as { provider: string; as?: string }[]
        expect(attempts.map(({ as }) => as)).toEqual([undefined, 'continuation'])
        expect(row['output_tokens']).toBeGreaterThan(LIMIT)
      })
    }
  })
}
