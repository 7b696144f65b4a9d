// Prices of one's own in the form of a model, and those that come later.

import { Button, IconButton } from '../components/button.tsx'
import { Checkbox, Field, Input } from '../components/field.tsx'
import type { FormModel } from '../components/form.tsx'
import { MoneyInput } from '../components/inputs.tsx'
import { Panel } from '../components/page.tsx'
import { emptyPriceChange, type Draft, type PriceChangeDraft, type Prices } from './draft.ts'
import { CLASSES } from './price.tsx'

export function PriceFields({ form }: { form: FormModel<Draft> }) {
  const { ownPrice, priceChanges, prices } = form.values.value
  const change = (at: number, part: Partial<PriceChangeDraft>) =>
    form.set(
      'priceChanges',
      priceChanges.map((each, index) => (index === at ? { ...each, ...part } : each)),
    )
  return (
    <Panel title="Price" hint="US dollars for a million tokens.">
      <div class="stack">
        <Checkbox
          {...form.bind('ownPrice')}
          label="A price of its own"
          hint="In place of the built-in one. What is left empty is unknown, not free."
        />
        {ownPrice && (
          <PriceInputs at="price" value={prices} onValue={(next) => form.set('prices', next)} />
        )}
        {priceChanges.map((each, at) => (
          <fieldset key={each.key} class="price-change">
            <legend>
              Later price {at + 1}
              <IconButton
                icon="trash"
                size="small"
                label={`Remove later price ${at + 1}`}
                onClick={() => form.set('priceChanges', priceChanges.toSpliced(at, 1))}
              />
            </legend>
            <Field
              name={`price_changes[${at}].from`}
              label="From"
              required
              hint="Date and time with the zone, as 2030-01-01T00:00:00Z."
            >
              <Input value={each.from} onValue={(from) => change(at, { from })} />
            </Field>
            <PriceInputs
              at={`price_changes[${at}]`}
              value={each.prices}
              onValue={(next) => change(at, { prices: next })}
            />
          </fieldset>
        ))}
        <div>
          <Button
            icon="plus"
            size="small"
            onClick={() => form.set('priceChanges', [...priceChanges, emptyPriceChange()])}
          >
            Add a later price
          </Button>
        </div>
      </div>
    </Panel>
  )
}

interface PriceInputsProps {
  /** The member they are in. */
  readonly at: string
  readonly value: Prices
  readonly onValue: (value: Prices) => void
}

function PriceInputs({ at, onValue, value }: PriceInputsProps) {
  return (
    <div class="price-inputs">
      {CLASSES.map(([name, label]) => (
        <Field key={name} name={`${at}.${name}`} label={label}>
          <MoneyInput
            value={value[name] ?? null}
            placeholder="unknown"
            onValue={(usd) => onValue({ ...value, [name]: usd })}
          />
        </Field>
      ))}
    </div>
  )
}
