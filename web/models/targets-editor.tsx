// The targets of a model as rows that are moved by buttons: each either shares with the one above it, or is asked when all above have failed.

import type { Bound } from '../components/field.tsx'
import { useMemo } from 'preact/hooks'
import { Button, IconButton } from '../components/button.tsx'
import { Checkbox, Field, Select, Textarea } from '../components/field.tsx'
import { ChipsInput, Combobox, NumberInput } from '../components/inputs.tsx'
import { api, unwrap } from '../api.ts'
import { useQuery } from '../query.ts'
import { can } from '../session.ts'
import { readModels, ROWS_MAX } from './data.ts'
import { emptyTarget, ordersOf, type Abilities, type TargetDraft } from './draft.ts'

interface TargetsProps extends Bound<readonly TargetDraft[]> {
  /** Weights say nothing to other strategies. */
  readonly isWeighted: boolean
}

export function TargetsEditor({ isWeighted, onValue, value }: TargetsProps) {
  const known = useKnown()
  const orders = ordersOf(value)
  const change = (at: number, part: Partial<TargetDraft>) =>
    onValue(value.map((target, index) => (index === at ? { ...target, ...part } : target)))
  const move = (at: number, by: -1 | 1) => {
    const [target] = value.slice(at, at + 1)
    if (target === undefined) return
    const rest = value.toSpliced(at, 1)
    onValue(
      rest
        .toSpliced(at + by, 0, target)
        .map((each, index) => (index === 0 ? { ...each, shares: false } : each)),
    )
  }
  return (
    <div class="stack">
      <ol class="targets" aria-label="Targets">
        {value.map((target, at) => (
          <li key={target.key} class={target.shares ? 'target target-shares' : 'target'}>
            <div class="target-head">
              <span class="target-step">
                {orders[at] === 0 ? 'Asked first' : `Step ${(orders[at] ?? 0) + 1}`}
                {target.shares && <span class="soft"> shared</span>}
              </span>
              <span class="row">
                <IconButton
                  icon="up"
                  size="small"
                  label={`Move target ${at + 1} up`}
                  disabled={at === 0}
                  onClick={() => move(at, -1)}
                />
                <IconButton
                  icon="down"
                  size="small"
                  label={`Move target ${at + 1} down`}
                  disabled={at === value.length - 1}
                  onClick={() => move(at, 1)}
                />
                <IconButton
                  icon="trash"
                  size="small"
                  label={`Remove target ${at + 1}`}
                  disabled={value.length === 1}
                  onClick={() =>
                    onValue(
                      value
                        .toSpliced(at, 1)
                        .map((each, index) => (index === 0 ? { ...each, shares: false } : each)),
                    )
                  }
                />
              </span>
            </div>
            <TargetFields
              at={at}
              target={target}
              known={known}
              isWeighted={isWeighted}
              change={(part) => change(at, part)}
            />
          </li>
        ))}
      </ol>
      <div>
        <Button icon="plus" onClick={() => onValue([...value, emptyTarget()])}>
          Add target
        </Button>
      </div>
    </div>
  )
}

interface TargetFieldsProps {
  readonly at: number
  readonly target: TargetDraft
  readonly known: ReadonlyMap<string, readonly string[]>
  readonly isWeighted: boolean
  readonly change: (part: Partial<TargetDraft>) => void
}

function TargetFields({ at, change, isWeighted, known, target }: TargetFieldsProps) {
  const models = known.get(target.provider) ?? []
  // Decided once: it is the reader's from then on.
  const isOpen = useMemo(() => target.overrides !== '' || target.tags.length > 0, [])
  return (
    <>
      <div class="form-row target-names">
        <Field name={`targets[${at}].provider`} label="Provider" required>
          <Combobox
            value={target.provider}
            options={[...known.keys()]}
            onValue={(provider) => change({ provider })}
          />
        </Field>
        <Field name={`targets[${at}].model`} label="Its model" required>
          <Combobox value={target.model} options={models} onValue={(model) => change({ model })} />
        </Field>
        {isWeighted && (
          <Field
            name={`targets[${at}].weight`}
            label={
              <>
                Weight<span class="visually-hidden"> of target {at + 1}</span>
              </>
            }
            required
          >
            <NumberInput value={target.weight} onValue={(weight) => change({ weight })} />
          </Field>
        )}
      </div>
      {at > 0 && (
        <Checkbox
          label="Share requests with the target above"
          hint="Without, it is asked when all above have failed."
          value={target.shares}
          onValue={(shares) => change({ shares })}
        />
      )}
      <details class="target-more" open={isOpen}>
        <summary>Overrides, tags and abilities</summary>
        <div class="stack">
          <Field
            name={`targets[${at}].overrides`}
            label="Overrides"
            hint="JSON by OpenAI’s names, set in place of the client’s for this target alone; null takes one away."
          >
            <Textarea
              mono
              rows={3}
              value={target.overrides}
              placeholder='{"max_tokens": 1000}'
              onValue={(overrides) => change({ overrides })}
            />
          </Field>
          <Field
            name={`targets[${at}].tags`}
            label="Tags"
            hint="A request may ask for them in x-weir-tags."
          >
            <ChipsInput value={target.tags} onValue={(tags) => change({ tags })} />
          </Field>
          <AbilitiesFields
            at={at}
            value={target.abilities}
            onValue={(abilities) => change({ abilities })}
          />
        </div>
      </details>
    </>
  )
}

const ABILITIES = [
  ['vision', 'Takes pictures'],
  ['tools', 'Calls tools'],
  ['json_schema', 'Answers by a JSON Schema'],
  ['chat', 'Chats'],
  ['prefill', 'Goes on from a beginning'],
] as const

type Ternary = '' | 'yes' | 'no'

const TERNARY = [
  { value: '', label: 'as the provider says' },
  { value: 'yes', label: 'yes' },
  { value: 'no', label: 'no' },
] as const

function AbilitiesFields({
  at,
  onValue,
  value,
}: Bound<Abilities | null> & { readonly at: number }) {
  const set = (name: keyof Abilities, next: boolean | number | null) => {
    const all = Object.entries({ ...value, [name]: next }).filter(([, each]) => each !== null)
    onValue(all.length === 0 ? null : Object.fromEntries(all))
  }
  const shown = (ability: boolean | null | undefined): Ternary =>
    ability === true ? 'yes' : ability === false ? 'no' : ''
  return (
    <div class="grid-3">
      {ABILITIES.map(([name, label]) => (
        <Field key={name} name={`targets[${at}].abilities.${name}`} label={label}>
          <Select
            value={shown(value?.[name])}
            options={TERNARY}
            onValue={(next) => set(name, next === '' ? null : next === 'yes')}
          />
        </Field>
      ))}
      <Field name={`targets[${at}].abilities.context_window`} label="Context">
        <NumberInput
          whole
          suffix="tokens"
          value={value?.context_window ?? null}
          onValue={(next) => set('context_window', next)}
        />
      </Field>
    </div>
  )
}

/** Providers there are, and the models they list: what is offered while one types. Any other name can be typed too. */
function useKnown(): ReadonlyMap<string, readonly string[]> {
  const filter = { kind: 'direct', q: undefined, state: 'available', limit: ROWS_MAX } as const
  const models = useQuery(['models', filter], (reading) => readModels(filter, reading), {
    freshMs: 60_000,
  })
  const providers = useQuery('provider-names', readProviders, {
    freshMs: 60_000,
    enabled: can('provider.read'),
  })
  const groups = Map.groupBy(models.data?.data ?? [], ({ targets }) => targets[0]?.provider ?? '')
  return new Map([
    ...(providers.data?.data ?? []).map(({ id }) => [id, [] as readonly string[]] as const),
    ...[...groups].map(
      ([provider, listed]) =>
        [provider, listed.map(({ targets }) => targets[0]?.model ?? '')] as const,
    ),
  ])
}

const readProviders = ({ signal }: { readonly signal: AbortSignal }) =>
  unwrap(api.providers.get({ query: { limit: ROWS_MAX }, fetch: { signal } }))
