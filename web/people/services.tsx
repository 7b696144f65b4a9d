// Services of a tenant: programs that own keys, or that an issuer's tokens name.

import { useSignal } from '@preact/signals'
import { api, ifMatch, unwrap } from '../api.ts'
import { Badge } from '../components/badge.tsx'
import { Button } from '../components/button.tsx'
import { confirmAction, Dialog, Drawer } from '../components/dialog.tsx'
import { Field, Input } from '../components/field.tsx'
import { Form, useForm } from '../components/form.tsx'
import { Facts } from '../components/page.tsx'
import { EmptyState, Loaded } from '../components/states.tsx'
import { Table } from '../components/table.tsx'
import { toast } from '../components/toast.tsx'
import { RelativeTime, Time } from '../components/values.tsx'
import { invalidate, useQuery } from '../query.ts'
import { Link, param, setParams } from '../router.tsx'
import { can } from '../session.ts'
import {
  ALL,
  impactWords,
  readService,
  readServices,
  type Service,
  type ServiceDetail,
} from './calls.ts'
import { GiveRole } from './give-role.tsx'
import { Grants, ListTools, OffBadge, useSearch } from './parts.tsx'
import { RenameDialog } from './rename.tsx'

export function ServicesTab() {
  const q = useSearch()
  const services = useQuery(['services', q], readServices(q), { keep: true })
  const dialog = useSignal<'new' | Service | undefined>(undefined)
  const open = param('open')
  const close = () => (dialog.value = undefined)
  const newButton = can('service.write') && (
    <Button variant="primary" icon="plus" onClick={() => (dialog.value = 'new')}>
      Add service
    </Button>
  )
  const { value } = dialog
  return (
    <>
      <ListTools what="services" shown={services.data?.data.length} total={services.data?.total}>
        <span class="people-tools-end">{newButton}</span>
      </ListTools>
      <Loaded query={services}>
        {({ data }) => (
          <Table
            caption="Services"
            rows={data}
            keyOf={({ id }) => id}
            nameOf={({ name }) => name}
            hrefOf={({ id }) => hrefOf(id)}
            initialSort="name"
            isMuted={({ status }) => status === 'disabled'}
            columns={[
              {
                id: 'name',
                title: 'Name',
                card: 'title',
                sort: ({ name }) => name,
                cell: ({ id, name, status }) => (
                  <span class="people-name">
                    <Link href={hrefOf(id)}>{name}</Link>
                    <OffBadge status={status} />
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
                id: 'client',
                title: 'In tokens',
                sort: (service) => service.client_id,
                cell: ({ client_id: client, issuer }) =>
                  client === null ? (
                    <span class="soft">keys alone</span>
                  ) : (
                    <span class="people-name">
                      <Badge icon="plug" tone="info">
                        {issuer}
                      </Badge>
                      <span class="people-id">{client}</span>
                    </span>
                  ),
              },
              {
                id: 'created',
                title: 'Made',
                sort: ({ created }) => created,
                cell: ({ created }) => <RelativeTime at={created} />,
              },
            ]}
            actions={(service) => [
              can('service.write')
                ? { label: 'Rename', icon: 'edit', onSelect: () => (dialog.value = service) }
                : undefined,
              can('service.write')
                ? {
                    label: service.status === 'active' ? 'Turn off' : 'Turn on',
                    icon: service.status === 'active' ? 'off' : 'ok',
                    onSelect: () => void turn(service),
                  }
                : undefined,
              can('service.delete')
                ? {
                    label: 'Delete',
                    icon: 'trash',
                    danger: true,
                    onSelect: () => void remove(service),
                  }
                : undefined,
            ]}
            empty={
              q === '' ? (
                <EmptyState icon="settings" title="No services yet" action={newButton}>
                  A service is a program. It owns API keys that go on when people leave.
                </EmptyState>
              ) : (
                <EmptyState icon="search" title="No service is called so" />
              )
            }
          />
        )}
      </Loaded>
      {open !== undefined && <ServiceDrawer id={open} />}
      {value === 'new' && <NewService onClose={close} />}
      {typeof value === 'object' && <Rename service={value} onClose={close} />}
    </>
  )
}

function hrefOf(id: string): string {
  return `/ui/people/services?open=${encodeURIComponent(id)}`
}

function ServiceDrawer({ id }: { id: string }) {
  const service = useQuery(['service', id], readService(id))
  const isGiving = useSignal(false)
  const { data } = service
  return (
    <Drawer
      title={data?.name ?? 'Service'}
      onClose={() => setParams({ open: undefined })}
      footer={
        data !== undefined &&
        can('assignment.write') && (
          <Button icon="plus" onClick={() => (isGiving.value = true)}>
            Give a role
          </Button>
        )
      }
    >
      <Loaded query={service}>
        {(shown) => (
          <>
            <OffBadge status={shown.status} />
            <Facts
              items={[
                ['Id', <span class="people-id">{shown.id}</span>],
                ['API keys', String(shown.impact.keys)],
                ['Made', <Time at={shown.created} />],
                shown.client_id === null
                  ? undefined
                  : ['In tokens', `${shown.client_id} of ${shown.issuer}`],
              ]}
            />
            <section>
              <h3>What it may</h3>
              <Grants
                grants={shown.grants}
                none="Nothing by its tokens. Its keys have the roles they were given."
              />
            </section>
          </>
        )}
      </Loaded>
      {isGiving.value && data !== undefined && (
        <GiveRole
          to={{ kind: 'service', id, name: data.name }}
          onClose={() => (isGiving.value = false)}
        />
      )}
    </Drawer>
  )
}

function NewService({ onClose }: { onClose: () => void }) {
  const form = useForm({ id: '', name: '', issuer: '', client: '' })
  return (
    <Dialog title="Add service" onClose={onClose}>
      <Form
        form={form}
        submit="Add service"
        onCancel={onClose}
        invalidates={[...ALL, 'people-choices']}
        onSubmit={({ client, id, issuer, name }) =>
          unwrap(
            api.services.post({
              id,
              ...(name === '' ? {} : { name }),
              ...(issuer === '' ? {} : { issuer }),
              ...(client === '' ? {} : { client_id: client }),
            }),
          )
        }
        onDone={({ id, name }) => {
          onClose()
          toast(`${name} is added.`)
          setParams({ open: id })
        }}
      >
        <div class="form-row">
          <Field
            name="id"
            label="Id"
            required
            hint="Lower-case letters, digits and dashes. It stays."
          >
            <Input {...form.bind('id')} spellcheck={false} autocapitalize="none" />
          </Field>
          <Field name="name" label="Name">
            <Input {...form.bind('name')} />
          </Field>
        </div>
        <div class="form-row">
          <Field
            name="issuer"
            label="Identity provider"
            hint="Where it asks with tokens instead of keys: the id under auth.oidc."
          >
            <Input {...form.bind('issuer')} spellcheck={false} />
          </Field>
          <Field name="client_id" label="Client id" hint="What those tokens call it.">
            <Input {...form.bind('client')} spellcheck={false} />
          </Field>
        </div>
      </Form>
    </Dialog>
  )
}

function Rename({ onClose, service }: { service: Service; onClose: () => void }) {
  const seen = useQuery(['service', service.id], readService(service.id))
  return (
    <RenameDialog
      name={service.name}
      disabled={seen.data === undefined}
      save={(name) =>
        unwrap(
          api
            .services({ id: service.id })
            .patch({ name }, seen.data === undefined ? {} : ifMatch(seen.data)),
        )
      }
      onClose={onClose}
    />
  )
}

async function turn({ id, name, status }: Service): Promise<void> {
  const isOff = status === 'active'
  const isDone = await confirmAction({
    title: `Turn ${isOff ? 'off' : 'on'} ${name}?`,
    confirm: isOff ? 'Turn off' : 'Turn on',
    danger: isOff,
    breaks: isOff ? ['Its API keys and tokens are refused until it is turned on again.'] : [],
    run: () => unwrap(api.services({ id }).patch({ status: isOff ? 'disabled' : 'active' })),
  })
  if (!isDone) return
  invalidate(...ALL)
  toast(`${name} is turned ${isOff ? 'off' : 'on'}.`)
}

async function remove({ id, name }: Service): Promise<void> {
  const seen: ServiceDetail | undefined = await readService(id)({
    signal: new AbortController().signal,
  }).catch(() => undefined)
  const isDone = await confirmAction({
    title: `Delete ${name}?`,
    message: 'This cannot be taken back.',
    confirm: 'Delete service',
    danger: true,
    breaks: seen === undefined ? [] : impactWords(seen.impact),
    ...(seen !== undefined && seen.impact.keys > 0 ? { typeName: id } : {}),
    run: () =>
      unwrap(api.services({ id }).delete(undefined, seen === undefined ? {} : ifMatch(seen))),
  })
  if (!isDone) return
  setParams({ open: undefined })
  invalidate(...ALL)
  toast(`${name} is deleted.`)
}
