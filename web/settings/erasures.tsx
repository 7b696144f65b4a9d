// The erasure of one person's data: counted first, then begun, with how far each is and its report.

import { useSignal } from '@preact/signals'
import { api, unwrap } from '../api.ts'
import { useOwners } from '../api-keys/owners.ts'
import { Badge } from '../components/badge.tsx'
import { Button } from '../components/button.tsx'
import { Dialog } from '../components/dialog.tsx'
import { Field, Input, Select, Textarea, type Bound } from '../components/field.tsx'
import { Form, useForm } from '../components/form.tsx'
import { Combobox } from '../components/inputs.tsx'
import { Notice } from '../components/notice.tsx'
import { Panel } from '../components/page.tsx'
import { EmptyState, Loaded } from '../components/states.tsx'
import { Table } from '../components/table.tsx'
import { toast } from '../components/toast.tsx'
import { RelativeTime } from '../components/values.tsx'
import { formatCount } from '../format.ts'
import { useQuery } from '../query.ts'
import { can, otherTenant } from '../session.ts'

const POLL_MS = 3_000

const readErasures = ({ signal }: { signal: AbortSignal }) =>
  unwrap(api.erasures.get({ query: { limit: 100 }, fetch: { signal } }))

type Erasure = Awaited<ReturnType<typeof readErasures>>['data'][number]

const STATES = {
  running: ['info', 'running'],
  waiting: ['warn', 'waits for a hold'],
  done: ['good', 'done'],
  counted: ['neutral', 'counted'],
} as const

export function Erasures() {
  const erasures = useQuery('erasures', readErasures, { pollMs: POLL_MS })
  const isMaking = useSignal(false)
  const tenant = otherTenant.value === undefined ? '' : `?tenant=${otherTenant.value}`
  return (
    <Panel
      title="Erasures"
      flush
      hint="One person’s data is taken out of the request log, with a record."
      actions={
        can('erasure.write') && (
          <Button icon="trash" onClick={() => (isMaking.value = true)}>
            Erase somebody’s data
          </Button>
        )
      }
    >
      <Loaded query={erasures}>
        {({ data }) => (
          <Table
            caption="Erasures so far"
            rows={data}
            keyOf={({ id }) => String(id)}
            columns={[
              {
                id: 'who',
                title: 'Whose',
                card: 'title',
                cell: ({ kind, subject }) => `${kind} ${subject}`,
              },
              {
                id: 'state',
                title: 'State',
                cell: ({ state }) => <Badge tone={STATES[state][0]}>{STATES[state][1]}</Badge>,
              },
              { id: 'done', title: 'Erased', cell: countWords },
              { id: 'reason', title: 'Why', cell: ({ reason }) => reason },
              {
                id: 'made',
                title: 'Begun',
                cell: ({ created, created_by: by }) => (
                  <>
                    <RelativeTime at={created} /> <span class="soft">by {by}</span>
                  </>
                ),
              },
              {
                id: 'report',
                title: 'Report',
                cell: ({ id }) => (
                  <a href={`/admin/erasures/${id}/report${tenant}`} download>
                    Download
                  </a>
                ),
              },
            ]}
            empty={
              <EmptyState icon="me" title="Nobody’s data was erased yet">
                Where a person asks for it, their requests are left as figures without a name, or
                deleted.
              </EmptyState>
            }
          />
        )}
      </Loaded>
      {isMaking.value && <Erase onClose={() => (isMaking.value = false)} />}
    </Panel>
  )
}

function countWords({ bodies, held, kept, requests, sessions }: Erasure): string {
  return [
    `${formatCount(requests)} requests`,
    `${formatCount(bodies)} with bodies`,
    sessions > 0 && `${formatCount(sessions)} sessions`,
    kept > 0 && `${formatCount(kept)} kept answers`,
    held > 0 && `${formatCount(held)} are held`,
  ]
    .filter(Boolean)
    .join(', ')
}

const MODES = [
  { value: 'anonymise', label: 'Leave figures without a name' },
  { value: 'delete', label: 'Delete the rows as well' },
] as const
const HELD = [
  { value: 'wait', label: 'Erase the rest, and wait for the release' },
  { value: 'refuse', label: 'Do nothing at all' },
] as const

function Erase({ onClose }: { onClose: () => void }) {
  const counted = useSignal<{ readonly key: string; readonly found: Erasure } | undefined>(
    undefined,
  )
  const form = useForm({
    kind: 'user' as Erasure['kind'],
    subject: '',
    mode: 'anonymise' as Erasure['mode'],
    reason: '',
    when_held: 'wait' as 'wait' | 'refuse',
  })
  const { kind, mode, subject } = form.values.value
  const key = `${kind} ${subject}`
  const isCounted = counted.value?.key === key
  return (
    <Dialog title="Erase somebody’s data" onClose={onClose}>
      <Form
        form={form}
        submit={isCounted ? 'Erase it now' : 'Count what would go'}
        variant={isCounted ? 'danger' : 'primary'}
        onCancel={onClose}
        invalidates={['erasures']}
        onSubmit={async (values) => {
          const body = { ...values, subject: values.subject.trim() }
          return await unwrap(api.erasures.post({ ...body, dry_run: !isCounted }))
        }}
        onDone={(found) => {
          if (found.state === 'counted') {
            counted.value = { key, found }
            return
          }
          toast('The erasure has begun.')
          onClose()
        }}
      >
        <Field name="kind" label="Whose" required>
          <Select
            {...form.bind('kind')}
            options={[
              { value: 'user', label: 'A user’s' },
              { value: 'key', label: 'A key’s' },
            ]}
          />
        </Field>
        <Subject form={form} kind={kind} />
        <div class="form-row">
          <Field name="mode" label="What becomes of the requests" required>
            <Select {...form.bind('mode')} options={MODES} />
          </Field>
          <Field name="when_held" label="Where a legal hold keeps some" required>
            <Select {...form.bind('when_held')} options={HELD} />
          </Field>
        </div>
        <Reason form={form} />
        {isCounted && counted.value !== undefined && (
          <Notice tone="warn" title="This cannot be taken back">
            {countWords(counted.value.found)}
            {mode === 'delete' ? '. The rows go, and with them their money.' : '. Figures stay.'}
          </Notice>
        )}
      </Form>
    </Dialog>
  )
}

/** Who or what is meant, to choose where one may see them. */
export function Subject({
  form,
  kind,
}: {
  form: { bind(name: 'subject'): Bound<string> }
  kind: 'user' | 'key' | 'request'
}) {
  const owners = useOwners(kind === 'request' ? 'none' : kind)
  const bound = form.bind('subject')
  return (
    <Field
      name="subject"
      label={{ user: 'User', key: 'Key', request: 'Log id of the request' }[kind]}
      required
    >
      {kind === 'request' ? <Input {...bound} /> : <Combobox {...bound} options={owners} />}
    </Field>
  )
}

/** For the record. */
export function Reason({ form }: { form: { bind(name: 'reason'): Bound<string> } }) {
  return (
    <Field name="reason" label="Why" hint="Stands in the audit; no personal data." required>
      <Textarea rows={2} {...form.bind('reason')} />
    </Field>
  )
}
