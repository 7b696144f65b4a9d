// One user beside the list: who they are, where they belong, what they may and why, and where they are logged in.

import { useSignal } from '@preact/signals'
import { api, unwrap } from '../api.ts'
import { Badge } from '../components/badge.tsx'
import { Button } from '../components/button.tsx'
import { Drawer } from '../components/dialog.tsx'
import { Menu } from '../components/menu.tsx'
import { Facts } from '../components/page.tsx'
import { Loaded } from '../components/states.tsx'
import { CopyButton, RelativeTime, Time } from '../components/values.tsx'
import { useAction, useQuery } from '../query.ts'
import { Link, setParams } from '../router.tsx'
import { can } from '../session.ts'
import { GiveRole } from './give-role.tsx'
import { ALL, nameOfUser, readSessions, readUser, type User, type UserDetail } from './calls.ts'
import { Grants, IssuerBadge, OffBadge } from './parts.tsx'
import { userActions } from './user-actions.ts'

interface UserDrawerProps {
  readonly id: string
  readonly onEdit: (user: User) => void
  readonly onPassword: (user: User) => void
}

export function UserDrawer({ id, onEdit, onPassword }: UserDrawerProps) {
  const user = useQuery(['user', id], readUser(id))
  const isGiving = useSignal(false)
  const close = () => setParams({ open: undefined })
  const { data } = user
  return (
    <Drawer
      title={data === undefined ? 'User' : nameOfUser(data)}
      onClose={close}
      footer={
        data !== undefined && (
          <>
            {can('assignment.write') && (
              <Button icon="plus" onClick={() => (isGiving.value = true)}>
                Give a role
              </Button>
            )}
            <Menu
              label={`Actions for ${nameOfUser(data)}`}
              items={userActions(data, { edit: onEdit, password: onPassword })}
            >
              Actions
            </Menu>
          </>
        )
      }
    >
      <Loaded query={user}>{(shown) => <UserFacts user={shown} />}</Loaded>
      {isGiving.value && data !== undefined && (
        <GiveRole
          to={{ kind: 'user', id, name: nameOfUser(data) }}
          onClose={() => (isGiving.value = false)}
        />
      )}
    </Drawer>
  )
}

function UserFacts({ user }: { user: UserDetail }) {
  return (
    <>
      {user.profile_read_only !== null && (
        <p class="people-badges">
          <IssuerBadge issuer={user.issuer} /> <span class="soft">{user.profile_read_only}</span>
        </p>
      )}
      <OffBadge status={user.status} />
      <Facts
        items={[
          ['Logs in as', <span class="people-id">{user.subject}</span>],
          ['Mail', user.email ?? '—'],
          ['Last login', <RelativeTime at={user.last_login} none="never" />],
          ['Made', <Time at={user.created} />],
          ['API keys', String(user.impact.keys)],
          [
            'Id',
            <span class="people-id">
              {user.id} <CopyButton text={user.id} what="id" />
            </span>,
          ],
        ]}
      />
      <Places title="Groups" path="groups" places={user.groups} />
      <Places title="Teams" path="teams" places={user.teams} />
      <section>
        <h3>What they may</h3>
        <Grants
          grants={user.grants}
          none={
            user.status === 'disabled'
              ? 'Nothing while they are turned off.'
              : 'Nothing yet. Give them a role, or put them into a group that has one.'
          }
        />
        {can('assignment.read') && (
          <p>
            <Link href={`/ui/people/can?kind=user&id=${encodeURIComponent(user.id)}`}>
              Ask whether they may do something
            </Link>
          </p>
        )}
      </section>
      {can('session.read') && <UserSessions id={user.id} />}
    </>
  )
}

function Places({
  path,
  places,
  title,
}: {
  title: string
  path: 'groups' | 'teams'
  places: UserDetail['groups']
}) {
  return (
    <section>
      <h3>{title}</h3>
      {places.length === 0 ? (
        <p class="soft">None.</p>
      ) : (
        <ul class="people-chips">
          {places.map(({ from_issuer: isIssuers, id, name }) => (
            <li key={id}>
              {name === null ? (
                <span class="people-id">{id}</span>
              ) : (
                <Link href={`/ui/people/${path}?open=${encodeURIComponent(id)}`}>{name}</Link>
              )}
              {isIssuers && (
                <Badge icon="plug" title="The issuer’s tokens say so">
                  issuer
                </Badge>
              )}
            </li>
          ))}
        </ul>
      )}
    </section>
  )
}

function UserSessions({ id }: { id: string }) {
  const sessions = useQuery(['people-sessions', id], readSessions(id))
  const end = useAction((session: string) => unwrap(api.sessions({ id: session }).delete()), {
    invalidates: [...ALL],
  })
  return (
    <section>
      <h3>Sessions</h3>
      <Loaded query={sessions}>
        {({ data }) =>
          data.length === 0 ? (
            <p class="soft">Not logged in anywhere.</p>
          ) : (
            <ul class="people-rows">
              {data.map((session) => (
                <li key={session.id}>
                  <span>
                    {session.from ?? 'unknown address'}{' '}
                    <span class="soft">
                      seen <RelativeTime at={session.last_seen} />
                    </span>
                    <span class="people-agent soft">{session.user_agent ?? ''}</span>
                  </span>
                  {can('session.delete') && (
                    <Button
                      size="small"
                      pending={end.pending.value}
                      onClick={() => void end.run(session.id)}
                    >
                      Log out
                    </Button>
                  )}
                </li>
              ))}
            </ul>
          )
        }
      </Loaded>
      {end.problem.value !== undefined && <p role="alert">{end.problem.value.detail}</p>}
    </section>
  )
}
