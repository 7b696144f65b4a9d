// The form of a budget: whom it counts, how much in which window, what happens at its end, and whom it tells.

import { Dialog } from '../components/dialog.tsx'
import { Field, Input, Select } from '../components/field.tsx'
import { Form, useForm } from '../components/form.tsx'
import { ChipsInput, MoneyInput } from '../components/inputs.tsx'
import { ACTIONS, WINDOWS } from '../api-keys/key-form.tsx'
import { createBudget, replaceBudget, type Budget, type BudgetChange } from './money-api.ts'

const SUBJECTS = [
  { value: 'tenant', label: 'The tenant' },
  { value: 'team', label: 'Each team' },
  { value: 'user', label: 'Each user' },
  { value: 'key', label: 'Each key' },
  { value: 'model', label: 'Each model' },
] as const

interface Values {
  readonly per: Budget['per']
  readonly only: string
  readonly usd: number | null
  readonly window: Budget['window']
  readonly action: Budget['action']
  readonly alertAt: readonly string[]
  readonly webhook: string
  readonly unknownPrice: 'action' | 'block' | 'allow'
}

function valuesOf(budget: Budget | undefined): Values {
  return {
    per: budget?.per ?? 'user',
    only: budget?.only ?? '',
    usd: budget?.usd ?? null,
    window: budget?.window ?? 'month',
    action: budget?.action ?? 'block',
    alertAt: (budget?.alert_at ?? [0.8, 1]).map((share) => `${Math.round(share * 1_000) / 10}%`),
    webhook: budget?.webhook ?? '',
    unknownPrice: budget?.unknown_price ?? 'action',
  }
}

function bodyOf(values: Values): BudgetChange {
  const { action, alertAt, only, per, unknownPrice, usd, webhook, window } = values
  return {
    per,
    only: only.trim() === '' ? null : only.trim(),
    // What is not given is the server's to complain of, at its field.
    usd: usd as number,
    window,
    action,
    alert_at: alertAt.map((text) => Number.parseFloat(text) / 100),
    webhook: webhook.trim() === '' ? null : webhook.trim(),
    ...(unknownPrice === 'action' ? {} : { unknown_price: unknownPrice }),
  }
}

/** @param budget the one to change, as it was just read; absent: a new one */
export function BudgetForm({
  budget,
  onClose,
}: {
  budget?: Budget | undefined
  onClose: () => void
}) {
  const form = useForm(valuesOf(budget))
  const { per } = form.values.value
  return (
    <Dialog title={budget === undefined ? 'Create budget' : 'Edit budget'} onClose={onClose}>
      <Form
        form={form}
        submit={budget === undefined ? 'Create budget' : 'Save changes'}
        onCancel={onClose}
        invalidates={['budgets']}
        onSubmit={(values) =>
          budget === undefined
            ? createBudget(bodyOf(values))
            : replaceBudget(budget, bodyOf(values))
        }
        onDone={onClose}
      >
        <div class="form-row">
          <Field name="per" label="For" required>
            <Select {...form.bind('per')} options={SUBJECTS} disabled={budget !== undefined} />
          </Field>
          {per !== 'tenant' && (
            <Field
              name="only"
              label={`Only one ${per}`}
              hint="Its id or name; * stands for any text."
            >
              <Input {...form.bind('only')} placeholder="each" maxLength={300} />
            </Field>
          )}
        </div>
        <div class="form-row">
          <Field name="usd" label="Amount" required>
            <MoneyInput {...form.bind('usd')} placeholder="50" />
          </Field>
          <Field name="window" label="Is for" required hint="Begins anew with the calendar, UTC.">
            <Select {...form.bind('window')} options={WINDOWS} />
          </Field>
        </div>
        <Field name="action" label="When it is spent" required>
          <Select {...form.bind('action')} options={ACTIONS} />
        </Field>
        <Field name="alert_at" label="Tell at" hint="Shares of it, each told once in a window.">
          <ChipsInput
            {...form.bind('alertAt')}
            placeholder="never"
            suggestions={['50%', '80%', '90%', '100%']}
          />
        </Field>
        <Field
          name="webhook"
          label="Webhook"
          hint={
            budget?.webhook === undefined || budget.webhook === null
              ? 'Alerts are posted there as JSON, besides the log.'
              : 'Shown masked. Left as it is, it stays; emptied, it is taken away.'
          }
        >
          <Input type="text" inputMode="url" {...form.bind('webhook')} placeholder="https://…" />
        </Field>
        <Field name="unknown_price" label="Requests whose price is not known" required>
          <Select
            {...form.bind('unknownPrice')}
            options={[
              { value: 'action', label: 'As the budget does' },
              { value: 'block', label: 'Refuse' },
              { value: 'allow', label: 'Let through and tell' },
            ]}
          />
        </Field>
      </Form>
    </Dialog>
  )
}
