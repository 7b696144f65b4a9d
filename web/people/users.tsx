// The users of a tenant: found, made, changed, turned off, let in and thrown out. One of them is shown beside the list.

import { useSignal } from '@preact/signals'
import { Button } from '../components/button.tsx'
import { EmptyState, Loaded } from '../components/states.tsx'
import { Table } from '../components/table.tsx'
import { RelativeTime } from '../components/values.tsx'
import { useQuery } from '../query.ts'
import { Link, param, setParams } from '../router.tsx'
import { can, session } from '../session.ts'
import { nameOfUser, readUsers, type User } from './calls.ts'
import { IssuerBadge, ListTools, OffBadge, useSearch } from './parts.tsx'
import { userActions } from './user-actions.ts'
import { UserDrawer } from './user-drawer.tsx'
import { EditUser, NewUser, PasswordDialog } from './user-forms.tsx'

export function UsersTab() {
  const q = useSearch()
  const users = useQuery(['users', q], readUsers(q), { keep: true })
  const dialog = useSignal<'new' | { kind: 'edit' | 'password'; user: User } | undefined>(undefined)
  const open = param('open')
  const close = () => (dialog.value = undefined)
  const newButton = can('user.write') && (
    <Button variant="primary" icon="plus" onClick={() => (dialog.value = 'new')}>
      Add user
    </Button>
  )
  const edit = (user: User) => (dialog.value = { kind: 'edit', user })
  const password = (user: User) => (dialog.value = { kind: 'password', user })
  const { value } = dialog
  return (
    <>
      <ListTools what="users" shown={users.data?.data.length} total={users.data?.total}>
        <span class="people-tools-end">{newButton}</span>
      </ListTools>
      <Loaded query={users}>
        {({ data }) => (
          <Table
            caption="Users"
            rows={data}
            keyOf={({ id }) => id}
            nameOf={nameOfUser}
            hrefOf={({ id }) => hrefOf(id)}
            initialSort="name"
            isMuted={({ status }) => status === 'disabled'}
            columns={[
              {
                id: 'name',
                title: 'Name',
                card: 'title',
                sort: nameOfUser,
                cell: (user) => (
                  <span class="people-name">
                    <Link href={hrefOf(user.id)}>{nameOfUser(user)}</Link>
                    <IssuerBadge issuer={user.issuer} />
                    <OffBadge status={user.status} />
                    {user.id === session.value?.user?.id && <span class="soft">you</span>}
                  </span>
                ),
              },
              {
                id: 'login',
                title: 'Logs in as',
                sort: (user) => user.subject,
                cell: (user) => <span class="people-id">{user.subject}</span>,
              },
              {
                id: 'email',
                title: 'Mail',
                sort: (user) => user.email,
                cell: (user) => user.email ?? <span class="soft">—</span>,
              },
              {
                id: 'seen',
                title: 'Last login',
                sort: (user) => user.last_login,
                cell: (user) => <RelativeTime at={user.last_login} none="never" />,
              },
            ]}
            actions={(user) => userActions(user, { edit, password })}
            empty={
              q === '' ? (
                <EmptyState icon="people" title="No users yet" action={newButton}>
                  People appear here at their first login through your identity provider, or when
                  you add one with a password.
                </EmptyState>
              ) : (
                <EmptyState
                  icon="search"
                  title="Nobody is called so"
                  action={
                    <Button onClick={() => setParams({ q: undefined })}>Show all users</Button>
                  }
                />
              )
            }
          />
        )}
      </Loaded>
      {open !== undefined && <UserDrawer id={open} onEdit={edit} onPassword={password} />}
      {value === 'new' && <NewUser onClose={close} />}
      {typeof value === 'object' && value.kind === 'edit' && (
        <EditUser user={value.user} onClose={close} />
      )}
      {typeof value === 'object' && value.kind === 'password' && (
        <PasswordDialog user={value.user} onClose={close} />
      )}
    </>
  )
}

function hrefOf(id: string): string {
  return `/ui/people/users?open=${encodeURIComponent(id)}`
}
