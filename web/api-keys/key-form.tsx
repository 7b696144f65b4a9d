// The form of a key, new or there already: who it is for, what it may use, what it may cost. The server says what is wrong, at the field.

import { useQuery } from '../query.ts'
import { can } from '../session.ts'
import { ask } from '../api.ts'
import { Dialog } from '../components/dialog.tsx'
import { Field, Input, Select } from '../components/field.tsx'
import { Form, useForm, type FormModel } from '../components/form.tsx'
import { ChipsInput, Combobox, MoneyInput, NumberInput } from '../components/inputs.tsx'
import type { Key, KeyChange, KeysApi, MadeKey, NewKey } from './keys-api.ts'
import { useOwners, type OwnerKind } from './owners.ts'

const ROLES = ['member', 'viewer', 'operator', 'auditor', 'admin', 'owner'] as const

interface Amounts {
  readonly requests_per_minute: number | null
  readonly requests_per_hour: number | null
  readonly requests_per_day: number | null
  readonly tokens_per_minute: number | null
  readonly tokens_per_hour: number | null
  readonly tokens_per_day: number | null
  readonly concurrent: number | null
}

interface Values extends Amounts {
  readonly name: string
  readonly ownerKind: OwnerKind | 'none'
  readonly ownerId: string
  readonly role: (typeof ROLES)[number]
  readonly models: readonly string[]
  readonly actions: readonly string[]
  readonly allowedFrom: readonly string[]
  readonly expires: string
  readonly usd: number | null
  readonly window: 'day' | 'week' | 'month' | 'total'
  readonly action: 'block' | 'alert'
}

export const AMOUNTS = [
  ['requests_per_minute', 'Requests a minute'],
  ['tokens_per_minute', 'Tokens a minute'],
  ['requests_per_hour', 'Requests an hour'],
  ['tokens_per_hour', 'Tokens an hour'],
  ['requests_per_day', 'Requests a day'],
  ['tokens_per_day', 'Tokens a day'],
  ['concurrent', 'At the same time'],
] as const

/** Of a key: those that stand in sight; the others are folded away. */
const AMOUNTS_FIRST = 2

export const WINDOWS = [
  { value: 'day', label: 'a day' },
  { value: 'week', label: 'a week' },
  { value: 'month', label: 'a month' },
  { value: 'total', label: 'in all' },
] as const

export const ACTIONS = [
  { value: 'block', label: 'Refuse what goes beyond' },
  { value: 'alert', label: 'Only tell' },
] as const

function valuesOf(key?: Key): Values {
  const limits = key?.limits ?? {}
  return {
    name: key?.name ?? '',
    ownerKind: 'none',
    ownerId: '',
    role: 'member',
    models: key?.models ?? [],
    actions: key?.actions ?? [],
    allowedFrom: key?.allowed_from ?? [],
    expires: lastDay(key?.expires ?? null),
    requests_per_minute: limits.requests_per_minute ?? null,
    requests_per_hour: limits.requests_per_hour ?? null,
    requests_per_day: limits.requests_per_day ?? null,
    tokens_per_minute: limits.tokens_per_minute ?? null,
    tokens_per_hour: limits.tokens_per_hour ?? null,
    tokens_per_day: limits.tokens_per_day ?? null,
    concurrent: limits.concurrent ?? null,
    usd: key?.budget?.usd ?? null,
    window: key?.budget?.window ?? 'month',
    action: key?.budget?.action ?? 'block',
  }
}

/** The last day on which it is good, as a key made until a day ends with the next one. */
function lastDay(expires: string | null): string {
  return expires === null ? '' : new Date(Date.parse(expires) - 1).toISOString().slice(0, 10)
}

/** What is narrowed, with null for what is not. */
function narrowingOf(values: Values) {
  const amounts = AMOUNTS.flatMap(([name]) =>
    values[name] === null ? [] : [[name, values[name]] as const],
  )
  const list = (items: readonly string[]) => (items.length === 0 ? null : [...items])
  return {
    models: list(values.models),
    actions: list(values.actions),
    allowed_from: list(values.allowedFrom),
    limits: amounts.length === 0 ? null : (Object.fromEntries(amounts) as Partial<Amounts>),
    budget:
      values.usd === null
        ? null
        : { usd: values.usd, window: values.window, action: values.action },
  }
}

function newKeyOf(values: Values, isOwn: boolean): NewKey {
  const { expires, name, ownerId, ownerKind, role } = values
  const whose =
    ownerKind === 'none' ? { roles: [role] } : { owner: { kind: ownerKind, id: ownerId } }
  return {
    name,
    ...narrowingOf(values),
    ...(expires === '' ? {} : { expires }),
    ...(isOwn ? {} : whose),
  }
}

/** Only what was changed: the end of a key, as a date, is less than what it was. */
function changeOf(values: Values, before: Values): KeyChange {
  const now = { name: values.name, expires: values.expires, ...narrowingOf(values) }
  const was = { name: before.name, expires: before.expires, ...narrowingOf(before) }
  const names = Object.keys(now) as (keyof typeof now)[]
  const changed = names.filter((name) => JSON.stringify(now[name]) !== JSON.stringify(was[name]))
  const change = Object.fromEntries(changed.map((name) => [name, now[name]]))
  return change['expires'] === '' ? { ...change, expires: null } : change
}

export function CreateKey({
  keys,
  onClose,
  onMade,
}: {
  keys: KeysApi
  onClose: () => void
  onMade: (made: MadeKey) => void
}) {
  const form = useForm(valuesOf())
  return (
    <Dialog title="Create key" onClose={onClose}>
      <Form
        form={form}
        submit="Create key"
        onCancel={onClose}
        invalidates={[keys.name]}
        onSubmit={(values) => keys.create(newKeyOf(values, keys.isOwn))}
        onDone={onMade}
      >
        <KeyFields form={form} isNew isOwn={keys.isOwn} />
      </Form>
    </Dialog>
  )
}

/** @param current as it was just read: what it is changed from */
export function EditKey({
  current,
  keys,
  onClose,
}: {
  current: Key
  keys: KeysApi
  onClose: (isChanged: boolean) => void
}) {
  const before = valuesOf(current)
  const form = useForm(before)
  return (
    <Dialog title={`Edit key ${current.name}`} onClose={() => onClose(false)}>
      <Form
        form={form}
        submit="Save changes"
        onCancel={() => onClose(false)}
        invalidates={[keys.name]}
        onSubmit={(values) => keys.update(current, changeOf(values, before))}
        onDone={() => onClose(true)}
      >
        <KeyFields form={form} isNew={false} isOwn={keys.isOwn} />
      </Form>
    </Dialog>
  )
}

interface FieldsProps {
  readonly form: FormModel<Values>
  readonly isNew: boolean
  readonly isOwn: boolean
}

function KeyFields({ form, isNew, isOwn }: FieldsProps) {
  const values = form.values.value
  const isNarrow =
    values.actions.length + values.allowedFrom.length > 0 ||
    AMOUNTS.slice(AMOUNTS_FIRST).some(([name]) => values[name] !== null)
  return (
    <>
      <Field name="name" label="Name" required hint="Who or what asks with it.">
        <Input {...form.bind('name')} required maxLength={100} />
      </Field>
      {isNew && !isOwn && <OwnerFields form={form} />}
      <Field name="models" label="Models" hint="Names it may ask for; * stands for any text.">
        <ModelsInput form={form} />
      </Field>
      <div class="form-row">
        <Field name="budget" label="Budget">
          <MoneyInput {...form.bind('usd')} />
        </Field>
        <Field name="budget.window" label="Budget is for" required>
          <Select {...form.bind('window')} options={WINDOWS} disabled={values.usd === null} />
        </Field>
      </div>
      <div class="form-row">
        <Field name="budget.action" label="When it is spent" required>
          <Select {...form.bind('action')} options={ACTIONS} disabled={values.usd === null} />
        </Field>
        <Field name="expires" label="Valid until" hint="To the end of the day, UTC.">
          <Input type="date" {...form.bind('expires')} />
        </Field>
      </div>
      <AmountFields form={form} list={AMOUNTS.slice(0, AMOUNTS_FIRST)} prefix="limits." />
      <details open={isNarrow}>
        <summary>More limits, addresses and actions</summary>
        <div class="stack">
          <AmountFields form={form} list={AMOUNTS.slice(AMOUNTS_FIRST)} prefix="limits." />
          <Field name="allowed_from" label="Only from" hint="Addresses, or blocks as 10.0.0.0/8.">
            <ChipsInput {...form.bind('allowedFrom')} placeholder="anywhere" />
          </Field>
          <Field
            name="actions"
            label="Only these actions"
            hint="As model.invoke or usage.*. It never may do more than its owner."
          >
            <ChipsInput {...form.bind('actions')} placeholder="all that its owner may" />
          </Field>
        </div>
      </details>
    </>
  )
}

/** Amounts of a limit, three in a row. */
export function AmountFields<T extends Amounts>({
  form,
  list,
  prefix,
}: {
  form: FormModel<T>
  list: readonly (readonly [keyof Amounts, string])[]
  prefix: string
}) {
  return (
    <div class="form-row amounts">
      {list.map(([name, label]) => (
        <Field key={name} name={`${prefix}${name}`} label={label}>
          <NumberInput
            whole
            placeholder="no limit"
            value={form.values.value[name]}
            onValue={(value) => form.set(name, value as T[typeof name])}
          />
        </Field>
      ))}
    </div>
  )
}

function OwnerFields({ form }: { form: FormModel<Values> }) {
  const { ownerKind } = form.values.value
  const owners = useOwners(ownerKind)
  return (
    <div class="form-row">
      <Field name="owner.kind" label="Belongs to" required>
        <Select
          {...form.bind('ownerKind')}
          onValue={(kind) => {
            form.set('ownerKind', kind)
            form.set('ownerId', '')
          }}
          options={[
            { value: 'none', label: 'Nobody: it has a role' },
            { value: 'user', label: 'A user' },
            { value: 'service', label: 'A service' },
            { value: 'team', label: 'A team' },
          ]}
        />
      </Field>
      {ownerKind === 'none' ? (
        <Field name="roles" label="Role" required>
          <Select {...form.bind('role')} options={ROLES} />
        </Field>
      ) : (
        <Field name="owner.id" label="Who" required>
          <Combobox {...form.bind('ownerId')} options={owners} placeholder="Name or id" />
        </Field>
      )}
    </div>
  )
}

interface Listed {
  readonly data: readonly { readonly id: string }[]
}

function ModelsInput({ form }: { form: FormModel<Values> }) {
  return <ChipsInput {...form.bind('models')} placeholder="all" suggestions={useModelNames()} />
}

/** Names by which models are asked for, to choose from; none where one may not see them. */
export function useModelNames(): readonly string[] {
  const models = useQuery(
    'offered-models',
    async ({ signal }) => {
      const answer = await ask('/admin/playground/models', { signal })
      return answer.ok ? ((await answer.json()) as Listed) : { data: [] }
    },
    { enabled: can('model.list'), freshMs: 60_000 },
  )
  return models.data?.data.map(({ id }) => id) ?? []
}
