// `weir usage`: what was used and spent, by any dimension, from the hourly totals. It reads the store and nothing else, so it works beside
// a running server and without one.

import { loadConfig } from '../config/load.ts'
import { csvLine } from '../core/csv.ts'
import { LIMITS } from '../core/limits.ts'
import {
  USAGE_DIMENSIONS,
  type UsageDimension,
  type UsageFilter,
  type UsageRow,
} from '../core/ports-money.ts'
import { groupText, USAGE_COLUMNS, usageJson, usageValues } from '../core/usage-export.ts'
import { systemClock } from '../system.ts'
import { integerOption, isOn, listOption, textOption } from './arguments.ts'
import { UsageError, type Command, type CommandInput } from './command.ts'
import { counted, formatUsd, jsonText } from './format.ts'
import { timeOption } from './span.ts'
import { withExistingStore } from './store.ts'
import { renderTable, tableStyle, type Column } from './table.ts'

const DAYS_DEFAULT = 30
const GROUPED_MAX = 4

export const usage: Command = {
  name: 'usage',
  summary: 'show what was used and spent',
  usage: 'usage [--by model,key,…] [--since 7d] [--until TIME] [--tenant ID] [--json|--csv]',
  options: [
    {
      flag: '--by',
      value: 'NAMES',
      doc: `at most ${GROUPED_MAX} of ${USAGE_DIMENSIONS.join(', ')} (default: model)`,
    },
    {
      flag: '--since',
      value: 'TIME',
      doc: `from then on: 7d, 12h, or an ISO date or time (default: ${DAYS_DEFAULT}d); whole hours`,
    },
    { flag: '--until', value: 'TIME', doc: 'before then (default: now)' },
    { flag: '--tenant', value: 'ID', doc: 'only this tenant (default: all)' },
    { flag: '--model', value: 'M', doc: 'only this model, by the name it was asked for' },
    { flag: '--key', value: 'ID', doc: 'only this API key, by its id' },
    { flag: '--limit', value: 'N', doc: 'the N groups that cost most (default 100)' },
    { flag: '--json', doc: 'print a JSON array' },
    { flag: '--csv', doc: 'print CSV' },
  ],
  examples: ['weir usage --by key,model --since 7d', 'weir usage --by day --csv > usage.csv'],
  positionalsMax: 0,
  run,
}

const COLUMNS: readonly Column[] = [
  { header: 'REQUESTS', align: 'right' },
  { header: 'ERRORS', align: 'right' },
  { header: 'INPUT', align: 'right' },
  { header: 'CACHED', align: 'right' },
  { header: 'OUTPUT', align: 'right' },
  { header: 'COST', align: 'right' },
  { header: 'SAVED', align: 'right' },
  { header: 'UNPRICED', align: 'right' },
]

async function run(input: CommandInput): Promise<number> {
  const { configFlags, output } = input
  if (isOn(input, 'json') && isOn(input, 'csv')) {
    throw new UsageError('--json and --csv exclude each other.')
  }
  const groupBy = groupsOf(input)
  const filter = filterOf(input, groupBy)
  const { config } = loadConfig({ flags: configFlags })
  const rows = await withExistingStore(config, output, (store) => store.usage.report(filter))
  if (rows === undefined) {
    output.error('Nothing was used yet: no server has run here. Start one with: weir\n')
    return 0
  }
  if (isOn(input, 'json')) {
    const all = rows.map((row) => usageJson(groupBy, row))
    output.out(`${jsonText(all, 2)}\n`)
    return 0
  }
  if (isOn(input, 'csv')) {
    output.out(csvLine([...groupBy, ...USAGE_COLUMNS]))
    for (const row of rows) output.out(csvLine([...groupValues(groupBy, row), ...usageValues(row)]))
    return 0
  }
  const columns = [
    ...groupBy.map((name) => ({ header: name.toUpperCase(), maxWidth: 40 })),
    ...COLUMNS,
  ]
  const cells = rows.map((row) => [
    ...groupValues(groupBy, row).map((text) => text ?? '-'),
    ...cellsOf(row),
  ])
  output.out(renderTable(columns, cells, tableStyle(output)))
  const unpriced = rows.reduce((sum, row) => sum + row.unpricedRequests, 0)
  if (unpriced > 0) {
    output.error(`${counted(unpriced, 'request')} without a known cost: the model has no price.\n`)
  }
  return 0
}

function groupsOf(input: CommandInput): UsageDimension[] {
  const names = listOption(input, 'by') ?? ['model']
  const known: readonly string[] = USAGE_DIMENSIONS
  if (names.length <= GROUPED_MAX && names.every((name) => known.includes(name))) {
    return names as UsageDimension[]
  }
  throw new UsageError(`--by takes at most ${GROUPED_MAX} of ${USAGE_DIMENSIONS.join(', ')}.`)
}

function filterOf(input: CommandInput, groupBy: readonly UsageDimension[]): UsageFilter {
  const nowMs = systemClock.nowMs()
  const tenantId = textOption(input, 'tenant')
  const model = textOption(input, 'model')
  const keyId = textOption(input, 'key')
  return {
    groupBy,
    sinceMs: timeOption(input, 'since', nowMs) ?? nowMs - DAYS_DEFAULT * 24 * 60 * 60_000,
    untilMs: timeOption(input, 'until', nowMs) ?? nowMs,
    limit: integerOption(input, 'limit', { min: 1, max: LIMITS.usageGroupsMax }) ?? 100,
    ...(tenantId === undefined ? {} : { tenantId }),
    ...(model === undefined ? {} : { model }),
    ...(keyId === undefined ? {} : { keyId }),
  }
}

function groupValues(groupBy: readonly UsageDimension[], row: UsageRow): (string | null)[] {
  return groupBy.map((dimension, at) => groupText(dimension, row.group[at] ?? null))
}

function cellsOf(row: UsageRow): string[] {
  return [
    String(row.requests),
    String(row.errors),
    String(row.inputTokens),
    String(row.cacheReadTokens),
    String(row.outputTokens),
    formatUsd(row.costNanoUsd),
    formatUsd(row.savedNanoUsd),
    String(row.unpricedRequests),
  ]
}
