// `weir audit export`: every record that fits, oldest first, as JSON lines or CSV. It reads a part at a time, so that an audit of any
// length passes through little memory.

import { loadConfig } from '../config/load.ts'
import { AUDIT_COLUMNS, auditCsv, auditJson } from '../core/audit-export.ts'
import { csvLine } from '../core/csv.ts'
import type { Store } from '../storage/store.ts'
import { textOption } from './arguments.ts'
import { AUDIT_FILTER_OPTIONS, auditFilterOf } from './audit-filter.ts'
import { UsageError, type Command, type CommandInput } from './command.ts'
import { counted, jsonText } from './format.ts'
import { withExistingStore } from './store.ts'

const FORMATS = ['jsonl', 'csv'] as const
const BATCH_RECORDS = 1_000

export const auditExport: Command = {
  name: 'audit export',
  summary: 'print the audit as JSON lines or CSV',
  usage: 'audit export [--format jsonl|csv] [--tenant ID] [--since TIME] [--until TIME] …',
  options: [
    ...AUDIT_FILTER_OPTIONS,
    { flag: '--format', value: 'FORMAT', doc: 'jsonl (default) or csv' },
  ],
  examples: ['weir audit export > audit.jsonl', 'weir audit export --format csv --since 90d'],
  positionalsMax: 0,
  run,
}

async function run(input: CommandInput): Promise<number> {
  const { configFlags, output } = input
  const format = FORMATS.find((each) => each === (textOption(input, 'format') ?? 'jsonl'))
  if (format === undefined) throw new UsageError('--format must be jsonl or csv.')
  auditFilterOf(input)
  const { config } = loadConfig({ flags: configFlags })
  if (format === 'csv') output.out(csvLine(AUDIT_COLUMNS))
  const count = await withExistingStore(config, output, (store) => write(input, format, store))
  output.error(`${counted(count ?? 0, 'record')}.\n`)
  return 0
}

async function write(
  input: CommandInput,
  format: (typeof FORMATS)[number],
  store: Store,
): Promise<number> {
  const { output } = input
  const filter = auditFilterOf(input)
  let afterSequence = 0
  let count = 0
  while (!output.closed.aborted) {
    const records = await store.audit.list({ ...filter, afterSequence, limit: BATCH_RECORDS })
    const lines = records.map((record) =>
      format === 'csv' ? auditCsv(record) : `${jsonText(auditJson(record))}\n`,
    )
    output.out(lines.join(''))
    count += records.length
    afterSequence = records.at(-1)?.sequence ?? afterSequence
    if (records.length < BATCH_RECORDS) break
  }
  return count
}
