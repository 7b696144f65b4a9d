// The page for operators, held against the program: every alert has its line in the runbook and none is dead, and what it says of signals,
// settings and metrics is what there is.

import { expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { LIMITS } from '../core/limits.ts'
import { METRICS } from '../core/metric-catalog.ts'
import { plainMarkdown } from './part.ts'

const root = join(import.meta.dir, '../..')
const read = (path: string) => readFileSync(join(root, path), 'utf8')
const page = read('docs/operating.md')

test('the runbook has one line for each alert', () => {
  const { groups } = Bun.YAML.parse(read('deploy/prometheus/alerts.yml')) as {
    groups: { rules: { alert: string }[] }[]
  }
  const alerts = groups.flatMap((group) => group.rules.map(({ alert }) => alert))
  const [, runbook = ''] = page.split('\n## Runbook\n')
  const rows = plainMarkdown(runbook)
    .split('\n')
    .filter((line) => line.startsWith('|`'))
    .map((line) => line.split('|').slice(1, -1))
  expect(rows.map(([name]) => name)).toEqual(alerts.map((alert) => `\`${alert}\``))
  for (const [name, look, act] of rows) {
    expect([name, look !== '' && act !== undefined && act !== '']).toEqual([name, true])
  }
})

test('its metrics are metrics', () => {
  const known = new Set<string>(Object.values(METRICS).map(({ name }) => name))
  const told = [...page.matchAll(/`((?:weir|proxy)_[a-z_]+)`/g)].map(([, name]) => name!)
  expect(told.length).toBeGreaterThan(6)
  expect(told.filter((name) => !known.has(name))).toEqual([])
})

test('its settings are settings, with their defaults', () => {
  const reference = read('docs/configuration.md')
  for (const [, section, key] of page.matchAll(/`(server|log|storage|secrets)\.([a-z_]+)`/g)) {
    const [, part = ''] = reference.split(`\n## \`${section}\`\n`)
    const [own = ''] = part.split('\n## ')
    expect([section, key, own.includes(`| \`${key}\``)]).toEqual([section, key, true])
  }
  expect(page).toContain(`\`server.drain_timeout\` (${LIMITS.drainTimeoutMs / 1_000} s)`)
})
