import { describe, expect, test } from 'bun:test'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { loadConfig } from './load.ts'
import { ConfigError } from './problem.ts'

function load(environment: Record<string, string>, file?: object) {
  const folder = mkdtempSync(join(tmpdir(), 'weir-config-'))
  try {
    if (file !== undefined) writeFileSync(join(folder, 'weir.json'), JSON.stringify(file))
    const surroundings = {
      environment,
      platform: 'linux',
      home: folder,
      workingFolder: folder,
    } as const
    return loadConfig({ surroundings, flags: { data: folder } })
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

describe('limits of the environment', () => {
  test.each(['', ' ', undefined])('there are none for %p', (value) => {
    const environment = value === undefined ? {} : { RATE_LIMIT_GLOBAL_RPM: value }
    expect(load(environment).config.limits).toEqual([])
  })

  test.each(['-1', '1.5', '1e3', '0x10', 'many', '10 000', '99999999999999', 'NaN'])(
    '%p is no number of requests, and refused without being repeated',
    (value) => {
      for (const name of [
        'RATE_LIMIT_GLOBAL_RPM',
        'RATE_LIMIT_PER_KEY_RPM',
        'RATE_LIMIT_PER_IP_RPM',
      ]) {
        let caught: unknown
        try {
          load({ [name]: value })
        } catch (error) {
          caught = error
        }
        expect(caught).toBeInstanceOf(ConfigError)
        expect(String(caught)).toContain(name)
        expect(String(caught)).not.toContain(value)
      }
    },
  )

  test('a rule that is put in front of others leaves their counters and what was spent to them', () => {
    const limits = [
      { per: 'key', requests_per_minute: 5 },
      { per: 'key', tokens_per_day: 9 },
    ]
    const budgets = [{ per: 'user', usd: 50, window: 'month' }]
    const ids = ({ config }: ReturnType<typeof load>) => [
      ...config.limits.map(({ id }) => id),
      ...config.budgets.map(({ id }) => id),
    ]
    const before = ids(load({}, { limits, budgets }))
    expect(before).toEqual(['file:0:key', 'file:1:key', 'file:0:user:month'])
    const after = load(
      {},
      {
        limits: [{ per: 'ip', requests_per_minute: 5 }, ...limits],
        budgets: [{ per: 'user', only: 'bob', usd: 1, window: 'month' }, ...budgets],
      },
    )
    expect(ids(after)).toEqual([
      'file:0:ip',
      ...before.slice(0, 2),
      'file:0:user:month:bob',
      before[2]!,
    ])
  })

  test('stand behind those of the file under names of their own, and say where they come from', () => {
    const { config, origins, settings } = load(
      { RATE_LIMIT_GLOBAL_RPM: ' 1000 ', RATE_LIMIT_PER_KEY_RPM: '0', RATE_LIMIT_PER_IP_RPM: '60' },
      { limits: [{ per: 'global', requests_per_minute: 5, when_unavailable: 'closed' }] },
    )
    expect(config.limits.map(({ amounts, id, origin, per }) => [id, origin, per, amounts])).toEqual(
      [
        ['file:0:global', 'file', 'global', { requestsPerMinute: 5 }],
        ['environment:global', 'environment', 'global', { requestsPerMinute: 1_000 }],
        // Zero is a limit, and lets nothing through.
        ['environment:key', 'environment', 'key', { requestsPerMinute: 0 }],
        ['environment:ip', 'environment', 'ip', { requestsPerMinute: 60 }],
      ],
    )
    expect(settings.limits).toHaveLength(4)
    expect(origins.get('limits[0].per')).toBe('file')
    expect(origins.get('limits[3].requests_per_minute')).toBe('environment')
  })
})
