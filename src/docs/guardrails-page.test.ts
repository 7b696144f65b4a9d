// The page about guardrails, held against the program: its list of checks is what is read, its example is a configuration, its defaults are
// those of the schema.

import { expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { CHECK_DESCRIPTIONS } from '../core/guardrail-options.ts'
import { loadConfig } from '../config/load.ts'
import { GUARDRAIL } from '../config/schema-guardrails.ts'
import { formatDuration } from '../config/units.ts'
import { checkProblems } from '../guardrails/ready.ts'
import { withChecksList } from './guardrail-checks.ts'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'

const page = readFileSync(join(import.meta.dir, '../../docs/guardrails.md'), 'utf8')

test('lists every check and option as they are; `bun run docs` writes them', () => {
  expect(withChecksList(page)).toBe(page)
  for (const { kind, options } of CHECK_DESCRIPTIONS) {
    expect(page).toContain(`### \`${kind}\``)
    for (const { name } of options) expect(page).toContain(`- \`${name}\` (`)
  }
})

test('no option is called as a key that every rule has', () => {
  const own = [...Object.keys(GUARDRAIL.keys), ...Object.keys(GUARDRAIL.synonyms)]
  for (const { kind, options } of CHECK_DESCRIPTIONS) {
    for (const { name } of options) expect([kind, own.includes(name)]).toEqual([kind, false])
  }
})

test('its first example is a configuration whose rules can be asked', () => {
  const [, example = ''] = /```yaml\n([\s\S]*?)```/.exec(page) ?? []
  const folder = mkdtempSync(join(tmpdir(), 'weir-docs-'))
  try {
    writeFileSync(join(folder, 'weir.yaml'), example)
    const { config } = loadConfig({
      surroundings: {
        platform: 'linux',
        environment: { GUARD_SECRET: 'one' },
        home: folder,
        workingFolder: folder,
      },
    })
    expect(config.guardrails.length).toBeGreaterThan(3)
    for (const { check, options } of config.guardrails) {
      expect(checkProblems(check, options)).toEqual([])
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})

test('says the defaults of the schema', () => {
  const { keys } = GUARDRAIL
  const row = (key: string) =>
    page.split('\n').find((line) => line.startsWith(`| \`${key}\``)) ?? ''
  for (const key of Object.keys(keys)) if (key !== 'options') expect(row(key)).not.toBe('')
  expect(row('timeout')).toContain(formatDuration(keys.timeout.default))
  expect(row('window')).toContain(String(keys.window.default))
  expect(row('mode')).toContain(keys.mode.default)
  expect(row('on_failure')).toContain(keys.on_failure.default)
})
