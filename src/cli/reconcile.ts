// `weir reconcile`: proves that the hourly totals are what the rows of the log say, and compares them with a provider's bill. It changes
// nothing unless it is told to mend.

import { statSync } from 'node:fs'
import { loadConfig } from '../config/load.ts'
import type { Config } from '../config/config.ts'
import { BillError, compareBill, readBill, type BillDifference } from '../core/bill.ts'
import { LIMITS } from '../core/limits.ts'
import { NANO_PER_USD } from '../core/nano-usd.ts'
import type { ReconcileReport } from '../core/ports-money.ts'
import type { Store } from '../storage/store.ts'
import { systemClock } from '../system.ts'
import { isOn, textOption } from './arguments.ts'
import { UsageError, type Command, type CommandInput, type Output } from './command.ts'
import { counted, formatTime, formatUsd, jsonText, printable } from './format.ts'
import { timeOption } from './span.ts'
import { withExistingStore } from './store.ts'
import { renderTable, tableStyle, type Column } from './table.ts'

const DAY_MS = 24 * 60 * 60_000

export const reconcile: Command = {
  name: 'reconcile',
  summary: 'prove that totals are what the rows say, and compare a bill',
  usage: 'reconcile [--since TIME] [--mend] [--bill FILE.csv [--provider ID]] [--json]',
  options: [
    { flag: '--since', value: 'TIME', doc: 'from then on: 7d, or an ISO date (default: all)' },
    { flag: '--mend', doc: 'write what the rows say where it differs' },
    {
      flag: '--bill',
      value: 'FILE',
      doc: "compare with a provider's export of costs or usage (CSV)",
    },
    { flag: '--provider', value: 'ID', doc: 'with --bill: only what this provider answered' },
    { flag: '--json', doc: 'print a JSON object' },
  ],
  examples: [
    'weir reconcile --since 7d',
    'weir reconcile --bill openai-costs.csv --provider openai',
  ],
  positionalsMax: 0,
  run,
}

async function run(input: CommandInput): Promise<number> {
  const { configFlags, output } = input
  const bill = textOption(input, 'bill')
  if (bill !== undefined && isOn(input, 'mend')) {
    throw new UsageError('--bill and --mend exclude each other.')
  }
  if (bill === undefined && textOption(input, 'provider') !== undefined) {
    throw new UsageError('--provider belongs to --bill.')
  }
  const { config } = loadConfig({ flags: configFlags })
  const code = await withExistingStore(config, output, (store) =>
    bill === undefined ? prove(input, config, store) : compare(input, bill, store),
  )
  if (code !== undefined) return code
  output.error('There is nothing to compare: no server has run here yet.\n')
  return 0
}

async function prove(input: CommandInput, config: Config, store: Store): Promise<number> {
  const { output } = input
  const startMs = timeOption(input, 'since', systemClock.nowMs()) ?? 0
  const span = { startMs, endMs: Number.POSITIVE_INFINITY }
  const report = await store.usage.reconcile(span, isOn(input, 'mend'))
  const isMended = report.mended > 0 && report.differences.every((one) => one.rowsMissing !== true)
  if (isOn(input, 'json')) output.out(`${jsonText(reportJson(report), 2)}\n`)
  else tell(output, report, config)
  return report.differences.length === 0 || isMended ? 0 : 1
}

function tell(output: Output, report: ReconcileReport, config: Config): void {
  const { differences, hours, mended, rows } = report
  for (const { columns, group, hourMs, rowsMissing, tenantId } of differences) {
    const where = Object.entries(group)
      .filter(([, value]) => value !== '')
      .map(([name, value]) => `${name} ${printable(value)}`)
    output.out(`${formatTime(hourMs)}  tenant ${printable(tenantId)}, ${where.join(', ')}\n`)
    for (const [name, { actual, stored }] of Object.entries(columns)) {
      output.out(`  ${name}: the total is ${stored}, the rows say ${actual}\n`)
    }
    if (rowsMissing === true) output.out('  rows are missing; the total stays\n')
  }
  const all = `${counted(hours, 'hour')} with ${counted(rows, 'row')} compared`
  if (differences.length === 0) output.out(`${all}: the totals are what the rows say.\n`)
  else
    output.out(
      `${all}: ${counted(differences.length, 'difference')}, ${counted(mended, 'hour')} mended.\n`,
    )
  if (config.log.requests === 'none') {
    output.error(
      'log.requests is none: no rows are kept, so there is nothing to prove totals by.\n',
    )
  }
}

function reportJson(report: ReconcileReport) {
  return {
    hours: report.hours,
    rows: report.rows,
    mended: report.mended,
    differences: report.differences.map(({ columns, group, hourMs, rowsMissing, tenantId }) => ({
      hour: new Date(hourMs).toISOString(),
      tenant: tenantId,
      group,
      columns,
      rows_missing: rowsMissing === true,
    })),
  }
}

const BILL_COLUMNS: readonly Column[] = [
  { header: 'DAY' },
  { header: 'MODEL', maxWidth: 40 },
  { header: 'OURS', align: 'right' },
  { header: 'BILL', align: 'right' },
  { header: 'DIFFERENCE', align: 'right' },
  { header: 'OUR TOKENS', align: 'right' },
  { header: 'BILLED TOKENS', align: 'right' },
]

async function compare(input: CommandInput, path: string, store: Store): Promise<number> {
  const { output } = input
  const bill = await read(path)
  const { lines, skipped } = bill
  const days = lines.map(({ day }) => Date.parse(day))
  const sinceMs = timeOption(input, 'since', systemClock.nowMs())
  const first = days.reduce((least, day) => Math.min(least, day), Number.POSITIVE_INFINITY)
  const last = days.reduce((most, day) => Math.max(most, day), Number.NEGATIVE_INFINITY)
  if (!Number.isFinite(first)) throw new UsageError('The bill has no line with a day.')
  const providerId = textOption(input, 'provider')
  const rows = await store.usage.report({
    sinceMs: Math.max(first, sinceMs ?? first),
    untilMs: last + DAY_MS,
    groupBy: ['day', 'provider_model'],
    limit: LIMITS.usageGroupsMax,
    ...(providerId === undefined ? {} : { providerId }),
  })
  const found = compareBill(bill, rows).filter(
    ({ day }) => sinceMs === undefined || Date.parse(day) >= sinceMs,
  )
  if (isOn(input, 'json')) {
    output.out(`${jsonText({ skipped_lines: skipped, days: found.map(billJson) }, 2)}\n`)
  } else {
    output.out(renderTable(BILL_COLUMNS, found.map(billCells), tableStyle(output)))
    if (skipped > 0) output.error(`${counted(skipped, 'line')} of the bill could not be read.\n`)
  }
  return 0
}

async function read(path: string): Promise<ReturnType<typeof readBill>> {
  try {
    if (statSync(path).size > LIMITS.billBytesMax) throw new BillError('the file is too large')
    return readBill(await Bun.file(path).text())
  } catch (error) {
    const reason = error instanceof BillError ? error.message : 'the file cannot be read'
    throw new UsageError(`${printable(path)}: ${reason}.`)
  }
}

function billCells({ day, model, ours, theirs }: BillDifference): string[] {
  const { nanoUsd, tokens } = theirs
  return [
    day,
    model,
    formatUsd(ours.nanoUsd),
    nanoUsd === undefined ? '-' : formatUsd(nanoUsd),
    nanoUsd === undefined ? '-' : formatUsd(ours.nanoUsd - nanoUsd),
    String(ours.tokens),
    tokens === undefined ? '-' : String(tokens),
  ]
}

function billJson({ day, model, ours, theirs }: BillDifference) {
  const { nanoUsd, tokens } = theirs
  return {
    day,
    model,
    ours_usd: ours.nanoUsd / NANO_PER_USD,
    bill_usd: nanoUsd === undefined ? null : nanoUsd / NANO_PER_USD,
    difference_usd: nanoUsd === undefined ? null : (ours.nanoUsd - nanoUsd) / NANO_PER_USD,
    our_tokens: ours.tokens,
    billed_tokens: tokens ?? null,
  }
}
