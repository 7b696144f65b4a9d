// Every metric there is: its name, its type, its labels and what it means, in one table. Whoever counts, renders, draws or documents one
// reads it here, so that they cannot differ. Names that begin with `weir_` are this program's own; the others are those that dashboards
// for such proxies expect. No label ever holds a key, a secret or a word of a user.

import { CONTENT_METRICS, LOG_METRICS, TELEMETRY_METRICS } from './metric-catalog-records.ts'
import { CLIENT_METRICS, PROVIDER_METRICS, USE_METRICS } from './metric-catalog-requests.ts'
import { NANO_PER_USD } from './nano-usd.ts'

/** Where a metric stands in the documentation. */
export type MetricArea =
  | 'requests'
  | 'providers'
  | 'use'
  | 'limits'
  | 'guardrails'
  | 'cache'
  | 'log'
  | 'telemetry'
  | 'runtime'

export interface MetricDefinition {
  readonly name: string
  readonly type: 'counter' | 'gauge' | 'histogram'
  readonly labels: readonly string[]
  /** One sentence without quotes, backslashes or line ends. */
  readonly help: string
  readonly area: MetricArea
  /** Upper bounds of a histogram, ascending, without infinity. */
  readonly buckets?: readonly number[]
  /** What is counted is divided by it when it is told: dollars are counted in billionths. */
  readonly divisor?: number
}

/** Units that a name may end with, before `_total`; OpenMetrics tells them apart. */
const UNITS = ['seconds', 'bytes', 'usd', 'ratio'] as const

/** The unit that a metric's name ends with; undefined where it counts things. */
export function metricUnit({ name }: MetricDefinition): string | undefined {
  const base = name.replace(/_total$/, '')
  return UNITS.find((unit) => base.endsWith(`_${unit}`))
}

const LIMIT_METRICS = {
  limitRefusals: {
    name: 'weir_limit_refusals_total',
    type: 'counter',
    labels: ['per', 'counts'],
    help: 'Requests that a limit refused, by what it counts and for whom.',
    area: 'limits',
  },
  budgetRefusals: {
    name: 'weir_budget_refusals_total',
    type: 'counter',
    labels: ['per', 'cause'],
    help: 'Requests that a budget refused, by whom it is kept for and why.',
    area: 'limits',
  },
  budgetAlerts: {
    name: 'weir_budget_alerts_total',
    type: 'counter',
    labels: ['per', 'way'],
    help: 'Alerts of budgets, by whom they are kept for and how they were told: log, webhook, failed or dropped.',
    area: 'limits',
  },
  budgetLeft: {
    name: 'weir_budget_left_usd',
    type: 'gauge',
    labels: ['budget', 'tenant', 'per', 'window'],
    help: 'Money left of a budget in its window; of a budget kept for each subject apart, of the one with least left. Below 0: overspent.',
    area: 'limits',
  },
  budgetLeftRatio: {
    name: 'weir_budget_left_ratio',
    type: 'gauge',
    labels: ['budget', 'tenant', 'per', 'window'],
    help: 'The same as a share of the budget.',
    area: 'limits',
  },
} as const satisfies Record<string, MetricDefinition>

const GUARDRAIL_METRICS = {
  guardrailVerdicts: {
    name: 'weir_guardrail_verdicts_total',
    type: 'counter',
    labels: ['rule', 'check', 'stage', 'verdict'],
    help: 'Judgements of guardrails, one for each rule and stage of a request. failed-open and failed-closed: nobody answered.',
    area: 'guardrails',
  },
  guardrailSeconds: {
    name: 'weir_guardrail_seconds',
    type: 'histogram',
    labels: ['rule', 'stage'],
    help: 'Time that a rule took at one stage of a request, all of its judgements together.',
    area: 'guardrails',
    buckets: [0.0001, 0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
  },
  guardrailServiceDown: {
    name: 'weir_guardrail_service_down',
    type: 'gauge',
    labels: ['host'],
    help: 'Whether a service that guardrails ask is left alone because it failed several times in a row.',
    area: 'guardrails',
  },
  guardrailServiceRunning: {
    name: 'weir_guardrail_service_running',
    type: 'gauge',
    labels: ['host'],
    help: 'Questions that a service is asked by guardrails at this moment.',
    area: 'guardrails',
  },
  guardrailServiceWaiting: {
    name: 'weir_guardrail_service_waiting',
    type: 'gauge',
    labels: ['host'],
    help: 'Questions of guardrails that wait for their turn at a service.',
    area: 'guardrails',
  },
} as const satisfies Record<string, MetricDefinition>

const CACHE_METRICS = {
  cacheRequests: {
    name: 'weir_cache_requests_total',
    type: 'counter',
    labels: ['kind', 'state'],
    help: 'Requests that the response cache had to do with, by what came of it: hit, miss or bypass.',
    area: 'cache',
  },
  cacheSaved: {
    name: 'weir_cache_saved_usd_total',
    type: 'counter',
    labels: ['kind'],
    help: 'What answers from the cache had cost when they were bought.',
    area: 'cache',
    divisor: NANO_PER_USD,
  },
} as const satisfies Record<string, MetricDefinition>

const RUNTIME_METRICS = {
  build: {
    name: 'weir_build_info',
    type: 'gauge',
    labels: ['version', 'bun', 'engine'],
    help: 'Always 1: the running version, that of its runtime and the engine of its store, as labels.',
    area: 'runtime',
  },
  ready: {
    name: 'weir_ready',
    type: 'gauge',
    labels: [],
    help: 'What /readyz says: 1 while requests should be sent here.',
    area: 'runtime',
  },
  loopLag: {
    name: 'weir_event_loop_lag_seconds',
    type: 'histogram',
    labels: [],
    help: 'By how much a timer came late; measured only while somebody asks for metrics.',
    area: 'runtime',
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
  },
  configReloads: {
    name: 'weir_config_reloads_total',
    type: 'counter',
    labels: ['result'],
    help: 'Changes of the configuration file since the start: success, refused (broken, the running one stays) or failed.',
    area: 'runtime',
  },
  configReloadTime: {
    name: 'weir_config_last_reload_success_timestamp_seconds',
    type: 'gauge',
    labels: [],
    help: 'When the running configuration was taken over, UNIX time.',
    area: 'runtime',
  },
  configReloadGood: {
    name: 'weir_config_last_reload_successful',
    type: 'gauge',
    labels: [],
    help: 'Whether the last change of the configuration file was taken over.',
    area: 'runtime',
  },
  heap: {
    name: 'weir_heap_bytes',
    type: 'gauge',
    labels: [],
    help: 'Memory that the JavaScript heap uses.',
    area: 'runtime',
  },
  cpu: {
    name: 'process_cpu_seconds_total',
    type: 'counter',
    labels: [],
    help: 'Processor time used, user and system.',
    area: 'runtime',
  },
  residentMemory: {
    name: 'process_resident_memory_bytes',
    type: 'gauge',
    labels: [],
    help: 'Resident memory.',
    area: 'runtime',
  },
  openFiles: {
    name: 'process_open_fds',
    type: 'gauge',
    labels: [],
    help: 'Open file descriptors; where the system tells.',
    area: 'runtime',
  },
  openFilesMax: {
    name: 'process_max_fds',
    type: 'gauge',
    labels: [],
    help: 'File descriptors that may be open at most; where the system tells.',
    area: 'runtime',
  },
  startTime: {
    name: 'process_start_time_seconds',
    type: 'gauge',
    labels: [],
    help: 'When the process began, UNIX time.',
    area: 'runtime',
  },
} as const satisfies Record<string, MetricDefinition>

export const METRICS = {
  ...CLIENT_METRICS,
  ...PROVIDER_METRICS,
  ...USE_METRICS,
  ...LIMIT_METRICS,
  ...GUARDRAIL_METRICS,
  ...CACHE_METRICS,
  ...LOG_METRICS,
  ...CONTENT_METRICS,
  ...TELEMETRY_METRICS,
  ...RUNTIME_METRICS,
} as const satisfies Record<string, MetricDefinition>

/** What holds at the moment it is asked for: counters kept elsewhere as well as gauges. */
export interface MetricFamily {
  readonly definition: MetricDefinition
  /** One for each combination of labels; what comes beyond the bound of a metric is left out. */
  readonly samples: readonly { readonly labels: readonly string[]; readonly value: number }[]
}
