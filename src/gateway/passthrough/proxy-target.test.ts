import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { GatewayError } from '../../core/error.ts'
import { LIMITS } from '../../core/limits.ts'
import { checkParameters } from '../../testing/seed.ts'
import { modelsNamed, proxyShape } from './proxy-shape.ts'
import { proxyTarget } from './proxy-target.ts'

const BASE = 'https://api.example.com/v1'

describe('a path that could lead elsewhere is refused', () => {
  test.each([
    '/evil.com/x',
    '//evil.com/x',
    'a//b',
    '..',
    '../admin',
    'a/../../admin',
    './a',
    'a/.',
    '..;/admin',
    'a/..;x=1/b',
    '%2e%2e/admin',
    '%2E%2e/admin',
    '.%2e/admin',
    '..%2fadmin',
    '..%2Fadmin',
    'a%2f..%2f..%2fadmin',
    '%2fevil',
    '%5c..%5cadmin',
    '..\\admin',
    '\\\\evil.com',
    '%252e%252e/admin',
    '..%252fadmin',
    '%25252e%25252e/x',
    'a%00b',
    'a%0d%0aHost:%20evil',
    'a%250d%250ab',
    'a\r\nhost: evil',
    'a b',
    'a#b',
    'a?b',
    'ümlaut',
    'a%zz',
    'a%2',
    '%',
    'a\u0000',
    'x'.repeat(LIMITS.proxyTargetCharsMax + 1),
  ])('%p', (rest) => {
    for (const base of [BASE, 'http://127.0.0.1:11434', 'http://127.0.0.1:11434/']) {
      expect(() => proxyTarget(base, rest, '')).toThrow(GatewayError)
    }
  })

  test.each(['a=1#b', 'a=\r\nhost: evil', 'a=\u0000', 'a= b', 'ü=1', 'a=%zz'])(
    'query %p',
    (query) => {
      expect(() => proxyTarget(BASE, 'a', query)).toThrow(GatewayError)
    },
  )
})

test.each([
  [BASE, 'chat/completions', '', 'https://api.example.com/v1/chat/completions'],
  [`${BASE}/`, 'files', 'limit=2&after=x', 'https://api.example.com/v1/files?limit=2&after=x'],
  ['http://localhost:11434', '', '', 'http://localhost:11434/'],
  ['http://localhost:11434', 'api/tags', '', 'http://localhost:11434/api/tags'],
  [BASE, '', '', 'https://api.example.com/v1'],
  [BASE, 'models/', '', 'https://api.example.com/v1/models/'],
  [BASE, '@evil.com/x', '', 'https://api.example.com/v1/@evil.com/x'],
  [BASE, 'http:evil', '', 'https://api.example.com/v1/http:evil'],
  [BASE, 'ai/run/@cf/meta/llama', '', 'https://api.example.com/v1/ai/run/@cf/meta/llama'],
  [
    BASE,
    'models/gemini-2:generateContent',
    'alt=sse&key=canary',
    'https://api.example.com/v1/models/gemini-2:generateContent?alt=sse',
  ],
  [BASE, 'a', 'key=canary', 'https://api.example.com/v1/a'],
  [BASE, 'a', 'KEY=canary&%6bey=canary&+key=canary&keys=1', 'https://api.example.com/v1/a?keys=1'],
  [BASE, 'a', 'url=http://evil/?x', 'https://api.example.com/v1/a?url=http://evil/?x'],
  ['https://api.example.com/v1?api-version=x', 'a', '', 'https://api.example.com/v1/a'],
  [BASE, 'a%3Fb', '', 'https://api.example.com/v1/a%3Fb'],
  [BASE, 'name%20with%20spaces', '', 'https://api.example.com/v1/name%20with%20spaces'],
])('%s + %s ? %s', (base, rest, query, expected) => {
  expect(proxyTarget(base, rest, query)).toBe(expected)
})

test('whatever is written, it stays at the origin and below the path of the provider', () => {
  const nasty = fc.constantFrom(
    '/',
    '//',
    '..',
    '.',
    '%2e',
    '%2f',
    '%5c',
    '\\',
    '@',
    ':',
    '?',
    '#',
    ';',
    '%25',
    '%0d%0a',
    '%00',
    'evil.com',
    'a',
    ' ',
    '[',
    '%E2%80%AE',
    '\t',
    'é',
  )
  const text = fc.array(nasty, { maxLength: 12 }).map((parts) => parts.join(''))
  let taken = 0
  fc.assert(
    fc.property(fc.oneof(text, fc.string(), fc.webPath()), text, (rest, query) => {
      let target: string
      try {
        target = proxyTarget(BASE, rest, query)
      } catch (error) {
        if (error instanceof GatewayError) return
        throw error
      }
      taken += 1
      const url = new URL(target)
      expect(url.origin).toBe('https://api.example.com')
      expect(url.username + url.password + url.hash).toBe('')
      let path = url.pathname
      for (let round = 0; round < 4; round += 1) {
        expect(path === '/v1' || path.startsWith('/v1/')).toBe(true)
        expect(path.split('/')).not.toContain('..')
        path = path.replace(/%([0-9a-f]{2})/gi, (_match, hex: string) =>
          String.fromCharCode(Number.parseInt(hex, 16)),
        )
      }
      expect(url.searchParams.has('key')).toBe(false)
    }),
    checkParameters(3_000),
  )
  expect(taken).toBeGreaterThan(50)
}, 60_000)

describe('the models that a raw request names', () => {
  test.each([
    ['/v1/chat/completions', 'POST', { model: 'm' }, ['m']],
    ['/v1/chat/completions', 'POST', { model: 'm', models: ['n', 'o'] }, ['m', 'n', 'o']],
    ['/v1/chat/completions', 'POST', { model: 'm', models: ['n', 1] }, []],
    ['/v1/chat/completions', 'POST', { model: 'm', models: 'n' }, []],
    ['/v1/chat/completions', 'POST', {}, []],
    ['/v1/chat/completions', 'POST', undefined, []],
    ['/v1/chat/completions', 'DELETE', { model: 'm' }, []],
    ['/v1/files', 'POST', { model: 'm' }, []],
    ['/v1/fine_tuning/jobs', 'POST', { model: 'm' }, []],
    ['/v1/messages/batches', 'POST', { model: 'm' }, []],
    ['/v1/messages', 'POST', { model: 'm' }, ['m']],
    ['/v1beta/models/g:streamGenerateContent', 'POST', {}, ['g']],
    ['/v1beta/models/g:streamGenerateContent', 'POST', { model: 'models/h' }, ['g', 'h']],
    ['/v1beta/models/g%2d1:countTokens', 'POST', {}, ['g-1']],
    ['/v1beta/models/g:batchGenerateContent', 'POST', {}, []],
    ['/openai/deployments/d/chat/completions', 'POST', { model: 'm' }, ['d', 'm']],
    ['/openai/deployments/d', 'POST', { model: 'm' }, []],
  ] as const)('%s %s %p', (path, method, body, expected) => {
    const named = modelsNamed(proxyShape(path, method), body as never, undefined)
    expect(named).toEqual([...expected])
  })

  test.each([
    ['/v1/chat/completions', 'openai-chat'],
    ['/v1/completions', 'openai-completions'],
    ['/v1/responses', 'openai-responses'],
    ['/v1/embeddings', 'openai-embeddings'],
    ['/v1/messages', 'anthropic'],
    ['/api/chat', 'ollama'],
    ['/v2/chat', 'cohere'],
    ['/v1beta/models/g:generateContent', 'gemini'],
    ['/v1/moderations', undefined],
    ['/v1/models', undefined],
  ] as const)('%s answers in %p', (path, dialect) => {
    expect(proxyShape(path, 'POST').dialect).toBe(dialect as never)
  })
})
