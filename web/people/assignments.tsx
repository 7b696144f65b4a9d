// Who has which role where, of the tenant and, for those who may see it, of the whole installation.

import { useSignal } from '@preact/signals'
import { api, unwrap } from '../api.ts'
import { Button } from '../components/button.tsx'
import { confirmAction } from '../components/dialog.tsx'
import { EmptyState, Loaded } from '../components/states.tsx'
import { Table } from '../components/table.tsx'
import { toast } from '../components/toast.tsx'
import { RelativeTime } from '../components/values.tsx'
import { invalidate, useQuery } from '../query.ts'
import { Link } from '../router.tsx'
import { can, tenant } from '../session.ts'
import { ALL, readAssignments, scopeWords, type Assignment } from './calls.ts'
import { GiveRole } from './give-role.tsx'
import { EffectBadge, ListTools, useSearch } from './parts.tsx'

export function AssignmentsTab() {
  const q = useSearch()
  const assignments = useQuery(['assignments', q], readAssignments(q === '' ? {} : { q }), {
    keep: true,
  })
  const isGiving = useSignal(false)
  const newButton = can('assignment.write') && (
    <Button variant="primary" icon="plus" onClick={() => (isGiving.value = true)}>
      Give a role
    </Button>
  )
  return (
    <>
      <ListTools
        what="assignments"
        shown={assignments.data?.data.length}
        total={assignments.data?.total}
      >
        <span class="people-tools-end">{newButton}</span>
      </ListTools>
      <Loaded query={assignments}>
        {({ data }) => (
          <Table
            caption="Role assignments"
            rows={data}
            keyOf={({ id }) => id}
            nameOf={({ assignee, role }) => `${role} of ${assignee.name}`}
            initialSort="who"
            columns={[
              {
                id: 'who',
                title: 'Who',
                card: 'title',
                sort: ({ assignee }) => assignee.name,
                cell: ({ assignee }) => <Assignee {...assignee} />,
              },
              {
                id: 'role',
                title: 'Role',
                sort: ({ role }) => role,
                cell: ({ role }) => (
                  <Link href={`/ui/people/roles?open=${encodeURIComponent(role)}`}>{role}</Link>
                ),
              },
              {
                id: 'effect',
                title: 'Effect',
                sort: ({ effect }) => effect,
                cell: ({ effect }) => <EffectBadge effect={effect} />,
              },
              {
                id: 'scope',
                title: 'Where',
                sort: ({ scope }) => scope,
                cell: ({ scope }) => <span title={scope}>{scopeWords(scope, tenant.value)}</span>,
              },
              {
                id: 'created',
                title: 'Since',
                sort: ({ created }) => created,
                cell: ({ created }) => <RelativeTime at={created} />,
              },
            ]}
            actions={(assignment) => [
              can('assignment.delete')
                ? {
                    label: 'Take away',
                    icon: 'trash',
                    danger: true,
                    onSelect: () => void takeAway(assignment),
                  }
                : undefined,
            ]}
            empty={
              q === '' ? (
                <EmptyState icon="lock" title="Nobody was given a role here" action={newButton}>
                  Keys have the role of a member by themselves. People need one from here, or from
                  your identity provider.
                </EmptyState>
              ) : (
                <EmptyState icon="search" title="Nothing fits" />
              )
            }
          />
        )}
      </Loaded>
      {isGiving.value && <GiveRole onClose={() => (isGiving.value = false)} />}
    </>
  )
}

const TABS: Partial<Record<Assignment['assignee']['kind'], string>> = {
  user: 'users',
  group: 'groups',
  team: 'teams',
  service: 'services',
}

function Assignee({ id, kind, name }: Assignment['assignee']) {
  const tab = TABS[kind]
  const ownId = id.startsWith(`${tenant.value}/`) ? id.slice((tenant.value ?? '').length + 1) : id
  return (
    <span class="people-name">
      {tab === undefined ? (
        name
      ) : (
        <Link href={`/ui/people/${tab}?open=${encodeURIComponent(ownId)}`}>{name}</Link>
      )}
      {kind !== 'everyone' && <span class="soft">{kind === 'key' ? 'API key' : kind}</span>}
    </span>
  )
}

async function takeAway({ assignee, effect, id, role, scope }: Assignment): Promise<void> {
  const where = scopeWords(scope, tenant.value)
  const isDenial = effect === 'deny'
  const isDone = await confirmAction({
    title: isDenial
      ? `Lift the denial of ${role} for ${assignee.name}?`
      : `Take ${role} from ${assignee.name}?`,
    confirm: isDenial ? 'Lift denial' : 'Take away',
    danger: true,
    breaks: [
      isDenial
        ? `What other roles give them at ${where} holds again.`
        : `They lose what ${role} gives at ${where}, at once, and their keys with them.`,
    ],
    run: () => unwrap(api.assignments({ id }).delete()),
  })
  if (!isDone) return
  invalidate(...ALL)
  toast('Done. It holds at once.')
}
