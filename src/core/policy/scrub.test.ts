import { describe, expect, test } from 'bun:test'
import * as fc from 'fast-check'
import { cpuMsOf } from '../../testing/cpu-time.ts'
import { scrubMessage } from './scrub.ts'

describe('scrubMessage', () => {
  test.each([
    ['OpenAI key', 'Incorrect API key provided: sk-proj-abc123DEF456ghi. You can', 'abc123'],
    ['starred key', 'Incorrect API key provided: sk-abcde********************wxyz. See', 'wxyz'],
    ['odd key', 'Incorrect API key provided: bad-key-**********test.', 'bad-key'],
    ['Anthropic key', 'got sk-ant-api03-AAAABBBBCCCC', 'AAAABBBB'],
    ['our own key', 'key weir_0123456789abcdefABCDEF is wrong', '0123456789'],
    ['Google key', 'key AIzaSyA1234567890abcdefghijk', 'SyA1234'],
    ['bearer', 'header Authorization: Bearer abcdefghijklmnop was refused', 'abcdefghijklmnop'],
    ['JWT', 'token eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl expired', 'c2lnbmF0dXJl'],
    ['organisation', 'Rate limit for gpt-4o in organization org-A1b2C3d4E5f6 on', 'A1b2C3'],
    ['project', 'Project `proj_9xYz12AbCd` does not have access', '9xYz12'],
    ['user', 'account user_2aBcDeFgHiJkLmNoP', '2aBcDe'],
    ['letters only id', 'org-ABCDEFGHIJKLMNOPQRSTUVWX is', 'ABCDEFGHIJ'],
    ['query key', 'POST https://x.example/v1?key=abc123xyz&alt=sse failed', 'abc123xyz'],
    ['credentials in a URL', 'proxy http://joe:hunter22@proxy.example:3128 refused', 'hunter22'],
    ['private address', 'connect to 10.1.2.3:8080 failed', '10.1.2.3'],
    ['IPv6 address', 'connect to [fd00::12ab]:8080 failed', 'fd00'],
    ['localhost', 'dial localhost:11434 refused', '11434'],
    ['internal name', 'no route to llm.prod.svc.cluster.local:8000', 'llm.prod'],
  ])('takes out a %s', (_name, text, gone) => {
    const scrubbed = scrubMessage(text, [])
    expect(scrubbed).not.toContain(gone)
    expect(scrubbed).toContain('[redacted]')
  })

  test.each([
    "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.",
    "Invalid 'messages[10].content[2]'. Content blocks are expected to be either text or image_url type.",
    "This model's maximum context length is 1048565 tokens. However, you requested 1250025 tokens.",
    'The model `gpt-4.1-nano-wrong` does not exist or you do not have access to it.',
    'user-friendly organisations use project-based accounts',
    "messages.0: Input does not match the expected shape: 'tool_use' [a:b]",
  ])('leaves alone: %s', (text) => expect(scrubMessage(text, [])).toBe(text))

  test('hosts of ours go with their port, in any case', () => {
    const scrubbed = scrubMessage(
      'POST https://LLM.corp.example:8443/v1 and llm.corp.example',
      [],
      ['llm.corp.example'],
    )
    expect(scrubbed).toBe('POST https://[redacted]/v1 and [redacted]')
  })

  test('controls, terminal escapes and text reordering go', () => {
    expect(scrubMessage('a\u001b[31mb\r\nc\u0000d\u202ee\u2028f', [])).toBe('a [31mb c d e f')
  })

  test('the length is bounded, and no character is cut in half', () => {
    expect(scrubMessage('x'.repeat(5_000), [], [], 100)).toHaveLength(100)
    expect(scrubMessage('x'.repeat(100), [], [], 100)).toBe('x'.repeat(100))
    expect(scrubMessage('🦀'.repeat(100), [], [], 50).isWellFormed()).toBe(true)
    expect(scrubMessage('🦀'.repeat(100), [], [], 51).isWellFormed()).toBe(true)
  })

  test('a secret across the bound of what is read does not leave its first half', () => {
    const secret = 'Correct-Horse-Battery-Staple'
    for (let shift = 0; shift <= secret.length; shift += 1) {
      const repeated = 's3cr3t-value-of-another-key '.repeat(700)
      const text = `${repeated.slice(0, 16 * 1024 - shift)}${secret} tail`
      const scrubbed = scrubMessage(text, [secret, 's3cr3t-value-of-another-key'], [], 1_000_000)
      expect(scrubbed).not.toContain('Correct-H')
    }
  })

  test('no canary survives, wherever and however it is told', () => {
    const secretText = fc.stringMatching(/^[!-~]{8,60}$/)
    const wrap = fc.constantFrom(
      (secret: string) => secret,
      (secret: string) => JSON.stringify({ key: secret }),
      (secret: string) => `https://x.example/?q=${encodeURIComponent(secret)}`,
      (secret: string) => `\u0000${secret}\u0007`,
      (secret: string) => `${secret}${secret}`,
    )
    fc.assert(
      fc.property(
        fc.array(secretText, { minLength: 1, maxLength: 4 }),
        fc.array(fc.tuple(fc.string({ maxLength: 40 }), wrap, fc.nat(3)), { maxLength: 8 }),
        (secrets, parts) => {
          const text = parts
            .map(
              ([before, wrapped, pick]) => before + wrapped(secrets[pick % secrets.length] ?? ''),
            )
            .join(' ')
          const scrubbed = scrubMessage(text, secrets)
          for (const secret of secrets) {
            expect(scrubbed.includes(secret)).toBe(false)
            expect(scrubbed.includes(encodeURIComponent(secret))).toBe(false)
            expect(scrubbed.includes(JSON.stringify(secret).slice(1, -1))).toBe(false)
          }
        },
      ),
    )
  })

  test('hostile text costs little', () => {
    const pieces = [
      'a.',
      'a-',
      'eyJ-',
      'eyJaaaaaaaa.',
      'a://',
      '1.',
      '[:',
      'sk-',
      'org-',
      ' ',
      'bearer ',
    ]
    const spentMs = cpuMsOf(() => {
      for (const piece of pieces) {
        scrubMessage(piece.repeat(100_000), ['secret'], ['host.example'])
      }
    })
    expect(spentMs).toBeLessThan(3_000)
  })
})
