// The page about monitoring and the dashboards, held against the code: every metric stands in the table as it is, every alert is named, the
// numbers are the limits, and the files in `deploy/` are what the code draws.

import { describe, expect, test } from 'bun:test'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { LIMITS } from '../core/limits.ts'
import { METRICS, type MetricDefinition } from '../core/metric-catalog.ts'
import { dashboards } from './dashboards.ts'
import { withMetricsTable } from './metrics-table.ts'

const root = join(import.meta.dir, '../..')
const page = readFileSync(join(root, 'docs/monitoring.md'), 'utf8')
const folder = join(root, 'deploy/grafana/dashboards')
const metrics: readonly MetricDefinition[] = Object.values(METRICS)

/** Tables are padded by whoever formats the page. */
const plain = (text: string) => text.replace(/ *\| */g, '|').replace(/-{3,}/g, '---')

describe('docs/monitoring.md', () => {
  test('its table is what `bun run docs` would write', () => {
    expect(plain(page)).toBe(plain(withMetricsTable(page)))
    for (const { name } of metrics) expect(page).toContain(`| \`${name}\``)
  })

  test('a page without a place for the table is refused', () => {
    expect(() => withMetricsTable('# Monitoring\n')).toThrow('no place')
  })

  test('names every alert, and whether it wakes somebody', () => {
    const text = readFileSync(join(root, 'deploy/prometheus/alerts.yml'), 'utf8')
    const { groups } = Bun.YAML.parse(text) as {
      groups: { rules: { alert: string; labels: { severity: string } }[] }[]
    }
    const rules = groups.flatMap((group) => group.rules)
    expect(rules.length).toBeGreaterThan(20)
    for (const { alert, labels } of rules) {
      const wakes = labels.severity === 'critical' ? 'yes' : ''
      expect(plain(page)).toContain(`|\`${alert}\`|${wakes}|`)
    }
  })

  test('its numbers are the limits', () => {
    const words = page.replace(/\s+/g, ' ')
    const many = (count: number) => count.toLocaleString('en')
    expect(words).toContain(
      `at most ${many(LIMITS.metricSeriesMax)} combinations of labels, a histogram ${LIMITS.metricHistogramSeriesMax};`,
    )
    expect(words).toContain(`beyond ${LIMITS.metricModelsMax}.`)
    expect(words).toContain(`tells ${LIMITS.metricTenantsMax} tenants`)
    expect(words).toContain(`every ${LIMITS.metricBudgetsFreshMs / 1_000} seconds`)
    expect(LIMITS.eventLoopWatchMs).toBe(5 * 60_000)
  })
})

describe('dashboards', () => {
  const drawn = dashboards()

  test('the files are what `bun run docs` would write', () => {
    expect(readdirSync(folder).toSorted()).toEqual(Object.keys(drawn).toSorted())
    for (const [name, dashboard] of Object.entries(drawn)) {
      const file: unknown = JSON.parse(readFileSync(join(folder, name), 'utf8'))
      expect({ name, file }).toEqual({ name, file: dashboard })
    }
  })

  test('panels lie beside each other and none on another, each with its own id', () => {
    for (const dashboard of Object.values(drawn)) {
      const panels = dashboard['panels'] as {
        id: number
        gridPos: { x: number; y: number; w: number; h: number }
      }[]
      expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length)
      const taken = new Set<string>()
      for (const { gridPos } of panels) {
        expect(gridPos.x + gridPos.w).toBeLessThanOrEqual(24)
        for (let x = gridPos.x; x < gridPos.x + gridPos.w; x++) {
          for (let y = gridPos.y; y < gridPos.y + gridPos.h; y++) {
            expect(taken.has(`${x},${y}`)).toBe(false)
            taken.add(`${x},${y}`)
          }
        }
      }
    }
  })

  test('every metric is drawn somewhere', () => {
    const text = JSON.stringify(drawn)
    for (const { name } of metrics)
      expect({ name, drawn: text.includes(name) }).toEqual({ name, drawn: true })
  })
})
