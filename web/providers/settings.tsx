// The settings of one provider: shown to everybody who may see it, changed by who may. Only what was changed is sent, and held against what
// was seen.

import { useSignal } from '@preact/signals'
import type { ComponentChildren } from 'preact'
import { useContext } from 'preact/hooks'
import { ifMatch, unwrap } from '../api.ts'
import { Field, Input, Select, Textarea } from '../components/field.tsx'
import { Form, useForm } from '../components/form.tsx'
import { FormContext } from '../components/form-context.ts'
import { NumberInput, DurationInput } from '../components/inputs.tsx'
import { Notice } from '../components/notice.tsx'
import { Panel } from '../components/page.tsx'
import { EmptyState } from '../components/states.tsx'
import { toast } from '../components/toast.tsx'
import { CodeBlock } from '../components/values.tsx'
import { can } from '../session.ts'
import { providerPath, type Provider } from './data.ts'
import { changeOf, toDraft, wantsSecrets, type Draft } from './draft.ts'
import {
  CheckFields,
  CircuitFields,
  ConcurrencyFields,
  ContextFields,
  EntraFields,
  HeaderFields,
  type PartProps,
} from './sections.tsx'
import { NetworkFields } from './network.tsx'

const RUNS_MODELS = ['ollama', 'lmstudio', 'custom']

export function SettingsPanel({ provider }: { provider: Provider }) {
  if (provider.timeouts === null) {
    return (
      <EmptyState icon="lock" title="Its settings are not shown">
        They are the installation’s: all tenants share this provider.
      </EmptyState>
    )
  }
  if (provider.read_only !== null || !can('provider.write')) return <Shown provider={provider} />
  return <Editor key={provider.id} provider={provider} />
}

/** As they are in force, in the names of the API. */
function Shown({ provider }: { provider: Provider }) {
  const { health: _h, keys: _k, used_by: _u, warnings: _w, read_only: _r, ...settings } = provider
  return (
    <Panel title="Settings" hint={provider.read_only ?? 'You may look at them.'}>
      <CodeBlock
        label={`Settings of ${provider.id}`}
        text={JSON.stringify(settings, null, 2)}
        maxHeight={520}
      />
    </Panel>
  )
}

function Editor({ provider }: { provider: Provider }) {
  // What is edited stays what was seen, whatever is read meanwhile.
  const seen = useSignal(provider)
  const before = toDraft(seen.value)
  const form = useForm<Draft>(before)
  const draft = form.values.value
  const set = <K extends keyof Draft>(name: K, value: Draft[K]) => form.set(name, value)
  const part: PartProps = { draft, set }
  const { type } = provider
  const isElsewhere = wantsSecrets(draft, before)
  const hasKeys = (provider.keys?.length ?? 0) > 0
  return (
    <Form
      form={form}
      submit="Save settings"
      disabled={!form.isDirty.value}
      invalidates={['provider', 'providers', 'provider-targets', 'listed']}
      onSubmit={(values) =>
        unwrap(
          providerPath(provider.id).patch(changeOf(values, before, provider), ifMatch(seen.peek())),
        )
      }
      onDone={(after) => {
        seen.value = after
        form.reset(toDraft(after))
        toast(`Settings of ${provider.id} are saved.`)
      }}
    >
      <Panel title="Where it is">
        <div class="stack">
          <Field name="base_url" label="Base URL" required>
            <Input {...form.bind('base_url')} type="url" />
          </Field>
          {type === 'custom' && (
            <Field name="compatible" label="Speaks" required>
              <Select
                {...form.bind('compatible')}
                options={[
                  { value: 'openai', label: 'the OpenAI API' },
                  { value: 'anthropic', label: 'the Anthropic API' },
                ]}
              />
            </Field>
          )}
          {type === 'azure' && (
            <Field
              name="api_version"
              label="API version"
              hint="Left empty: the newer /openai/v1 paths."
            >
              <Input {...form.bind('api_version')} />
            </Field>
          )}
          {type === 'bedrock' && (
            <Field name="region" label="Region" hint="Left empty: the one in the address.">
              <Input {...form.bind('region')} />
            </Field>
          )}
          {type === 'nemo' && (
            <Field name="config_id" label="Configuration" hint="Left empty: the server’s default.">
              <Input {...form.bind('config_id')} />
            </Field>
          )}
          {isElsewhere && hasKeys && (
            <>
              <Notice tone="warn" title="Give its keys anew">
                Requests go another way by this, and stored keys are not sent where they were not
                given for. What you give here takes the place of all keys it has.
              </Notice>
              <Field name="keys" label="Keys" required hint="One in a line.">
                <Textarea {...form.bind('keys')} mono rows={2} autocomplete="off" />
              </Field>
            </>
          )}
        </div>
      </Panel>
      <Fold title="Time" errors={['timeouts', 'retries']}>
        <TimeFields {...part} />
      </Fold>
      <Fold
        title="How keys take turns, and how much it is asked"
        errors={['key_strategy', 'concurrency']}
      >
        <Field name="key_strategy" label="Next key" required>
          <Select
            {...form.bind('key_strategy')}
            options={[
              { value: 'round_robin', label: 'each in turn' },
              { value: 'order', label: 'the first that is fit' },
              { value: 'least_used', label: 'the one with the fewest requests running' },
              { value: 'remaining', label: 'the one with most left of its limits' },
            ]}
          />
        </Field>
        <ConcurrencyFields {...part} />
      </Fold>
      <Fold title="When it fails" errors={['circuit', 'check']}>
        <CircuitFields {...part} />
        <CheckFields {...part} />
      </Fold>
      <Fold title="Network" errors={['network']} isOpen={draft.network.verify === false}>
        <NetworkFields {...part} />
      </Fold>
      <Fold title="Header fields" errors={['headers']}>
        <HeaderFields {...part} />
      </Fold>
      {draft.entra !== null && (
        <Fold title="Entra ID application" errors={['entra']}>
          <EntraFields {...part} />
        </Fold>
      )}
      {RUNS_MODELS.includes(type) && (
        <Fold title="Context of local models" errors={['context']}>
          <ContextFields {...part} />
        </Fold>
      )}
    </Form>
  )
}

/** A part of the form that opens; it is open where something in it is wrong. */
function Fold({
  children,
  errors,
  isOpen = false,
  title,
}: {
  title: string
  errors: readonly string[]
  isOpen?: boolean
  children: ComponentChildren
}) {
  const form = useContext(FormContext)
  const opens = errors.some((name) => form?.errorOf(name) !== undefined)
  return (
    <details class="settings-section" open={isOpen || opens}>
      <summary>{title}</summary>
      <div>{children}</div>
    </details>
  )
}

function TimeFields({ draft: { retries, timeouts }, set }: PartProps) {
  const time = (name: keyof Draft['timeouts'], label: string, hint: string) => (
    <Field name={`timeouts.${name}`} label={label} hint={hint} required>
      <DurationInput
        value={timeouts[name]}
        onValue={(ms) => set('timeouts', { ...timeouts, [name]: ms ?? timeouts[name] })}
      />
    </Field>
  )
  const wait = (name: 'base_ms' | 'cap_ms', label: string) => (
    <Field name={`retries.${name}`} label={label} required>
      <DurationInput
        value={retries[name]}
        onValue={(ms) => set('retries', { ...retries, [name]: ms ?? retries[name] })}
      />
    </Field>
  )
  return (
    <>
      <div class="grid-2">
        {time('connect_ms', 'To connect', 'TLS included.')}
        {time('first_byte_ms', 'To the first byte', 'Slow models think before they speak.')}
        {time('idle_ms', 'Of silence', 'Inside an answer.')}
        {time('total_ms', 'In all', 'From sending to the last byte.')}
      </div>
      <div class="grid-3">
        <Field name="retries.max" label="Repeats" required>
          <NumberInput
            whole
            value={retries.max}
            onValue={(max) => set('retries', { ...retries, max: max ?? 0 })}
          />
        </Field>
        {wait('base_ms', 'First wait at most')}
        {wait('cap_ms', 'Any wait at most')}
      </div>
    </>
  )
}
