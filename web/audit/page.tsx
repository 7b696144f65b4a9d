// The audit: who changed what and when, narrowed by what stands in the address, with what was before and after; the check of the whole chain,
// and the same records as a file.

import { useSignal } from '@preact/signals'
import { api, unwrap } from '../api.ts'
import { Badge } from '../components/badge.tsx'
import { Button, ButtonLink } from '../components/button.tsx'
import { Field, Input } from '../components/field.tsx'
import { Combobox } from '../components/inputs.tsx'
import { Notice } from '../components/notice.tsx'
import { PageHeader, Panel, Toolbar } from '../components/page.tsx'
import { EmptyState, Loaded } from '../components/states.tsx'
import { Table, type Column } from '../components/table.tsx'
import { TimeRangePicker, useTimeRange } from '../components/time-range.tsx'
import { RelativeTime } from '../components/values.tsx'
import { useAction, useQuery } from '../query.ts'
import { param, setParams } from '../router.tsx'
import { can, canEverywhere, otherTenant } from '../session.ts'
import { auditOf, FILTERS, type AuditQuery, type AuditRecord } from './audit-api.ts'
import { RecordDrawer, whoOf } from './record.tsx'

const COLUMNS: readonly Column<AuditRecord>[] = [
  { id: 'time', title: 'When', cell: ({ time }) => <RelativeTime at={time} /> },
  { id: 'who', title: 'Who', cell: (record) => <span class="truncate">{whoOf(record)}</span> },
  {
    id: 'action',
    title: 'What',
    card: 'title',
    cell: ({ action }) => (
      <Badge tone={action === 'access.denied' || action === 'login.failed' ? 'warn' : 'neutral'}>
        {action}
      </Badge>
    ),
  },
  {
    id: 'target',
    title: 'Of what',
    cell: ({ target }) => (
      <span class="truncate">
        <span class="soft">{target.kind}</span> {target.id}
      </span>
    ),
  },
  { id: 'from', title: 'From', card: 'hide', cell: ({ actor }) => actor.from ?? '—' },
]

export default function AuditPage() {
  const range = useTimeRange('30d')
  const chosen = FILTERS.flatMap((name) => {
    const value = param(name)
    return value === undefined || value === '' ? [] : [[name, value] as const]
  })
  const filter = Object.fromEntries(chosen) as AuditQuery
  return (
    <>
      <PageHeader title="Audit" actions={<Exports filter={filter} range={range} />}>
        Who changed what, and who was refused. Nothing in it can be changed afterwards.
      </PageHeader>
      <div class="stack">
        {canEverywhere('audit.read') && <Chain />}
        <Toolbar>
          <TimeRangePicker range={range} />
          {FILTERS.map((name) => (
            <Filter key={name} name={name} />
          ))}
          {chosen.length > 0 && (
            <Button
              variant="ghost"
              onClick={() =>
                setParams(Object.fromEntries(FILTERS.map((name) => [name, undefined])))
              }
            >
              Clear filters
            </Button>
          )}
        </Toolbar>
        <Records
          key={JSON.stringify([chosen, range.id, range.since, range.until])}
          filter={filter}
          range={range}
        />
      </div>
    </>
  )
}

const WORDS: Readonly<Record<(typeof FILTERS)[number], string>> = {
  action: 'Action',
  actor: 'Who (id)',
  target_kind: 'Kind',
  target: 'Of what (id)',
}

/** What mostly is looked for; any other can be typed. */
const ACTIONS = [
  'access.denied',
  'assignment.create',
  'assignment.delete',
  'budget.save',
  'key.create',
  'key.revoke',
  'key.rotate',
  'limit.save',
  'login.failed',
  'login.succeeded',
  'model.save',
  'provider.save',
  'provider_key.create',
  'role.update',
  'secret.rotate',
  'settings.update',
  'user.create',
  'user.update',
]

function Filter({ name }: { name: (typeof FILTERS)[number] }) {
  const value = param(name) ?? ''
  const set = (next: string) => setParams({ [name]: next === '' ? undefined : next.trim() })
  return (
    <Field label={WORDS[name]} hideLabel required>
      {name === 'action' ? (
        <Combobox value={value} onValue={set} options={ACTIONS} placeholder={WORDS[name]} />
      ) : (
        <Input value={value} onValue={set} placeholder={WORDS[name]} />
      )}
    </Field>
  )
}

interface RecordsProps {
  readonly filter: AuditQuery
  readonly range: ReturnType<typeof useTimeRange>
}

function Records({ filter, range }: RecordsProps) {
  const older = useSignal<readonly AuditRecord[]>([])
  const next = useSignal<string | null | undefined>(undefined)
  const open = useSignal<AuditRecord | undefined>(undefined)
  const query = useQuery(
    ['audit', filter, range.id, range.since, range.until],
    (options) => auditOf({ ...filter, ...range.moments() }, options),
    { keep: true },
  )
  const more = useAction(async (cursor: string) => {
    const page = await auditOf({ ...filter, ...range.moments(), cursor })
    older.value = [...older.value, ...page.data]
    next.value = page.next_cursor
  })
  return (
    <Panel flush>
      <Loaded query={query}>
        {({ data, next_cursor: after, total }) => {
          const rows = [...data, ...older.value]
          const cursor = next.value === undefined ? after : next.value
          return (
            <>
              <Table
                caption="Records of the audit"
                rows={rows}
                columns={COLUMNS}
                keyOf={({ sequence }) => String(sequence)}
                nameOf={({ action, sequence }) => `${action} ${sequence}`}
                onOpen={(record) => (open.value = record)}
                actions={(record) => [
                  { label: 'Show', icon: 'info', onSelect: () => (open.value = record) },
                  {
                    label: 'All by them',
                    icon: 'me',
                    onSelect: () => setParams({ actor: record.actor.id }),
                  },
                  {
                    label: 'All of it',
                    icon: 'list',
                    onSelect: () =>
                      setParams({ target_kind: record.target.kind, target: record.target.id }),
                  },
                ]}
                empty={
                  <EmptyState icon="audit" title="No record fits">
                    Choose a longer time, or clear the filters.
                  </EmptyState>
                }
              />
              {rows.length > 0 && (
                <p class="audit-foot soft">
                  {rows.length} of {total}
                  {cursor !== null && (
                    <Button
                      size="small"
                      pending={more.pending.value}
                      onClick={() => void more.run(cursor)}
                    >
                      Show older
                    </Button>
                  )}
                </p>
              )}
            </>
          )
        }}
      </Loaded>
      {open.value !== undefined && (
        <RecordDrawer record={open.value} onClose={() => (open.value = undefined)} />
      )}
    </Panel>
  )
}

function Exports({ filter, range }: RecordsProps) {
  if (!can('audit.export')) return null
  const to = (format: string) => {
    const tenant = otherTenant.value === undefined ? {} : { tenant: otherTenant.value }
    const text = filter as Readonly<Partial<Record<(typeof FILTERS)[number], string>>>
    const query = new URLSearchParams({ ...text, ...range.moments(), ...tenant, format })
    return `/admin/audit/export?${query.toString()}`
  }
  return (
    <>
      <ButtonLink href={to('csv')} icon="down" download>
        CSV
      </ButtonLink>
      <ButtonLink href={to('jsonl')} icon="down" download>
        JSON lines
      </ButtonLink>
    </>
  )
}

/** Says that nobody has tampered with it, or where. */
function Chain() {
  const verdict = useSignal<
    { records: number; broken: { sequence: number; reason: string } | null } | undefined
  >(undefined)
  const check = useAction(async () => {
    verdict.value = await unwrap(api.audit.verify.get())
  })
  const { value } = verdict
  const again = (
    <Button size="small" pending={check.pending.value} onClick={() => void check.run()}>
      {value === undefined ? 'Verify' : 'Verify again'}
    </Button>
  )
  if (check.problem.value !== undefined) {
    return (
      <Notice tone="bad" title="It could not be checked" actions={again}>
        {check.problem.value.detail}
      </Notice>
    )
  }
  if (value === undefined) {
    return (
      <Notice tone="neutral" title="The records are a chain" actions={again}>
        Each is signed with the one before it: a record that was changed or taken out is found.
      </Notice>
    )
  }
  return value.broken === null ? (
    <Notice tone="good" title="The chain is whole" actions={again} focus>
      {value.records} records are as they were written.
    </Notice>
  ) : (
    <Notice
      tone="bad"
      title={`The chain is broken at record ${value.broken.sequence}`}
      actions={again}
      focus
    >
      {value.broken.reason}. The records before it ({value.records}) are as they were written.
    </Notice>
  )
}
