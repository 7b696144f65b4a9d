import { expect, setDefaultTimeout, test } from 'bun:test'
import fc from 'fast-check'
import { checkParameters } from '../testing/seed.ts'
import { returnTarget, START_PAGE } from './return-target.ts'

// Hundreds of addresses, each read several times.
setDefaultTimeout(60_000)

test('whatever is given, a browser stays where it is', () => {
  const nasty = fc.array(
    fc.constantFrom(
      '/',
      '\\',
      '.',
      '..',
      '@',
      ':',
      '%2f',
      '%5c',
      '\t',
      '\n',
      'evil.example',
      'https:',
      'javascript:',
      '?',
      '#',
      'ui',
      '\u0000',
      '//',
    ),
    { maxLength: 8 },
  )
  fc.assert(
    fc.property(
      fc.oneof(
        nasty.map((parts) => parts.join('')),
        fc.string(),
        fc.webUrl(),
      ),
      (given) => {
        const target = returnTarget(given)
        expect(target).toMatch(/^\/(?![/\\])/)
        for (const base of ['https://weir.example.com', 'http://127.0.0.1:9347']) {
          expect(new URL(target, base).origin).toBe(base)
          expect(new URL(`${base}${target}`).origin).toBe(base)
        }
        expect(target).not.toMatch(/[\s\\\u0000-\u001f]/)
      },
    ),
    checkParameters(200),
  )
})

test('paths of ours are kept as they are', () => {
  for (const path of ['/ui', '/ui?tab=keys&x=%20', '/', '/ui/models/a/b', '/auth/session']) {
    expect(returnTarget(path)).toBe(path)
  }
})

test('nothing, and pages that log in or out, are the start page', () => {
  for (const path of [
    null,
    undefined,
    '',
    'ui',
    '/auth/login',
    '/auth/logout',
    '/auth/callback?x=1',
  ]) {
    expect(returnTarget(path)).toBe(START_PAGE)
  }
})
