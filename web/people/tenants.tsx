// Tenants: the closed worlds of this installation. For those with rights over all of it.

import { useSignal } from '@preact/signals'
import { api, unwrap } from '../api.ts'
import { Button } from '../components/button.tsx'
import { confirmAction, Dialog } from '../components/dialog.tsx'
import { Field, Input } from '../components/field.tsx'
import { Form, useForm } from '../components/form.tsx'
import { EmptyState, Loaded } from '../components/states.tsx'
import { Table } from '../components/table.tsx'
import { toast } from '../components/toast.tsx'
import { RelativeTime } from '../components/values.tsx'
import { invalidate, useQuery } from '../query.ts'
import { loadSession, session, switchTenant, tenant } from '../session.ts'
import { ALL, readTenants, type Tenant } from './calls.ts'
import { ListTools, OffBadge, useSearch } from './parts.tsx'
import { RenameDialog } from './rename.tsx'

function mayEverywhere(action: 'tenant.write' | 'tenant.delete'): boolean {
  return session.value?.platform_actions?.includes(action) === true
}

export function TenantsTab() {
  const q = useSearch()
  const tenants = useQuery(['tenants', q], readTenants(q), { keep: true })
  const dialog = useSignal<'new' | Tenant | undefined>(undefined)
  const close = () => (dialog.value = undefined)
  const newButton = mayEverywhere('tenant.write') && (
    <Button variant="primary" icon="plus" onClick={() => (dialog.value = 'new')}>
      Add tenant
    </Button>
  )
  const { value } = dialog
  return (
    <>
      <ListTools what="tenants" shown={tenants.data?.data.length} total={tenants.data?.total}>
        <span class="people-tools-end">{newButton}</span>
      </ListTools>
      <Loaded query={tenants}>
        {({ data }) => (
          <Table
            caption="Tenants"
            rows={data}
            keyOf={({ id }) => id}
            nameOf={({ name }) => name}
            isMuted={({ status }) => status === 'disabled'}
            columns={[
              {
                id: 'name',
                title: 'Name',
                card: 'title',
                sort: ({ name }) => name,
                cell: (row) => (
                  <span class="people-name">
                    {row.name}
                    <OffBadge status={row.status} />
                    {row.id === tenant.value && <span class="soft">looked at now</span>}
                  </span>
                ),
              },
              {
                id: 'id',
                title: 'Id',
                sort: ({ id }) => id,
                cell: ({ id }) => <span class="people-id">{id}</span>,
              },
              {
                id: 'created',
                title: 'Made',
                sort: ({ created }) => created,
                cell: ({ created }) => <RelativeTime at={created} none="always there" />,
              },
            ]}
            actions={(row) => tenantActions(row, () => (dialog.value = row))}
            empty={<EmptyState icon="building" title="No tenant is called so" />}
          />
        )}
      </Loaded>
      {value === 'new' && <NewTenant onClose={close} />}
      {typeof value === 'object' && (
        <RenameDialog
          name={value.name}
          save={(name) => unwrap(api.tenants({ id: value.id }).patch({ name }))}
          onClose={close}
        />
      )}
    </>
  )
}

function tenantActions(row: Tenant, onRename: () => void) {
  const fixed = row.read_only === null ? {} : { disabled: row.read_only }
  const isOn = row.status === 'active'
  const own = row.id === session.value?.tenant ? { disabled: 'Your own tenant' } : {}
  return [
    row.id === tenant.value
      ? undefined
      : { label: 'Look at it', icon: 'right' as const, onSelect: () => switchTenant(row.id) },
    mayEverywhere('tenant.write')
      ? { label: 'Rename', icon: 'edit' as const, onSelect: onRename, ...fixed }
      : undefined,
    mayEverywhere('tenant.write')
      ? {
          label: isOn ? 'Turn off' : 'Turn on',
          icon: isOn ? ('off' as const) : ('ok' as const),
          onSelect: () => void turn(row),
          ...(isOn ? own : {}),
          ...fixed,
        }
      : undefined,
    mayEverywhere('tenant.delete')
      ? {
          label: 'Delete',
          icon: 'trash' as const,
          danger: true,
          onSelect: () => void remove(row),
          ...own,
          ...fixed,
        }
      : undefined,
  ]
}

function NewTenant({ onClose }: { onClose: () => void }) {
  const form = useForm({ id: '', name: '' })
  return (
    <Dialog title="Add tenant" size="small" onClose={onClose}>
      <Form
        form={form}
        submit="Add tenant"
        onCancel={onClose}
        invalidates={[...ALL]}
        onSubmit={({ id, name }) =>
          unwrap(api.tenants.post({ id, ...(name === '' ? {} : { name }) }))
        }
        onDone={({ name }) => {
          onClose()
          toast(`${name} is added. Look at it to add people, providers and keys.`)
          // With a second one there is a choice of tenants in the navigation.
          void loadSession()
        }}
      >
        <Field
          name="id"
          label="Id"
          required
          hint="Lower-case letters, digits and dashes. Given once and for all: log and audit are kept under it."
        >
          <Input {...form.bind('id')} spellcheck={false} autocapitalize="none" />
        </Field>
        <Field name="name" label="Name">
          <Input {...form.bind('name')} />
        </Field>
      </Form>
    </Dialog>
  )
}

async function turn({ id, name, status }: Tenant): Promise<void> {
  const isOff = status === 'active'
  const isDone = await confirmAction({
    title: `Turn ${isOff ? 'off' : 'on'} ${name}?`,
    message: isOff ? 'Everything in it is kept.' : undefined,
    confirm: isOff ? 'Turn off' : 'Turn on',
    danger: isOff,
    breaks: isOff
      ? ['Nobody of it gets in: people are logged out, and every API key is refused.']
      : [],
    ...(isOff ? { typeName: id } : {}),
    run: () => unwrap(api.tenants({ id }).patch({ status: isOff ? 'disabled' : 'active' })),
  })
  if (!isDone) return
  invalidate(...ALL)
  toast(`${name} is turned ${isOff ? 'off' : 'on'}.`)
}

async function remove({ id, name }: Tenant): Promise<void> {
  const isDone = await confirmAction({
    title: `Delete ${name}?`,
    message: 'Only an empty tenant can be deleted. Its id is never given again.',
    confirm: 'Delete tenant',
    danger: true,
    typeName: id,
    run: () => unwrap(api.tenants({ id }).delete()),
  })
  if (!isDone) return
  if (tenant.value === id) switchTenant(undefined)
  invalidate(...ALL)
  toast(`${name} is deleted.`)
}
