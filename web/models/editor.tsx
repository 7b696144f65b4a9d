// The form of one alias, new or changed: who answers it, in which order, and what else is said of it. The server judges it, and its words stand
// at the field they are about.

import { ApiProblem, api, ifMatch, unwrap } from '../api.ts'
import { Checkbox, Field, Input, Select, Textarea } from '../components/field.tsx'
import { Form, useForm, type FormModel } from '../components/form.tsx'
import { ChipsInput, DurationInput, NumberInput } from '../components/inputs.tsx'
import { PageHeader, Panel } from '../components/page.tsx'
import { toast } from '../components/toast.tsx'
import { useQuery } from '../query.ts'
import { navigate } from '../router.tsx'
import { modelPath, pageOf, readModels, ROWS_MAX, type Model } from './data.ts'
import { CAUSES, NoObject, toBody, type Draft, type Strategy } from './draft.ts'
import { PriceFields } from './price-fields.tsx'
import { TargetsEditor } from './targets-editor.tsx'

const STRATEGIES: readonly { value: Strategy; label: string }[] = [
  { value: 'weighted', label: 'By lot, by weight' },
  { value: 'order', label: 'In the order they are listed' },
  { value: 'round_robin', label: 'Each in turn' },
  { value: 'least_busy', label: 'Fewest requests running' },
  { value: 'latency', label: 'Fastest of late' },
  { value: 'cost', label: 'Cheapest' },
]

const STICKY = [
  { value: 'none', label: 'no' },
  { value: 'key', label: 'of one API key' },
  { value: 'user', label: 'of one user' },
  { value: 'session', label: 'of one session' },
] as const

const LOSSES = [
  { value: 'report', label: 'Answer, and report it' },
  { value: 'reject', label: 'Refuse the request' },
] as const

const CACHES = [
  { value: 'usual', label: 'As all others' },
  { value: 'off', label: 'Ask anew each time' },
  { value: 'exact', label: 'Equal requests from memory' },
  { value: 'semantic', label: 'Requests of the same meaning too' },
] as const

const WHO = [
  { value: 'all', label: 'Everyone in the tenant' },
  { value: 'some', label: 'Only these' },
] as const

interface EditorProps {
  readonly initial: Draft
  /** The one that is changed; absent: a new one is made. */
  readonly seen?: Model
}

export function ModelEditor({ initial, seen }: EditorProps) {
  const form = useForm(initial)
  const leave = () => navigate(seen === undefined ? '/ui/models' : pageOf(seen.id))
  return (
    <>
      <PageHeader
        title={seen === undefined ? 'Create alias' : `Edit ${seen.id}`}
        back={{
          href: seen === undefined ? '/ui/models' : pageOf(seen.id),
          label: 'Models & routes',
        }}
      />
      <Form
        form={form}
        submit={seen === undefined ? 'Create alias' : 'Save changes'}
        onCancel={leave}
        invalidates={['models', 'model', 'route']}
        onSubmit={(draft) => save(draft, seen)}
        onDone={(saved) => {
          toast(`Model ${saved.id} is saved.`)
          navigate(pageOf(saved.id))
        }}
      >
        {seen === undefined && (
          <Panel>
            <Field name="id" label="Name" required hint="What clients ask for, as fast or smart.">
              <Input {...form.bind('id')} spellcheck={false} />
            </Field>
          </Panel>
        )}
        <Panel
          title="Who answers"
          hint="From top to bottom; those that share are asked by strategy."
        >
          <TargetsEditor
            {...form.bind('targets')}
            isWeighted={form.values.value.strategy === 'weighted'}
          />
        </Panel>
        <RoutingFields form={form} />
        <FallbackFields form={form} />
        <RequestFields form={form} />
        <PriceFields form={form} />
        <AccessFields form={form} />
      </Form>
    </>
  )
}

/** @throws ApiProblem, of the defaults too where they are no JSON */
async function save(draft: Draft, seen: Model | undefined) {
  const body = bodyOf(draft)
  return seen === undefined
    ? await unwrap(api.models.post({ id: draft.id.trim(), ...body }))
    : await unwrap(modelPath(seen.id).put(body, ifMatch(seen)))
}

function bodyOf(draft: Draft) {
  try {
    return toBody(draft)
  } catch (thrown) {
    if (!(thrown instanceof NoObject)) throw thrown
    const { message: detail, param } = thrown
    throw new ApiProblem({ status: 0, code: 'invalid_json', param, detail })
  }
}

interface Part {
  readonly form: FormModel<Draft>
}

function RoutingFields({ form }: Part) {
  return (
    <Panel title="Routing" hint="How targets that share are chosen.">
      <div class="stack">
        <div class="form-row">
          <Field name="routing.strategy" label="Strategy" required>
            <Select {...form.bind('strategy')} options={STRATEGIES} />
          </Field>
          <Field
            name="routing.sticky"
            label="Keep together the requests"
            required
            hint="At the same target, so that its prompt cache stays warm."
          >
            <Select {...form.bind('sticky')} options={STICKY} />
          </Field>
          <Field
            name="routing.hedge_after"
            label="Ask the next one too after"
            hint="Where nothing came until then. Both may be billed."
          >
            <DurationInput {...form.bind('hedgeMs')} placeholder="never" />
          </Field>
        </div>
        <Checkbox
          {...form.bind('continuation')}
          label="Continue answers that broke off"
          hint="Another target goes on from there, where it can. Streams are translated then."
        />
        <Checkbox
          {...form.bind('retryRefused')}
          label="Try the next target where content rules refused"
        />
      </div>
    </Panel>
  )
}

function FallbackFields({ form }: Part) {
  const filter = { kind: 'alias', q: undefined, state: undefined, limit: ROWS_MAX } as const
  const { data } = useQuery(['models', filter], (reading) => readModels(filter, reading), {
    freshMs: 60_000,
  })
  const { fallbacks, id } = form.values.value
  const names = (data?.data ?? []).map((model) => model.id).filter((name) => name !== id)
  return (
    <Panel
      title="Fall back to other models"
      hint="Asked in turn when no target answered. Whoever may ask this model may be answered by them."
    >
      <div class="grid-2">
        {CAUSES.map(([cause, label]) => (
          <Field key={cause} name={`routing.fallbacks.${cause}`} label={label}>
            <ChipsInput
              value={fallbacks[cause]}
              suggestions={names}
              placeholder="none"
              onValue={(list) => form.set('fallbacks', { ...fallbacks, [cause]: list })}
            />
          </Field>
        ))}
      </div>
    </Panel>
  )
}

function RequestFields({ form }: Part) {
  return (
    <Panel title="Requests">
      <div class="stack">
        <Field
          name="defaults"
          label="Defaults"
          hint="JSON by OpenAI’s names, set where the client gave none. Each protocol gets its own words for them."
        >
          <Textarea {...form.bind('defaults')} mono rows={4} placeholder='{"temperature": 0.2}' />
        </Field>
        <div class="form-row">
          <Field name="losses" label="What the provider cannot express" required>
            <Select {...form.bind('losses')} options={LOSSES} />
          </Field>
          <Field name="context_window" label="Context window" hint="Shown in model lists.">
            <NumberInput
              {...form.bind('contextWindow')}
              whole
              suffix="tokens"
              placeholder="as is known of the model"
            />
          </Field>
        </div>
        <div class="form-row">
          <Field name="cache" label="Response cache" required>
            <Select {...form.bind('cache')} options={CACHES} />
          </Field>
          <Field name="cache_ttl" label="Answers are kept" hint="As 10m or 24h.">
            <Input {...form.bind('cacheTtl')} placeholder="as all others" />
          </Field>
        </div>
      </div>
    </Panel>
  )
}

function AccessFields({ form }: Part) {
  const { isForSome } = form.values.value
  return (
    <Panel title="Who may use it">
      <div class="stack">
        <Field label="For" required>
          <Select
            value={isForSome ? 'some' : 'all'}
            options={WHO}
            onValue={(who) => form.set('isForSome', who === 'some')}
          />
        </Field>
        {isForSome && (
          <Field
            name="access"
            label="Only"
            hint="group:, team:, user:, service: or key: with its name. Nobody, while the list is empty."
          >
            <ChipsInput {...form.bind('access')} placeholder="group:engineers" />
          </Field>
        )}
      </div>
    </Panel>
  )
}
