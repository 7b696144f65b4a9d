// What a failed request's row says of its failure is read and sent where content may not be: it quotes nothing of the request, whatever is kept.

import { afterAll, expect, test } from 'bun:test'
import { createTestGateway, testProvider, textOf } from '../testing/gateway.ts'
import { json } from '../testing/upstream-answers.ts'
import { startUpstream } from '../testing/upstream.ts'

const SENTENCE = 'the heron keeps a silver thimble under the weir'
const up = startUpstream(
  ...Array.from({ length: 3 }, () =>
    json(
      { error: { message: `We do not answer "${SENTENCE}".`, type: 'invalid' } },
      { status: 400 },
    ),
  ),
)
afterAll(() => up.close())

test.each(['metadata', 'content', 'content-on-error'] as const)(
  'a provider’s words repeat nothing of a request, with the policy %s',
  async (keep) => {
    const gateway = createTestGateway({
      providers: [testProvider({ id: 'p', type: 'openai', baseUrl: `${up.url}/v1` })],
      content: { keep, redact: [] },
    })
    const messages = [{ role: 'user', content: SENTENCE }]
    await textOf(await gateway.ask({ body: { model: 'p/gpt-x', messages } }))
    const outcome = await gateway.outcome()
    expect(outcome.errorText).toContain('We do not answer')
    expect(outcome.errorText).not.toContain('heron')
    expect(outcome.requestBody?.includes('heron') ?? false).toBe(keep !== 'metadata')
  },
)
