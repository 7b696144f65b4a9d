// What goes with every request: the system prompt, sampling, the form of the answer, tools. An empty field is not sent, so that the model's own
// default holds.

import { Field, Select, Switch, Textarea } from '../components/field.tsx'
import { ChipsInput, NumberInput } from '../components/inputs.tsx'
import { Button } from '../components/button.tsx'
import { Panel } from '../components/page.tsx'
import { wrongSetting } from './composer.tsx'
import { settings } from './state.ts'
import { EFFORTS, NO_SETTINGS, type Settings } from './types.ts'

function set(change: Partial<Settings>): void {
  settings.value = { ...settings.peek(), ...change }
}

const EXAMPLE_TOOL = JSON.stringify(
  [
    {
      name: 'get_weather',
      description: 'The weather in a town, now.',
      parameters: {
        type: 'object',
        properties: { town: { type: 'string' } },
        required: ['town'],
      },
    },
  ],
  null,
  2,
)

export function SettingsPanel() {
  const { value } = settings
  const isSet = JSON.stringify(value) !== JSON.stringify(NO_SETTINGS)
  return (
    <Panel
      title="Settings"
      actions={
        isSet && (
          <Button size="small" variant="ghost" onClick={() => (settings.value = NO_SETTINGS)}>
            Reset
          </Button>
        )
      }
    >
      <div class="stack">
        <Field label="System prompt">
          <Textarea rows={4} value={value.system} onValue={(system) => set({ system })} />
        </Field>
        <Switch label="Stream" value={value.stream} onValue={(stream) => set({ stream })} />
        <Sampling value={value} />
        <Form value={value} />
        <Tools value={value} />
      </div>
    </Panel>
  )
}

function Sampling({ value }: { value: Settings }) {
  const number = (name: 'temperature' | 'maxTokens' | 'topP' | 'seed') => ({
    value: value[name],
    onValue: (amount: number | null) => set({ [name]: amount }),
    placeholder: 'default',
  })
  return (
    <>
      <div class="pg-pair">
        <Field label="Temperature">
          <NumberInput {...number('temperature')} />
        </Field>
        <Field label="Top p">
          <NumberInput {...number('topP')} />
        </Field>
        <Field label="Max tokens">
          <NumberInput whole {...number('maxTokens')} />
        </Field>
        <Field label="Seed">
          <NumberInput whole {...number('seed')} />
        </Field>
      </div>
      <Field label="Reasoning effort">
        <Select
          value={value.effort}
          options={[
            { value: '', label: 'default' },
            ...EFFORTS.map((effort) => ({ value: effort, label: effort })),
          ]}
          onValue={(effort) => set({ effort: effort as Settings['effort'] })}
        />
      </Field>
      <Field label="Stop" hint="Texts that end the answer.">
        <ChipsInput value={value.stop} onValue={(stop) => set({ stop })} />
      </Field>
    </>
  )
}

function Form({ value }: { value: Settings }) {
  const wrong = wrongSetting.value
  return (
    <>
      <Field label="Answer as">
        <Select
          value={value.format}
          options={[
            { value: 'text', label: 'text' },
            { value: 'json_object', label: 'JSON' },
            { value: 'json_schema', label: 'JSON of a schema' },
          ]}
          onValue={(format) => set({ format: format as Settings['format'] })}
        />
      </Field>
      {value.format === 'json_schema' && (
        <Field
          label="JSON Schema"
          required
          error={wrong?.field === 'schema' ? wrong.message : undefined}
        >
          <Textarea mono rows={8} value={value.schema} onValue={(schema) => set({ schema })} />
        </Field>
      )}
    </>
  )
}

function Tools({ value }: { value: Settings }) {
  const wrong = wrongSetting.value
  return (
    <>
      <Field
        label="Tools"
        hint="A JSON list of functions. Calls are shown, and you type what they give."
        error={wrong?.field === 'tools' ? wrong.message : undefined}
      >
        <Textarea
          mono
          rows={value.tools === '' ? 2 : 8}
          value={value.tools}
          onValue={(tools) => set({ tools })}
        />
      </Field>
      {value.tools.trim() === '' ? (
        <div>
          <Button size="small" icon="tool" onClick={() => set({ tools: EXAMPLE_TOOL })}>
            Insert an example
          </Button>
        </div>
      ) : (
        <Field label="Use of tools">
          <Select
            value={value.toolChoice}
            options={[
              { value: '', label: 'the model decides' },
              { value: 'required', label: 'at least one' },
              { value: 'none', label: 'none' },
            ]}
            onValue={(choice) => set({ toolChoice: choice as Settings['toolChoice'] })}
          />
        </Field>
      )}
    </>
  )
}
