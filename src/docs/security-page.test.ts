// The security model, held against the program: the tests that it names are there, its numbers are those of the code, and the headers are
// those that are sent.

import { expect, test } from 'bun:test'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { LIMITS } from '../core/limits.ts'
import { pageHeaders } from '../server/web-files.ts'
import { plainMarkdown } from './part.ts'

const root = join(import.meta.dir, '../..')
const page = readFileSync(join(root, 'docs/security-model.md'), 'utf8')
const words = plainMarkdown(page).replace(/\s+/g, ' ')

test('every test that it names is there, and every threat names one', () => {
  const named = [...page.matchAll(/`((?:src|tests)\/[\w./-]+)`/g)].map(([, path]) => path!)
  expect(named.length).toBeGreaterThan(35)
  expect(named.filter((path) => !existsSync(join(root, path)))).toEqual([])
  const [, threats = ''] = plainMarkdown(page).split('\n## Threats and answers\n')
  const [own = ''] = threats.split('\n## ')
  const rows = own.split('\n').filter((line) => /^\|(?!threat\||-)/.test(line))
  expect(rows.length).toBeGreaterThan(30)
  for (const row of rows) expect(row).toMatch(/\|`(src|tests)\/.*\|$/)
})

test('its numbers are those of the code', () => {
  expect(words).toContain(`${LIMITS.requestBodyBytesMax / 1024 ** 2} MiB, one minute, depth 64`)
  expect(LIMITS.requestBodyTimeoutMs).toBe(60_000)
  expect(LIMITS.requestJsonDepthMax).toBe(64)
  expect(words).toContain(
    `ends after ${LIMITS.sessionIdleMs / 60_000} min unused, ${LIMITS.sessionLifetimeMs / 3_600_000} h at most`,
  )
  expect(words).toContain(`argon2id, ${LIMITS.passwordShortestChars} characters at least`)
})

test('pages load nothing from elsewhere and no script of their own text', () => {
  const policy = pageHeaders()['content-security-policy'] ?? ''
  expect(policy).toStartWith("default-src 'none'")
  expect(policy).not.toContain('unsafe')
  expect(words).toContain("`default-src 'none'`")
})
