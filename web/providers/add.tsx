// A new provider in two steps: what it is, then where it is and its key. It can be tried before it is saved; what was found is shown.

import { useSignal } from '@preact/signals'
import { api, toProblem, unwrap, type ApiProblem } from '../api.ts'
import { Button } from '../components/button.tsx'
import { Dialog } from '../components/dialog.tsx'
import { Field, Input, Select } from '../components/field.tsx'
import { Form, useForm, type FormModel } from '../components/form.tsx'
import { Notice } from '../components/notice.tsx'
import { Loaded } from '../components/states.tsx'
import { toast } from '../components/toast.tsx'
import { useQuery } from '../query.ts'
import { navigate } from '../router.tsx'
import { can } from '../session.ts'
import {
  freeId,
  pageOf,
  readTypes,
  type Field as Asked,
  type Probe,
  type ProviderType,
} from './data.ts'
import { ProbeResult } from './probe.tsx'

interface AddProps {
  readonly taken: readonly string[]
  readonly onClose: () => void
}

export function AddProvider({ onClose, taken }: AddProps) {
  const types = useQuery('provider-types', readTypes, { freshMs: 600_000 })
  const chosen = useSignal<ProviderType | undefined>(undefined)
  const type = chosen.value
  return (
    <Dialog
      key={type?.type ?? ''}
      title={type === undefined ? 'Add provider' : `Add ${type.title}`}
      size="wide"
      onClose={onClose}
    >
      {type === undefined ? (
        <Loaded query={types}>
          {({ data }) => <TypeChoice types={data} onChoose={(each) => (chosen.value = each)} />}
        </Loaded>
      ) : (
        <Details
          type={type}
          id={freeId(type.type, taken)}
          onBack={() => (chosen.value = undefined)}
          onClose={onClose}
        />
      )}
    </Dialog>
  )
}

function TypeChoice({
  onChoose,
  types,
}: {
  types: readonly ProviderType[]
  onChoose: (type: ProviderType) => void
}) {
  return (
    <ul class="provider-types">
      {types.map((type, index) => (
        <li key={type.type}>
          <button
            type="button"
            class="provider-type"
            onClick={() => onChoose(type)}
            {...(index === 0 ? { 'data-autofocus': true } : {})}
          >
            <strong>{type.title}</strong>
            <span class="soft">{type.hint}</span>
          </button>
        </li>
      ))}
    </ul>
  )
}

interface Draft {
  readonly id: string
  readonly base_url: string
  readonly compatible: 'openai' | 'anthropic'
  readonly api_version: string
  readonly region: string
  readonly config_id: string
  readonly key: string
  readonly asks: 'key' | 'entra'
  readonly tenant: string
  readonly client_id: string
  readonly client_secret: string
}

const EMPTY: Omit<Draft, 'id'> = {
  base_url: '',
  compatible: 'openai',
  api_version: '',
  region: '',
  config_id: '',
  key: '',
  asks: 'key',
  tenant: '',
  client_id: '',
  client_secret: '',
}

/** What is sent, of what was typed: nothing stands for what was left empty. */
function bodyOf(draft: Draft, { fields, type }: ProviderType) {
  const has = (name: string) => fields.some((field) => field.name === name)
  const text = (name: 'base_url' | 'api_version' | 'region' | 'config_id') => {
    const value = draft[name].trim()
    return has(name) && value !== '' ? { [name]: value } : {}
  }
  const isApplication = has('entra') && draft.asks === 'entra'
  const key = draft.key.trim()
  return {
    id: draft.id.trim(),
    type,
    ...text('base_url'),
    ...text('api_version'),
    ...text('region'),
    ...text('config_id'),
    ...(has('compatible') ? { compatible: draft.compatible } : {}),
    ...(isApplication || key === '' ? {} : { keys: [key] }),
    ...(isApplication
      ? {
          entra: {
            tenant: draft.tenant.trim(),
            client_id: draft.client_id.trim(),
            ...(draft.client_secret === '' ? {} : { client_secret: draft.client_secret }),
          },
        }
      : {}),
  }
}

interface DetailsProps {
  readonly type: ProviderType
  readonly id: string
  readonly onBack: () => void
  readonly onClose: () => void
}

function Details({ id, onBack, onClose, type }: DetailsProps) {
  const form = useForm<Draft>({ ...EMPTY, id })
  const trying = useSignal(false)
  const probe = useSignal<Probe | undefined>(undefined)
  const problem = useSignal<ApiProblem | undefined>(undefined)
  const tryIt = async () => {
    trying.value = true
    problem.value = undefined
    probe.value = undefined
    try {
      probe.value = await unwrap(api.providers.test.post(bodyOf(form.values.peek(), type)))
    } catch (thrown) {
      problem.value = toProblem(thrown)
    } finally {
      trying.value = false
    }
  }
  const failed = problem.value
  return (
    <div class="stack">
      <p class="soft">{type.hint}</p>
      <Form
        form={form}
        submit="Add provider"
        onCancel={onBack}
        invalidates={['providers', 'provider', 'models']}
        onSubmit={(draft) => unwrap(api.providers.post(bodyOf(draft, type)))}
        onDone={(made) => {
          toast(`Provider ${made.id} is added.`)
          onClose()
          navigate(pageOf(made.id))
        }}
        extra={
          <Button icon="bolt" pending={trying.value} onClick={() => void tryIt()}>
            Try it
          </Button>
        }
      >
        <Field name="id" label="Name" required hint="In targets and in provider/model.">
          <Input {...form.bind('id')} spellcheck={false} />
        </Field>
        {type.fields.map((field) => (
          <AskedField key={field.name} field={field} form={form} type={type} />
        ))}
      </Form>
      {trying.value && (
        <p class="soft" role="status">
          Asking it…
        </p>
      )}
      {failed !== undefined && (
        <Notice tone="bad" title="It was not tried" focus>
          {failed.param === undefined ? failed.detail : `${failed.param}: ${failed.detail}`}
        </Notice>
      )}
      {probe.value !== undefined && <ProbeResult probe={probe.value} />}
    </div>
  )
}

interface AskedFieldProps {
  readonly field: Asked
  readonly form: FormModel<Draft>
  readonly type: ProviderType
}

function AskedField({ field, form, type }: AskedFieldProps) {
  const { asks } = form.values.value
  const hasChoice = type.fields.some(({ name }) => name === 'entra')
  switch (field.name) {
    case 'base_url':
      return (
        <Field
          name="base_url"
          label={field.label}
          required={field.required}
          {...(field.required ? {} : { hint: `Left empty: ${type.default_base_url ?? 'its own'}` })}
        >
          <Input
            {...form.bind('base_url')}
            type="url"
            placeholder={field.example ?? type.default_base_url ?? ''}
          />
        </Field>
      )
    case 'compatible':
      return (
        <Field name="compatible" label={field.label} required>
          <Select
            {...form.bind('compatible')}
            options={[
              { value: 'openai', label: 'the OpenAI API' },
              { value: 'anthropic', label: 'the Anthropic API' },
            ]}
          />
        </Field>
      )
    case 'api_version':
    case 'region':
    case 'config_id':
      return (
        <Field
          name={field.name}
          label={field.label}
          {...(field.doc === null ? {} : { hint: field.doc })}
        >
          <Input {...form.bind(field.name)} placeholder={field.example ?? ''} />
        </Field>
      )
    case 'keys':
      if (!can('provider_key.write')) return null
      return (
        <>
          {hasChoice && (
            <Field label="Proves itself by" required>
              <Select
                {...form.bind('asks')}
                options={[
                  { value: 'key', label: 'an API key' },
                  { value: 'entra', label: 'an application of Entra ID' },
                ]}
              />
            </Field>
          )}
          {!(hasChoice && asks === 'entra') && (
            <Field
              name="keys"
              label={field.label}
              required={field.required}
              hint="Stored encrypted, and never shown again."
            >
              <Input {...form.bind('key')} type="password" autocomplete="new-password" />
            </Field>
          )}
        </>
      )
    case 'entra':
      if (asks !== 'entra' || !can('provider_key.write')) return null
      return (
        <>
          <div class="form-row">
            <Field name="entra.tenant" label="Directory (tenant) id" required>
              <Input {...form.bind('tenant')} spellcheck={false} />
            </Field>
            <Field name="entra.client_id" label="Application (client) id" required>
              <Input {...form.bind('client_id')} spellcheck={false} />
            </Field>
          </div>
          <Field name="entra.client_secret" label="Secret of the application" required>
            <Input {...form.bind('client_secret')} type="password" autocomplete="new-password" />
          </Field>
        </>
      )
    default:
      return null
  }
}
