// The thread that looks through large bodies: it takes out what it should without holding up this one, and comes back after it was stopped.

import { expect, test } from 'bun:test'
import { ContentThread } from './content-thread.ts'

test('large bodies are looked through elsewhere, again after a stop, and nothing is left waiting', async () => {
  const thread = new ContentThread()
  const text = 'so says ann@example.org, and that is all there is to it. '.repeat(10_000)
  const asked = { requestBody: JSON.stringify({ text }), responseBody: '' }
  let isDone = false
  const looking = thread.redact(asked, ['email']).finally(() => (isDone = true))
  // Work of this thread would be done by now: another's is only heard of in a later turn of the event loop.
  for (let step = 0; step < 100; step += 1) await Promise.resolve()
  expect(isDone).toBe(false)
  const bodies = await looking
  expect(bodies.requestBody).toContain('[EMAIL]')
  expect(bodies.requestBody).not.toContain('ann@')
  expect(bodies.responseBody).toBe('')
  const waiting = thread.redact(asked, ['email'])
  thread.stop()
  await expect(waiting).rejects.toThrow('is stopped')
  const again = await thread.redact({ requestBody: 'ann@example.org' }, ['email', 'phone'])
  expect(again.requestBody).toBe('[EMAIL]')
  thread.stop()
})
