// The form of a limit: whom it counts, how much it lets through, and what holds while the shared counters are away.

import { Dialog } from '../components/dialog.tsx'
import { Field, Input, Select } from '../components/field.tsx'
import { Form, useForm } from '../components/form.tsx'
import { AmountFields, AMOUNTS } from '../api-keys/key-form.tsx'
import { createLimit, replaceLimit, type Limit, type LimitChange } from './money-api.ts'

const SUBJECTS = [
  { value: 'key', label: 'Each key' },
  { value: 'user', label: 'Each user' },
  { value: 'team', label: 'Each team' },
  { value: 'ip', label: 'Each address' },
  { value: 'model', label: 'Each model' },
  { value: 'provider', label: 'Each provider' },
  { value: 'tenant', label: 'The tenant' },
  { value: 'global', label: 'Everything together' },
] as const

const AWAY = [
  { value: 'local', label: 'Count in each process alone' },
  { value: 'open', label: 'Let everything through' },
  { value: 'closed', label: 'Refuse everything' },
] as const

function valuesOf(limit: Limit | undefined) {
  return {
    per: limit?.per ?? ('key' as Limit['per']),
    only: limit?.only ?? '',
    when: limit?.when_unavailable ?? ('local' as Limit['when_unavailable']),
    requests_per_minute: limit?.requests_per_minute ?? null,
    requests_per_hour: limit?.requests_per_hour ?? null,
    requests_per_day: limit?.requests_per_day ?? null,
    tokens_per_minute: limit?.tokens_per_minute ?? null,
    tokens_per_hour: limit?.tokens_per_hour ?? null,
    tokens_per_day: limit?.tokens_per_day ?? null,
    concurrent: limit?.concurrent ?? null,
  }
}

function bodyOf({ only, when, ...rest }: ReturnType<typeof valuesOf>): LimitChange {
  const isAll = rest.per === 'global' || only.trim() === ''
  return { ...rest, only: isAll ? null : only.trim(), when_unavailable: when }
}

/** @param limit the one to change, as it was just read; absent: a new one */
export function LimitForm({ limit, onClose }: { limit?: Limit | undefined; onClose: () => void }) {
  const form = useForm(valuesOf(limit))
  const { per } = form.values.value
  return (
    <Dialog title={limit === undefined ? 'Create limit' : 'Edit limit'} onClose={onClose}>
      <Form
        form={form}
        submit={limit === undefined ? 'Create limit' : 'Save changes'}
        onCancel={onClose}
        invalidates={['limits', 'limit-state']}
        onSubmit={(values) =>
          limit === undefined ? createLimit(bodyOf(values)) : replaceLimit(limit, bodyOf(values))
        }
        onDone={onClose}
      >
        <div class="form-row">
          <Field name="per" label="For" required>
            <Select {...form.bind('per')} options={SUBJECTS} />
          </Field>
          {per !== 'global' && per !== 'tenant' && (
            <Field
              name="only"
              label={per === 'ip' ? 'Only some addresses' : `Only one ${per}`}
              hint={
                per === 'ip'
                  ? 'An address, or a block as 10.0.0.0/8.'
                  : 'Its id or name; * stands for any text.'
              }
            >
              <Input {...form.bind('only')} placeholder="each" maxLength={300} />
            </Field>
          )}
        </div>
        <AmountFields form={form} list={AMOUNTS} prefix="" />
        <Field
          name="when_unavailable"
          label="While shared counters are away"
          required
          hint="Redis or Postgres, where replicas count together."
        >
          <Select {...form.bind('when')} options={AWAY} />
        </Field>
      </Form>
    </Dialog>
  )
}
