// `weir audit list`: the newest records of the audit, as a table or as JSON lines.

import { loadConfig } from '../config/load.ts'
import { auditJson } from '../core/audit-export.ts'
import type { AuditRecord } from '../core/audit.ts'
import { integerOption, isOn } from './arguments.ts'
import { AUDIT_FILTER_OPTIONS, auditFilterOf } from './audit-filter.ts'
import type { Command, CommandInput } from './command.ts'
import { formatTime, jsonText } from './format.ts'
import { withExistingStore } from './store.ts'
import { renderTable, tableStyle, type Column } from './table.ts'

const RECORDS_DEFAULT = 50
const RECORDS_MAX = 1_000

export const auditList: Command = {
  name: 'audit list',
  summary: 'show who changed what',
  usage:
    'audit list [--limit N] [--action A] [--actor ID] [--target KIND[:ID]] [--since TIME] [--json]',
  options: [
    ...AUDIT_FILTER_OPTIONS,
    {
      flag: '--limit',
      value: 'N',
      doc: `the newest N records (default ${RECORDS_DEFAULT}, at most ${RECORDS_MAX})`,
    },
    { flag: '--json', doc: 'print one JSON object per line' },
  ],
  examples: ['weir audit list --since 7d', 'weir audit list --target provider:openai --json'],
  positionalsMax: 0,
  run,
}

const COLUMNS: readonly Column[] = [
  { header: '#', align: 'right' },
  { header: 'TIME (UTC)' },
  { header: 'WHO', maxWidth: 32 },
  { header: 'ACTION' },
  { header: 'WHAT', maxWidth: 40 },
  { header: 'TENANT', maxWidth: 20 },
]

async function run(input: CommandInput): Promise<number> {
  const { configFlags, output } = input
  const limit = integerOption(input, 'limit', { min: 1, max: RECORDS_MAX }) ?? RECORDS_DEFAULT
  const filter = auditFilterOf(input)
  const { config } = loadConfig({ flags: configFlags })
  const records =
    (await withExistingStore(config, output, (store) => store.audit.list({ ...filter, limit }))) ??
    []
  if (isOn(input, 'json')) {
    for (const record of records) output.out(`${jsonText(auditJson(record))}\n`)
    return 0
  }
  if (records.length === 0) output.error('No record of the audit fits.\n')
  else output.out(renderTable(COLUMNS, records.map(cells), tableStyle(output)))
  return 0
}

function cells({ action, actor, sequence, target, tenantId, timestampMs }: AuditRecord): string[] {
  const who = `${actor.kind} ${actor.name ?? actor.id}`
  return [
    String(sequence),
    formatTime(timestampMs),
    who,
    action,
    `${target.kind} ${target.id}`,
    tenantId,
  ]
}
