// Where people of the tenant are logged in, and the end of it.

import { api, unwrap } from '../api.ts'
import { confirmAction } from '../components/dialog.tsx'
import { EmptyState, Loaded } from '../components/states.tsx'
import { Table } from '../components/table.tsx'
import { toast } from '../components/toast.tsx'
import { RelativeTime } from '../components/values.tsx'
import { invalidate, useQuery } from '../query.ts'
import { Link } from '../router.tsx'
import { can } from '../session.ts'
import { ALL, readSessions, useAssignees, type Session } from './calls.ts'

export function SessionsTab() {
  const sessions = useQuery('people-sessions', readSessions(undefined), { pollMs: 30_000 })
  const users = useAssignees('user', can('user.read'))
  const names = new Map(users.map(({ label, value }) => [value, label]))
  const nameOf = ({ user }: Session) => names.get(user) ?? user
  return (
    <Loaded query={sessions}>
      {({ data }) => (
        <Table
          caption="Sessions"
          rows={data}
          keyOf={({ id }) => id}
          nameOf={nameOf}
          initialSort="-seen"
          columns={[
            {
              id: 'user',
              title: 'User',
              card: 'title',
              sort: nameOf,
              cell: (session) => (
                <Link href={`/ui/people/users?open=${encodeURIComponent(session.user)}`}>
                  {nameOf(session)}
                </Link>
              ),
            },
            {
              id: 'from',
              title: 'From',
              sort: ({ from }) => from,
              cell: ({ from }) => from ?? 'unknown',
            },
            {
              id: 'agent',
              title: 'Browser',
              cell: ({ user_agent: agent }) => (
                <span class="people-agent soft" title={agent ?? ''}>
                  {agent ?? 'unknown'}
                </span>
              ),
            },
            {
              id: 'issuer',
              title: 'Logged in with',
              sort: ({ issuer }) => issuer,
              cell: ({ issuer }) => (issuer === 'local' ? 'password' : issuer),
            },
            {
              id: 'seen',
              title: 'Last seen',
              sort: (session) => session.last_seen,
              cell: (session) => <RelativeTime at={session.last_seen} />,
            },
            {
              id: 'ends',
              title: 'Ends',
              sort: ({ expires }) => expires,
              cell: ({ expires }) => <RelativeTime at={expires} />,
            },
          ]}
          actions={(session) => [
            can('session.delete')
              ? {
                  label: 'Log out',
                  icon: 'close',
                  danger: true,
                  onSelect: () => void logOut(session, nameOf(session)),
                }
              : undefined,
          ]}
          empty={
            <EmptyState icon="me" title="Nobody is logged in">
              Whoever logs in with a browser is seen here. API keys have no sessions.
            </EmptyState>
          }
        />
      )}
    </Loaded>
  )
}

async function logOut({ id }: Session, name: string): Promise<void> {
  const isDone = await confirmAction({
    title: `Log ${name} out?`,
    message: 'This session alone ends. They can log in again.',
    confirm: 'Log out',
    run: () => unwrap(api.sessions({ id }).delete()),
  })
  if (!isDone) return
  invalidate(...ALL)
  toast('The session has ended.')
}
