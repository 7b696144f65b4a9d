// Parts of the settings of a provider as fields. Each edits one section of the draft; what it means is the server's.

import { Button, IconButton } from '../components/button.tsx'
import { Checkbox, Field, Input, Select } from '../components/field.tsx'
import { DurationInput, NumberInput } from '../components/inputs.tsx'
import { KEPT, type Draft, type Header } from './draft.ts'

export interface PartProps {
  readonly draft: Draft
  set<K extends keyof Draft>(name: K, value: Draft[K]): void
}

const QUEUE = { max: 10, queue: 100, queue_timeout_ms: 30_000 }

export function ConcurrencyFields({ draft: { concurrency }, set }: PartProps) {
  return (
    <>
      <Checkbox
        label="Bound the requests that run at once"
        hint="Others wait their turn; keys of clients take turns."
        value={concurrency !== null}
        onValue={(isOn) => set('concurrency', isOn ? QUEUE : null)}
      />
      {concurrency !== null && (
        <div class="grid-3">
          <Field name="concurrency.max" label="At once" required>
            <NumberInput
              whole
              value={concurrency.max}
              onValue={(max) => set('concurrency', { ...concurrency, max: max ?? 1 })}
            />
          </Field>
          <Field name="concurrency.queue" label="May wait" required>
            <NumberInput
              whole
              value={concurrency.queue}
              onValue={(queue) => set('concurrency', { ...concurrency, queue: queue ?? 0 })}
            />
          </Field>
          <Field name="concurrency.queue_timeout_ms" label="Longest wait" required>
            <DurationInput
              value={concurrency.queue_timeout_ms}
              onValue={(ms) =>
                set('concurrency', {
                  ...concurrency,
                  queue_timeout_ms: ms ?? concurrency.queue_timeout_ms,
                })
              }
            />
          </Field>
        </div>
      )}
    </>
  )
}

export function CircuitFields({ draft: { circuit }, set }: PartProps) {
  const time = (name: 'window_ms' | 'open_ms', label: string, hint: string) => (
    <Field name={`circuit.${name}`} label={label} hint={hint} required>
      <DurationInput
        value={circuit[name]}
        onValue={(ms) => set('circuit', { ...circuit, [name]: ms ?? circuit[name] })}
      />
    </Field>
  )
  return (
    <>
      <Checkbox
        label="Leave targets alone that fail"
        hint="So that requests go to others at once."
        value={circuit.enabled}
        onValue={(enabled) => set('circuit', { ...circuit, enabled })}
      />
      {circuit.enabled && (
        <div class="grid-2">
          <Field name="circuit.failures" label="After failures in a row" required>
            <NumberInput
              whole
              value={circuit.failures}
              onValue={(failures) => set('circuit', { ...circuit, failures: failures ?? 1 })}
            />
          </Field>
          <Field
            name="circuit.error_rate"
            label="Or this share of failures"
            hint="0.5 is half."
            required
          >
            <NumberInput
              value={circuit.error_rate}
              onValue={(rate) => set('circuit', { ...circuit, error_rate: rate ?? 1 })}
            />
          </Field>
          {time('window_ms', 'Within', 'How far back the share looks.')}
          {time('open_ms', 'For at first', 'Doubled with each try that fails.')}
          <Field name="circuit.open_max_ms" label="For at most" hint="Left empty: a minute.">
            <DurationInput
              value={circuit.open_max_ms}
              onValue={(ms) => set('circuit', { ...circuit, open_max_ms: ms })}
            />
          </Field>
        </div>
      )}
    </>
  )
}

export function CheckFields({ draft: { check }, set }: PartProps) {
  return (
    <>
      <Checkbox
        label="Ask now and then whether it is well"
        hint="Paid providers count every request."
        value={check !== null}
        onValue={(isOn) => set('check', isOn ? { interval_ms: 60_000, model: null } : null)}
      />
      {check !== null && (
        <div class="grid-2">
          <Field name="check.interval_ms" label="Every" required>
            <DurationInput
              value={check.interval_ms}
              onValue={(ms) => set('check', { ...check, interval_ms: ms ?? check.interval_ms })}
            />
          </Field>
          <Field
            name="check.model"
            label="Model to ask for one token"
            hint="Left empty: the model list, which is free."
          >
            <Input
              value={check.model ?? ''}
              onValue={(text) => set('check', { ...check, model: text === '' ? null : text })}
            />
          </Field>
        </div>
      )}
    </>
  )
}

export function ContextFields({ draft: { context }, set }: PartProps) {
  const standard = { guard: true, max_tokens: 32_768, reserve: 2_048 }
  const is = context ?? standard
  return (
    <>
      <Checkbox
        label="Keep prompts from being cut without a word"
        hint="Refuses what cannot fit, and asks Ollama for a context that fits."
        value={is.guard}
        onValue={(guard) => set('context', { ...is, guard })}
      />
      <div class="grid-2">
        <Field
          name="context.max_tokens"
          label="Largest context"
          hint="Memory grows with it."
          required
        >
          <NumberInput
            whole
            suffix="tokens"
            value={is.max_tokens}
            onValue={(tokens) => set('context', { ...is, max_tokens: tokens ?? is.max_tokens })}
          />
        </Field>
        <Field
          name="context.reserve"
          label="Room for an answer"
          hint="Where the client does not limit it."
          required
        >
          <NumberInput
            whole
            suffix="tokens"
            value={is.reserve}
            onValue={(tokens) => set('context', { ...is, reserve: tokens ?? is.reserve })}
          />
        </Field>
      </div>
    </>
  )
}

export function HeaderFields({ draft: { headers }, set }: PartProps) {
  const change = (at: number, over: Partial<Header>) =>
    set(
      'headers',
      headers.map((each, index) => (index === at ? { ...each, ...over } : each)),
    )
  return (
    <div class="provider-headers">
      <p class="soft">
        Sent with every request. Values are secrets: {KEPT} stands for one that stays.
      </p>
      {headers.map(({ name, value }, index) => (
        <div key={index} class="provider-header">
          <Field name={`headers.${name}`} label={`Name of field ${index + 1}`} hideLabel required>
            <Input
              value={name}
              placeholder="x-team"
              spellcheck={false}
              onValue={(text) => change(index, { name: text })}
            />
          </Field>
          <Field label={`Value of field ${index + 1}`} hideLabel required>
            <Input
              value={value}
              spellcheck={false}
              onValue={(text) => change(index, { value: text })}
            />
          </Field>
          <IconButton
            icon="trash"
            label={`Remove field ${name === '' ? index + 1 : name}`}
            onClick={() =>
              set(
                'headers',
                headers.filter((_, at) => at !== index),
              )
            }
          />
        </div>
      ))}
      <div>
        <Button
          size="small"
          icon="plus"
          onClick={() => set('headers', [...headers, { name: '', value: '' }])}
        >
          Add field
        </Button>
      </div>
    </div>
  )
}

export function EntraFields({ draft: { entra }, set }: PartProps) {
  if (entra === null) return null
  const bind = (name: 'authority' | 'management' | 'scope') => ({
    value: entra[name] ?? '',
    onValue: (text: string) => set('entra', { ...entra, [name]: text }),
  })
  return (
    <>
      <div class="grid-2">
        <Field name="entra.tenant" label="Directory (tenant) id" required>
          <Input value={entra.tenant} onValue={(tenant) => set('entra', { ...entra, tenant })} />
        </Field>
        <Field name="entra.client_id" label="Application (client) id" required>
          <Input
            value={entra.client_id}
            onValue={(text) => set('entra', { ...entra, client_id: text })}
          />
        </Field>
      </div>
      <Field
        name="entra.client_secret"
        label="Secret"
        required
        hint={`${KEPT}: it stays as it is.`}
      >
        <Input
          type="password"
          autocomplete="new-password"
          value={entra.client_secret ?? ''}
          onValue={(text) => set('entra', { ...entra, client_secret: text })}
        />
      </Field>
      <div class="grid-2">
        <Field name="entra.cloud" label="Cloud" required>
          <Select
            value={entra.cloud}
            onValue={(cloud) => set('entra', { ...entra, cloud })}
            options={[
              { value: 'public', label: 'public' },
              { value: 'us_government', label: 'US government' },
              { value: 'china', label: 'China' },
            ]}
          />
        </Field>
        <Field name="entra.authority" label="Token service">
          <Input {...bind('authority')} type="url" />
        </Field>
        <Field name="entra.management" label="Management API">
          <Input {...bind('management')} type="url" />
        </Field>
        <Field name="entra.scope" label="Scope">
          <Input {...bind('scope')} />
        </Field>
      </div>
    </>
  )
}
