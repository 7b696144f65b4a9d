// What is kept of requests: rules of content, legal holds that keep requests from being deleted, and the erasure of one person's data.

import { useSignal } from '@preact/signals'
import { api, ifMatch, unwrap } from '../api.ts'
import { Badge } from '../components/badge.tsx'
import { Button } from '../components/button.tsx'
import { confirmAction, Dialog } from '../components/dialog.tsx'
import { Checkbox, Field, Input, Select } from '../components/field.tsx'
import { Form, useForm } from '../components/form.tsx'
import { Notice } from '../components/notice.tsx'
import { Facts, Panel } from '../components/page.tsx'
import { EmptyState, Loaded } from '../components/states.tsx'
import { Table } from '../components/table.tsx'
import { toast } from '../components/toast.tsx'
import { RelativeTime, Time } from '../components/values.tsx'
import { formatBytes, formatCount } from '../format.ts'
import { invalidate, useQuery } from '../query.ts'
import { readHolds, type Hold } from '../requests/data.ts'
import { can, canEverywhere } from '../session.ts'
import { Erasures, Reason, Subject } from './erasures.tsx'

const readRules = ({ signal }: { signal: AbortSignal }) =>
  unwrap(api['content-rules'].get({ query: { limit: 500 }, fetch: { signal } }))

const ruleAt = (id: string) => api['content-rules']({ id })

type Rule = Awaited<ReturnType<typeof readRules>>['data'][number]

export function ContentTab() {
  return (
    <div class="stack">
      {canEverywhere('content_rule.read') && <Standing />}
      {can('content_rule.read') && <Rules />}
      {can('hold.read') && <Holds />}
      {can('erasure.read') && <Erasures />}
    </div>
  )
}

/** Where bodies lie, where that is not the log store alone. */
function Standing() {
  const { data } = useQuery('content', ({ signal }) =>
    unwrap(api.content.get({ fetch: { signal } })),
  )
  if (data === undefined || !data.configured) return null
  return (
    <Panel title="Bodies in the bucket">
      {data.problem !== null && (
        <Notice tone="bad" title="The bucket is not reached">
          {data.problem}
        </Notice>
      )}
      <Facts
        items={[
          ...data.objects.map(
            ({ bytes, objects, state }) =>
              [
                { waiting: 'On their way', stored: 'Stored', leaving: 'To be deleted' }[state],
                `${formatCount(objects)}, ${formatBytes(bytes)}`,
              ] as const,
          ),
          ['Failed tries', formatCount(data.failed)],
          ['Kept without bodies for want of room', formatCount(data.without_bodies)],
        ]}
      />
    </Panel>
  )
}

const KEEPS = [
  { value: 'none', label: 'Nothing, not even a row' },
  { value: 'metadata', label: 'A row without bodies' },
  { value: 'content-on-error', label: 'Bodies of requests that fail' },
  { value: 'content', label: 'Bodies' },
] as const
const PER = [
  { value: 'tenant', label: 'The tenant' },
  { value: 'model', label: 'A model' },
  { value: 'key', label: 'A key' },
] as const
const REDACTIONS = ['email', 'phone', 'card', 'iban', 'ip', 'secret', 'national_id'] as const

function Rules() {
  const rules = useQuery('content-rules', readRules)
  const open = useSignal<{ readonly rule?: Rule } | undefined>(undefined)
  const mayWrite = can('content_rule.write')
  const edit = async ({ id }: Rule) => {
    open.value = { rule: await unwrap(ruleAt(id).get()) }
  }
  return (
    <Panel
      title="Rules of content"
      flush
      hint="What is kept; the most specific rule decides."
      actions={
        mayWrite && (
          <Button icon="plus" onClick={() => (open.value = {})}>
            Add rule
          </Button>
        )
      }
    >
      <Loaded query={rules}>
        {({ data }) => (
          <Table
            caption="Rules, and what they keep"
            rows={data}
            keyOf={({ id, origin }) => `${origin} ${id}`}
            nameOf={({ id }) => id}
            columns={[
              {
                id: 'id',
                title: 'Rule',
                card: 'title',
                cell: ({ id, read_only: reason }) => (
                  <span class="row">
                    {id}
                    {reason !== null && (
                      <Badge icon="file" title={reason}>
                        file
                      </Badge>
                    )}
                  </span>
                ),
              },
              {
                id: 'per',
                title: 'For',
                cell: ({ only, per }) =>
                  only === null
                    ? per === 'tenant'
                      ? 'the tenant'
                      : `each ${per}`
                    : `${per} ${only}`,
              },
              {
                id: 'keep',
                title: 'Keeps',
                cell: ({ keep }) => KEEPS.find(({ value }) => value === keep)?.label,
              },
              {
                id: 'redact',
                title: 'Takes out',
                cell: ({ redact }) => redact.join(', ').replaceAll('_', ' ') || '—',
              },
            ]}
            actions={(rule) => [
              mayWrite && rule.read_only === null
                ? { label: 'Edit', icon: 'edit', onSelect: () => void edit(rule) }
                : undefined,
              can('content_rule.delete') && rule.read_only === null
                ? {
                    label: 'Delete',
                    icon: 'trash',
                    danger: true,
                    onSelect: () => void remove(rule),
                  }
                : undefined,
            ]}
            empty={
              <EmptyState icon="filter" title="No rules yet">
                What the setting log.requests says holds for all. A rule keeps more or less of one
                tenant, model or key.
              </EmptyState>
            }
          />
        )}
      </Loaded>
      {open.value !== undefined && (
        <RuleForm rule={open.value.rule} onClose={() => (open.value = undefined)} />
      )}
    </Panel>
  )
}

async function remove({ id }: Rule): Promise<void> {
  const isDone = await confirmAction({
    title: `Delete rule ${id}?`,
    message: 'Of new requests other rules decide from then on.',
    confirm: 'Delete rule',
    danger: true,
    run: async () => unwrap(ruleAt(id).delete(undefined, ifMatch(await unwrap(ruleAt(id).get())))),
  })
  if (isDone) invalidate('content-rules')
}

function RuleForm({ onClose, rule }: { rule: Rule | undefined; onClose: () => void }) {
  const form = useForm({
    id: rule?.id ?? '',
    per: rule?.per ?? 'model',
    only: rule?.only ?? '',
    keep: rule?.keep ?? 'metadata',
    redact: rule?.redact ?? [],
  })
  const { per, redact } = form.values.value
  return (
    <Dialog title={rule === undefined ? 'Add rule' : `Edit ${rule.id}`} onClose={onClose}>
      <Form
        form={form}
        submit={rule === undefined ? 'Add rule' : 'Save changes'}
        onCancel={onClose}
        invalidates={['content-rules']}
        onDone={onClose}
        onSubmit={(values) => {
          const body = {
            per: values.per,
            keep: values.keep,
            only: values.per === 'tenant' || values.only.trim() === '' ? null : values.only.trim(),
            redact: REDACTIONS.filter((each) => values.redact.includes(each)),
          }
          return rule === undefined
            ? unwrap(api['content-rules'].post({ id: values.id.trim(), ...body }))
            : unwrap(ruleAt(rule.id).put(body, ifMatch(rule)))
        }}
      >
        {rule === undefined && (
          <Field name="id" label="Name" required>
            <Input {...form.bind('id')} placeholder="support-bot" />
          </Field>
        )}
        <div class="form-row">
          <Field name="per" label="For" required>
            <Select {...form.bind('per')} options={PER} />
          </Field>
          {per !== 'tenant' && (
            <Field name="only" label={`Which ${per}`} hint="* stands for any text.">
              <Input {...form.bind('only')} placeholder="each" />
            </Field>
          )}
        </div>
        <Field name="keep" label="Keep" required>
          <Select {...form.bind('keep')} options={KEEPS} />
        </Field>
        <fieldset>
          <legend>Take out of what is kept</legend>
          <div class="guardrails-choices">
            {REDACTIONS.map((each) => (
              <Checkbox
                key={each}
                label={each.replace('_', ' ')}
                value={redact.includes(each)}
                onValue={(isOn) =>
                  form.set(
                    'redact',
                    isOn ? [...redact, each] : redact.filter((one) => one !== each),
                  )
                }
              />
            ))}
          </div>
        </fieldset>
      </Form>
    </Dialog>
  )
}

const HELD = [
  { value: 'user', label: 'Requests of a user' },
  { value: 'key', label: 'Requests of a key' },
  { value: 'request', label: 'One request' },
  { value: 'span', label: 'All within a time' },
] as const

function Holds() {
  const holds = useQuery('holds', readHolds)
  const isMaking = useSignal(false)
  const releasing = useSignal<Hold | undefined>(undefined)
  return (
    <Panel
      title="Legal holds"
      flush
      hint="What they keep is deleted by nothing until they are released."
      actions={
        can('hold.write') && (
          <Button icon="lock" onClick={() => (isMaking.value = true)}>
            Hold requests
          </Button>
        )
      }
    >
      <Loaded query={holds}>
        {({ data }) => (
          <Table
            caption="Holds in force"
            rows={data}
            keyOf={({ id }) => id}
            nameOf={({ id }) => id}
            columns={[
              { id: 'id', title: 'Hold', card: 'title', cell: ({ id }) => id },
              {
                id: 'what',
                title: 'Keeps',
                cell: ({ kind, since, subject, until }) => (
                  <>
                    {kind === 'span' ? 'all requests' : `${kind} ${subject}`}
                    {since !== null && (
                      <>
                        {' '}
                        from <Time at={since} />
                      </>
                    )}
                    {until !== null && (
                      <>
                        {' '}
                        to <Time at={until} />
                      </>
                    )}
                  </>
                ),
              },
              { id: 'reason', title: 'Why', cell: ({ reason }) => reason },
              {
                id: 'made',
                title: 'Made',
                cell: ({ created, created_by: by }) => (
                  <>
                    <RelativeTime at={created} /> <span class="soft">by {by}</span>
                  </>
                ),
              },
            ]}
            actions={(hold) => [
              can('hold.release')
                ? { label: 'Release', icon: 'lock', onSelect: () => (releasing.value = hold) }
                : undefined,
            ]}
            empty={
              <EmptyState icon="lock" title="Nothing is held">
                A hold keeps requests for a case: neither age, nor size, nor an erasure deletes
                them.
              </EmptyState>
            }
          />
        )}
      </Loaded>
      {isMaking.value && <HoldForm onClose={() => (isMaking.value = false)} />}
      {releasing.value !== undefined && (
        <Release hold={releasing.value} onClose={() => (releasing.value = undefined)} />
      )}
    </Panel>
  )
}

function HoldForm({ onClose }: { onClose: () => void }) {
  const form = useForm({
    id: '',
    kind: 'user' as Hold['kind'],
    subject: '',
    since: '',
    until: '',
    reason: '',
  })
  const { kind } = form.values.value
  const moment = (text: string) => (text === '' ? null : new Date(text).toISOString())
  return (
    <Dialog title="Hold requests" onClose={onClose}>
      <Form
        form={form}
        submit="Hold requests"
        onCancel={onClose}
        invalidates={['holds']}
        onDone={onClose}
        onSubmit={(values) =>
          unwrap(
            api.holds.post({
              id: values.id.trim(),
              kind: values.kind,
              subject: values.kind === 'span' ? null : values.subject.trim(),
              since: moment(values.since),
              until: moment(values.until),
              reason: values.reason,
            }),
          )
        }
      >
        <Field name="id" label="Name" required>
          <Input {...form.bind('id')} placeholder="case-2027-14" />
        </Field>
        <Field name="kind" label="What is held" required>
          <Select {...form.bind('kind')} options={HELD} />
        </Field>
        {kind !== 'span' && <Subject form={form} kind={kind} />}
        <div class="form-row">
          <Field name="since" label="From">
            <Input type="datetime-local" {...form.bind('since')} />
          </Field>
          <Field name="until" label="To">
            <Input type="datetime-local" {...form.bind('until')} />
          </Field>
        </div>
        <Reason form={form} />
      </Form>
    </Dialog>
  )
}

function Release({ hold: { id }, onClose }: { hold: Hold; onClose: () => void }) {
  const form = useForm({ reason: '' })
  return (
    <Dialog title={`Release ${id}?`} onClose={onClose} size="small">
      <Form
        form={form}
        submit="Release hold"
        variant="danger"
        onCancel={onClose}
        invalidates={['holds', 'erasures']}
        onSubmit={(values) => unwrap(api.holds({ id }).release.post(values))}
        onDone={() => {
          toast(`${id} is released.`)
          onClose()
        }}
      >
        <p>What it kept is deleted when its time comes, and erasures that waited for it go on.</p>
        <Reason form={form} />
      </Form>
    </Dialog>
  )
}
