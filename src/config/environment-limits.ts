// Limits that the environment declares, by names that other gateways made usual. Each is one rule more, beside those of the file: all
// of them must let a request through.

import { ConfigError } from './problem.ts'
import type { Settings } from './schema.ts'
import { type Surroundings, variable } from './surroundings.ts'
import type { SettingOrigin } from './validate.ts'

type LimitSettings = Settings['limits'][number]

const NAMES = [
  ['RATE_LIMIT_GLOBAL_RPM', 'global'],
  ['RATE_LIMIT_PER_KEY_RPM', 'key'],
  ['RATE_LIMIT_PER_IP_RPM', 'ip'],
] as const

const AMOUNT_MAX = 1_000_000_000_000

/**
 * The settings with the limits of the environment behind those of the file.
 * @throws ConfigError for a value that is no whole number: a limit that was meant and does not hold would be worse than no start
 */
export function withEnvironmentLimits(
  settings: Settings,
  origins: Map<string, SettingOrigin>,
  surroundings: Surroundings,
): Settings {
  const limits: LimitSettings[] = [...settings.limits]
  for (const [name, per] of NAMES) {
    const value = variable(surroundings, name)?.trim()
    if (value === undefined) continue
    if (!/^\d{1,13}$/.test(value) || Number(value) > AMOUNT_MAX) {
      const message = 'must be a whole number of requests in a minute'
      throw new ConfigError([{ source: name, path: '', message }])
    }
    const path = `limits[${limits.length}]`
    for (const key of ['per', 'requests_per_minute']) origins.set(`${path}.${key}`, 'environment')
    limits.push(ruleOf(per, Number(value)))
  }
  return { ...settings, limits }
}

function ruleOf(per: (typeof NAMES)[number][1], requestsPerMinute: number): LimitSettings {
  return {
    per,
    only: undefined,
    requests_per_minute: requestsPerMinute,
    requests_per_hour: undefined,
    requests_per_day: undefined,
    tokens_per_minute: undefined,
    tokens_per_hour: undefined,
    tokens_per_day: undefined,
    concurrent: undefined,
    when_unavailable: 'local',
  }
}
