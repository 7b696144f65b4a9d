import { expect, test } from 'bun:test'
import type { NetworkSettings, Provider } from '../catalog.ts'
import { providerSecrets, scrubMessage } from './scrub.ts'

function provider(network: NetworkSettings): Provider {
  return {
    id: 'p',
    type: 'openai',
    origin: 'file',
    baseUrl: 'https://api.example.com',
    keys: [{ id: 'k', secret: 'provider-key' }],
    timeouts: { connectMs: 1, firstByteMs: 1, idleMs: 1, totalMs: 1 },
    retries: { max: 0, baseMs: 1, capMs: 1 },
    headers: {},
    network,
  }
}

test('the password of a proxy goes in every form in which it is written or sent', () => {
  const network = { proxy: 'http://us%20er:p%40ss%3Aw%C3%B6rd@proxy:3128', keyPassphrase: 'phrase' }
  const basic = Buffer.from('us er:p@ss:wörd', 'utf8').toString('base64')
  for (const text of ['p%40ss%3Aw%C3%B6rd', 'p@ss:wörd', basic, 'phrase', 'provider-key']) {
    expect(scrubMessage(`said ${text} to all`, providerSecrets(provider(network)))).toBe(
      'said [redacted] to all',
    )
  }
})

test.each(['http://proxy:3128', 'http://user@proxy:3128', 'no address'])(
  '%s adds no secret',
  (proxy) => {
    expect(providerSecrets(provider({ proxy }))).toEqual(['provider-key'])
  },
)
