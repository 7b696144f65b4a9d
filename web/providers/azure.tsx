// What an application of Entra ID sees in Azure: looked at first, then what is ticked is taken over as providers.

import { useSignal } from '@preact/signals'
import { api, unwrap } from '../api.ts'
import { Badge } from '../components/badge.tsx'
import { Button } from '../components/button.tsx'
import { Dialog } from '../components/dialog.tsx'
import { Checkbox, Field, Input, Select } from '../components/field.tsx'
import { Form, useForm } from '../components/form.tsx'
import { Notice } from '../components/notice.tsx'
import { EmptyState, Loaded } from '../components/states.tsx'
import { useAction, useQuery } from '../query.ts'
import { Link } from '../router.tsx'
import { pageOf, readProviders } from './data.ts'

interface Application {
  readonly by: string
  readonly tenant: string
  readonly client_id: string
  readonly client_secret: string
  readonly subscription: string
}

/** No provider has this name. */
const OWN = '-'

function errandOf({
  by,
  client_id: clientId,
  client_secret: secret,
  subscription,
  tenant,
}: Application) {
  return {
    ...(by === OWN
      ? {
          entra: { tenant: tenant.trim(), client_id: clientId.trim(), client_secret: secret },
        }
      : { provider: by }),
    ...(subscription.trim() === '' ? {} : { subscription: subscription.trim() }),
  }
}

const look = (application: Application) => unwrap(api.discovery.azure.post(errandOf(application)))

type Report = Awaited<ReturnType<typeof look>>

export function AzureImport({ onClose }: { onClose: () => void }) {
  const providers = useQuery('providers', readProviders)
  return (
    <Dialog title="Import from Azure" size="wide" onClose={onClose}>
      <Loaded query={providers}>
        {({ data }) => (
          <Search
            known={data.filter(({ entra }) => entra !== null).map(({ id }) => id)}
            onClose={onClose}
          />
        )}
      </Loaded>
    </Dialog>
  )
}

/** @param known providers that have an application */
function Search({ known, onClose }: { known: readonly string[]; onClose: () => void }) {
  const report = useSignal<Report | undefined>(undefined)
  const form = useForm<Application>({
    by: known[0] ?? OWN,
    tenant: '',
    client_id: '',
    client_secret: '',
    subscription: '',
  })
  const found = report.value
  if (found !== undefined) {
    return (
      <Found
        report={found}
        application={form.values.value}
        onBack={() => (report.value = undefined)}
        onClose={onClose}
      />
    )
  }
  return (
    <Form
      form={form}
      submit="Look what there is"
      onCancel={onClose}
      onSubmit={look}
      onDone={(seen) => (report.value = seen)}
    >
      <p class="soft">
        An application of Entra ID that may read your Azure OpenAI resources finds their
        deployments. Nothing is changed by looking.
      </p>
      {known.length > 0 && (
        <Field name="provider" label="Application" required>
          <Select
            {...form.bind('by')}
            options={[
              ...known.map((id) => ({ value: id, label: `that of ${id}` })),
              { value: OWN, label: 'another one' },
            ]}
          />
        </Field>
      )}
      {form.values.value.by === OWN && (
        <>
          <div class="form-row">
            <Field name="entra.tenant" label="Directory (tenant) id" required>
              <Input {...form.bind('tenant')} spellcheck={false} />
            </Field>
            <Field name="entra.client_id" label="Application (client) id" required>
              <Input {...form.bind('client_id')} spellcheck={false} />
            </Field>
          </div>
          <Field
            name="entra.client_secret"
            label="Secret of the application"
            required
            hint="Stored encrypted only where something is imported."
          >
            <Input {...form.bind('client_secret')} type="password" autocomplete="new-password" />
          </Field>
        </>
      )}
      <Field name="subscription" label="Subscription" hint="Left empty: all that it sees.">
        <Input {...form.bind('subscription')} spellcheck={false} />
      </Field>
    </Form>
  )
}

interface FoundProps {
  readonly report: Report
  readonly application: Application
  readonly onBack: () => void
  readonly onClose: () => void
}

function Found({ application, onBack, onClose, report }: FoundProps) {
  const possible = report.accounts.filter(({ takes_tokens: takes }) => takes)
  const ticked = useSignal<ReadonlySet<string>>(new Set(possible.map(({ name }) => name)))
  const withModels = useSignal(true)
  const take = useAction(
    () =>
      unwrap(
        api.discovery.azure.post({
          ...errandOf(application),
          import: true,
          models: withModels.value,
          accounts: [...ticked.value],
        }),
      ),
    { invalidates: ['providers', 'provider', 'models'] },
  )
  const done = useSignal<Report['imported']>(null)
  if (done.value !== null) return <Imported imported={done.value} onClose={onClose} />
  if (report.accounts.length === 0) {
    return (
      <>
        <EmptyState
          icon="cloud"
          title="It sees nothing"
          action={<Button onClick={onBack}>Back</Button>}
        >
          Give the application the role Reader on the resources, or name another subscription.
        </EmptyState>
        <Problems report={report} />
      </>
    )
  }
  const problem = take.problem.value
  return (
    <div class="stack">
      <Problems report={report} />
      <fieldset class="azure-accounts">
        <legend>Accounts to take over</legend>
        {report.accounts.map((account) => (
          <div key={`${account.subscription}/${account.name}`} class="azure-account">
            <Checkbox
              label={
                <>
                  <strong>{account.name}</strong> <span class="soft">{account.location}</span>
                </>
              }
              hint={
                account.takes_tokens
                  ? account.endpoint
                  : 'It has no address of its own, and regional ones take no tokens.'
              }
              disabled={!account.takes_tokens}
              value={ticked.value.has(account.name)}
              onValue={(isOn) => {
                const next = new Set(ticked.peek())
                if (isOn) next.add(account.name)
                else next.delete(account.name)
                ticked.value = next
              }}
            />
            <p class="row providers-can">
              {account.deployments.map(({ model, name, state }) => (
                <Badge key={name} tone={state === 'Succeeded' ? 'neutral' : 'warn'} title={model}>
                  {name === model ? name : `${name}: ${model}`}
                </Badge>
              ))}
              {account.deployments.length === 0 && <span class="soft">no deployments</span>}
            </p>
          </div>
        ))}
      </fieldset>
      <Checkbox
        label="Also make an alias for each model"
        hint="With all of its deployments as targets."
        value={withModels.value}
        onValue={(isOn) => (withModels.value = isOn)}
      />
      {problem !== undefined && (
        <Notice tone="bad" focus>
          {problem.detail}
        </Notice>
      )}
      <div class="form-buttons">
        <Button onClick={onBack}>Back</Button>
        <Button
          variant="primary"
          disabled={ticked.value.size === 0}
          pending={take.pending.value}
          onClick={() => void take.run().then((told) => (done.value = told?.imported ?? null))}
        >
          Import {ticked.value.size} {ticked.value.size === 1 ? 'account' : 'accounts'}
        </Button>
      </div>
    </div>
  )
}

function Problems({ report: { problems } }: { report: Report }) {
  if (problems.length === 0) return null
  return (
    <Notice tone="warn" title="Not everything could be read">
      <ul class="plain-list">
        {problems.map(({ reason, where }) => (
          <li key={where}>
            {where}: {reason}
          </li>
        ))}
      </ul>
    </Notice>
  )
}

const ACTIONS = {
  added: 'added',
  updated: 'updated',
  unchanged: 'there already',
  declared: 'left alone',
  skipped: 'left out',
} as const

function Imported({
  imported,
  onClose,
}: {
  imported: NonNullable<Report['imported']>
  onClose: () => void
}) {
  return (
    <div class="stack">
      <Notice tone="good" title="Taken over" focus />
      <ul class="plain-list">
        {imported.providers.map(({ action, id, reason }) => (
          <li key={id} class="row">
            <Link href={pageOf(id)}>{id}</Link>
            <Badge tone={action === 'added' || action === 'updated' ? 'good' : 'neutral'}>
              {ACTIONS[action]}
            </Badge>
            {reason !== null && <span class="soft">{reason}</span>}
          </li>
        ))}
        {imported.models.map(({ action, id, reason }) => (
          <li key={`model ${id}`} class="row">
            alias <Link href={`/ui/models/${encodeURIComponent(id)}`}>{id}</Link>
            <Badge tone={action === 'added' || action === 'updated' ? 'good' : 'neutral'}>
              {ACTIONS[action]}
            </Badge>
            {reason !== null && <span class="soft">{reason}</span>}
          </li>
        ))}
      </ul>
      <div class="form-buttons">
        <Button variant="primary" onClick={onClose}>
          Done
        </Button>
      </div>
    </div>
  )
}
