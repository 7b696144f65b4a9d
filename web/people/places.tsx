// Groups and teams of a tenant: lists of people under one name. They are shown alike; a group may besides be one that an issuer's tokens name.

import { useSignal } from '@preact/signals'
import { api, ifMatch, unwrap } from '../api.ts'
import { Badge } from '../components/badge.tsx'
import { Button, IconButton } from '../components/button.tsx'
import { confirmAction, Dialog, Drawer } from '../components/dialog.tsx'
import { Field, Input } from '../components/field.tsx'
import { Form, useForm } from '../components/form.tsx'
import { Combobox } from '../components/inputs.tsx'
import { Notice } from '../components/notice.tsx'
import { Facts } from '../components/page.tsx'
import { EmptyState, Loaded } from '../components/states.tsx'
import { Table } from '../components/table.tsx'
import { toast } from '../components/toast.tsx'
import { Count, RelativeTime, Time } from '../components/values.tsx'
import { invalidate, useAction, useQuery } from '../query.ts'
import { Link, param, setParams } from '../router.tsx'
import { can } from '../session.ts'
import {
  ALL,
  impactWords,
  nameOfUser,
  PLACES,
  readAssignments,
  useAssignees,
  type Place,
  type PlaceDetail,
  type PlaceKind,
} from './calls.ts'
import { GiveRole } from './give-role.tsx'
import { Grants, ListTools, OffBadge, useSearch } from './parts.tsx'

const FOR: Readonly<Record<PlaceKind, string>> = {
  group:
    'A group gives rights to several people at once: those listed in it, or those whom your identity provider counts to it.',
  team: 'A team owns API keys, limits and budgets that several people share.',
}

export function PlacesTab({ kind }: { kind: PlaceKind }) {
  const q = useSearch()
  const places = useQuery(['places', kind, q], PLACES[kind].list(q), { keep: true })
  const dialog = useSignal<'new' | Place | undefined>(undefined)
  const open = param('open')
  const close = () => (dialog.value = undefined)
  const newButton = can(`${kind}.write`) && (
    <Button variant="primary" icon="plus" onClick={() => (dialog.value = 'new')}>
      Add {kind}
    </Button>
  )
  const { value } = dialog
  return (
    <>
      <ListTools what={`${kind}s`} shown={places.data?.data.length} total={places.data?.total}>
        <span class="people-tools-end">{newButton}</span>
      </ListTools>
      <Loaded query={places}>
        {({ data }) => (
          <Table<Place>
            caption={`${kind === 'group' ? 'Groups' : 'Teams'}`}
            rows={data}
            keyOf={({ id }) => id}
            nameOf={({ name }) => name}
            hrefOf={({ id }) => hrefOf(kind, id)}
            initialSort="name"
            columns={[
              {
                id: 'name',
                title: 'Name',
                card: 'title',
                sort: ({ name }) => name,
                cell: ({ external, id, name }) => (
                  <span class="people-name">
                    <Link href={hrefOf(kind, id)}>{name}</Link>
                    {typeof external === 'string' && (
                      <Badge icon="plug" tone="info" title={`In tokens: ${external}`}>
                        from tokens
                      </Badge>
                    )}
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
                id: 'members',
                title: 'Listed members',
                align: 'end',
                sort: ({ members }) => members,
                cell: ({ members }) => <Count value={members} />,
              },
              {
                id: 'created',
                title: 'Made',
                sort: ({ created }) => created,
                cell: ({ created }) => <RelativeTime at={created} />,
              },
            ]}
            actions={(place) => [
              can(`${kind}.write`)
                ? { label: 'Change', icon: 'edit', onSelect: () => (dialog.value = place) }
                : undefined,
              can(`${kind}.delete`)
                ? {
                    label: 'Delete',
                    icon: 'trash',
                    danger: true,
                    onSelect: () => void remove(kind, place),
                  }
                : undefined,
            ]}
            empty={
              q === '' ? (
                <EmptyState icon="people" title={`No ${kind}s yet`} action={newButton}>
                  {FOR[kind]}
                </EmptyState>
              ) : (
                <EmptyState icon="search" title={`No ${kind} is called so`} />
              )
            }
          />
        )}
      </Loaded>
      {open !== undefined && <PlaceDrawer kind={kind} id={open} />}
      {value === 'new' && <NewPlace kind={kind} onClose={close} />}
      {typeof value === 'object' && <EditPlace kind={kind} id={value.id} onClose={close} />}
    </>
  )
}

function hrefOf(kind: PlaceKind, id: string): string {
  return `/ui/people/${kind}s?open=${encodeURIComponent(id)}`
}

function PlaceDrawer({ id, kind }: { kind: PlaceKind; id: string }) {
  const place = useQuery<PlaceDetail>(['place', kind, id], PLACES[kind].one(id))
  const isGiving = useSignal(false)
  const { data } = place
  return (
    <Drawer
      title={data?.name ?? (kind === 'group' ? 'Group' : 'Team')}
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
      <Loaded query={place}>{(shown) => <PlaceFacts kind={kind} place={shown} />}</Loaded>
      {isGiving.value && data !== undefined && (
        <GiveRole to={{ kind, id, name: data.name }} onClose={() => (isGiving.value = false)} />
      )}
    </Drawer>
  )
}

function PlaceFacts({ kind, place }: { kind: PlaceKind; place: PlaceDetail }) {
  const { external, id, impact, listed } = place
  const take = useAction((user: string) => PLACES[kind].take(id, user), { invalidates: [...ALL] })
  return (
    <>
      <Facts
        items={[
          ['Id', <span class="people-id">{id}</span>],
          kind === 'group'
            ? [
                'In tokens',
                external === null || external === undefined ? 'not named' : <code>{external}</code>,
              ]
            : ['API keys', String(impact.keys)],
          ['Made', <Time at={place.created} />],
        ]}
      />
      {typeof external === 'string' && (
        <Notice>
          Whoever’s token says <code>{external}</code> is in it as well, without being listed here.
        </Notice>
      )}
      <section>
        <h3>Listed members</h3>
        {take.problem.value !== undefined && (
          <Notice tone="bad" focus>
            {take.problem.value.detail}
          </Notice>
        )}
        {listed.length === 0 ? (
          <p class="soft">Nobody is listed.</p>
        ) : (
          <ul class="people-rows">
            {listed.map((member) => (
              <li key={member.id}>
                <span class="people-name">
                  <Link href={`/ui/people/users?open=${encodeURIComponent(member.id)}`}>
                    {nameOfUser(member)}
                  </Link>
                  <OffBadge status={member.status} />
                </span>
                {can(`${kind}.write`) && (
                  <IconButton
                    icon="close"
                    size="small"
                    label={`Take ${nameOfUser(member)} out`}
                    onClick={() => void take.run(member.id)}
                  />
                )}
              </li>
            ))}
          </ul>
        )}
        {can(`${kind}.write`) && can('user.read') && (
          <AddMember kind={kind} id={id} listed={listed.map((member) => member.id)} />
        )}
      </section>
      {can('assignment.read') && <Given kind={kind} id={id} />}
    </>
  )
}

/** What whoever is in it has through it. */
function Given({ id, kind }: { kind: PlaceKind; id: string }) {
  const query = { kind, assignee: id }
  const given = useQuery(['assignments', query], readAssignments(query))
  return (
    <section>
      <h3>What its members may</h3>
      <Loaded query={given}>
        {({ data }) => (
          <Grants
            grants={data.map(({ effect, role, scope }) => ({ effect, role, scope }))}
            none={`No role is given to this ${kind}. Give it one, and all its members have it.`}
          />
        )}
      </Loaded>
    </section>
  )
}

function AddMember({
  id,
  kind,
  listed,
}: {
  kind: PlaceKind
  id: string
  listed: readonly string[]
}) {
  const form = useForm({ user: '' })
  const users = useAssignees('user').filter(({ value }) => !listed.includes(value))
  return (
    <Form
      form={form}
      submit="Put in"
      variant="default"
      keepsWork={false}
      disabled={form.values.value.user === ''}
      invalidates={[...ALL]}
      onSubmit={({ user }) => PLACES[kind].add(id, user)}
      onDone={() => form.reset({ user: '' })}
    >
      <Field name="user" label={`Add somebody to the ${kind}`} required>
        <Combobox {...form.bind('user')} options={users} strict placeholder="Choose a user" />
      </Field>
    </Form>
  )
}

function NewPlace({ kind, onClose }: { kind: PlaceKind; onClose: () => void }) {
  const form = useForm({ id: '', name: '', external: '' })
  return (
    <Dialog title={`Add ${kind}`} onClose={onClose}>
      <Form
        form={form}
        submit={`Add ${kind}`}
        onCancel={onClose}
        invalidates={[...ALL, 'people-choices']}
        onSubmit={async ({ external, id, name }): Promise<{ id: string; name: string }> => {
          const body = { id, ...(name === '' ? {} : { name }) }
          if (kind === 'team') return await unwrap(api.teams.post(body))
          return await unwrap(
            api.groups.post({ ...body, ...(external === '' ? {} : { external }) }),
          )
        }}
        onDone={({ id, name }) => {
          onClose()
          toast(`${name} is added.`)
          setParams({ open: id })
        }}
      >
        <p class="soft">{FOR[kind]}</p>
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
        {kind === 'group' && <External {...form.bind('external')} />}
      </Form>
    </Dialog>
  )
}

function External(bound: { value: string; onValue: (value: string) => void }) {
  return (
    <Field
      name="external"
      label="What tokens call it"
      hint="A name such as /company/engineers, or the object id of Entra ID. Without, only who is listed is in it."
    >
      <Input {...bound} spellcheck={false} />
    </Field>
  )
}

function EditPlace({ id, kind, onClose }: { kind: PlaceKind; id: string; onClose: () => void }) {
  const place = useQuery<PlaceDetail>(['place', kind, id], PLACES[kind].one(id))
  return (
    <Dialog title={`Change the ${kind}`} size="small" onClose={onClose}>
      <Loaded query={place}>
        {(seen) => <EditForm key={seen.id} kind={kind} seen={seen} onClose={onClose} />}
      </Loaded>
    </Dialog>
  )
}

function EditForm({
  kind,
  onClose,
  seen,
}: {
  kind: PlaceKind
  seen: PlaceDetail
  onClose: () => void
}) {
  const first = useSignal(seen).value
  const { id } = first
  const before = first.external ?? ''
  const form = useForm({ name: first.name, external: before })
  return (
    <Form
      form={form}
      submit="Save"
      onCancel={onClose}
      invalidates={[...ALL, 'people-choices']}
      onSubmit={async ({ external, name }): Promise<unknown> => {
        if (kind === 'team') return await unwrap(api.teams({ id }).patch({ name }, ifMatch(first)))
        const changed = external === before ? {} : { external: external === '' ? null : external }
        return await unwrap(api.groups({ id }).patch({ name, ...changed }, ifMatch(first)))
      }}
      onDone={() => {
        onClose()
        toast('Saved.')
      }}
    >
      <Field name="name" label="Name" required>
        <Input {...form.bind('name')} />
      </Field>
      {kind === 'group' && <External {...form.bind('external')} />}
    </Form>
  )
}

async function remove(kind: PlaceKind, { id, name }: Place): Promise<void> {
  const seen: PlaceDetail | undefined = await PLACES[kind]
    .one(id)({ signal: new AbortController().signal })
    .catch(() => undefined)
  const isDone = await confirmAction({
    title: `Delete the ${kind} ${name}?`,
    message: 'Its members stay users. This cannot be taken back.',
    confirm: `Delete ${kind}`,
    danger: true,
    breaks: seen === undefined ? [] : impactWords(seen.impact),
    ...(seen !== undefined && seen.impact.keys > 0 ? { typeName: id } : {}),
    run: () => PLACES[kind].remove(seen ?? { id }),
  })
  if (!isDone) return
  setParams({ open: undefined })
  invalidate(...ALL)
  toast(`${name} is deleted.`)
}
