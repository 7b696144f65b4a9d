// Roles: the built-in ones to be read, and one's own to be written, with every action they give worked out while one chooses.

import { useSignal } from '@preact/signals'
import { api, unwrap } from '../api.ts'
import { Badge } from '../components/badge.tsx'
import { Button } from '../components/button.tsx'
import { confirmAction, Drawer } from '../components/dialog.tsx'
import { EmptyState, Loaded } from '../components/states.tsx'
import { Table } from '../components/table.tsx'
import { toast } from '../components/toast.tsx'
import { Count } from '../components/values.tsx'
import { invalidate, useQuery } from '../query.ts'
import { Link, param, setParams } from '../router.tsx'
import { can } from '../session.ts'
import { ALL, readActions, readRoles, type Role } from './calls.ts'
import { GiveRole } from './give-role.tsx'
import { RoleEditor } from './role-editor.tsx'

export function RolesTab() {
  const roles = useQuery(['roles', false], readRoles(false))
  const dialog = useSignal<'new' | Role | undefined>(undefined)
  const open = param('open')
  const newButton = can('role.write') && (
    <Button variant="primary" icon="plus" onClick={() => (dialog.value = 'new')}>
      Add role
    </Button>
  )
  const { value } = dialog
  const shown = roles.data?.data.find(({ id }) => id === open)
  return (
    <>
      <div class="people-bar">
        <p class="soft">A role is a list of actions. Who has it where is under Assignments.</p>
        <span class="people-tools-end">{newButton}</span>
      </div>
      <Loaded query={roles}>
        {({ data }) => (
          <Table
            caption="Roles"
            rows={data}
            keyOf={({ id }) => id}
            nameOf={({ name }) => name}
            hrefOf={({ id }) => hrefOf(id)}
            columns={[
              {
                id: 'name',
                title: 'Name',
                card: 'title',
                sort: ({ name }) => name,
                cell: ({ id, name, origin }) => (
                  <span class="people-name">
                    <Link href={hrefOf(id)}>{name}</Link>
                    {origin === 'built_in' && <Badge icon="lock">built in</Badge>}
                  </span>
                ),
              },
              {
                id: 'description',
                title: 'What it is for',
                cell: ({ description }) => description,
              },
              {
                id: 'gives',
                title: 'Actions',
                align: 'end',
                sort: ({ gives }) => gives.length,
                cell: ({ gives }) => <Count value={gives.length} />,
              },
              {
                id: 'assigned',
                title: 'Assigned',
                align: 'end',
                sort: ({ assigned }) => assigned,
                cell: ({ assigned }) => <Count value={assigned} />,
              },
            ]}
            actions={(role) => roleActions(role, () => (dialog.value = role))}
            empty={<EmptyState icon="lock" title="No roles" action={newButton} />}
          />
        )}
      </Loaded>
      {shown !== undefined && <RoleDrawer role={shown} />}
      {value !== undefined && (
        <RoleEditor
          {...(value === 'new' ? {} : { id: value.id })}
          onClose={() => (dialog.value = undefined)}
        />
      )}
    </>
  )
}

function hrefOf(id: string): string {
  return `/ui/people/roles?open=${encodeURIComponent(id)}`
}

function roleActions(role: Role, onEdit: () => void) {
  const fixed = role.read_only === null ? {} : { disabled: role.read_only }
  return [
    can('role.write')
      ? { label: 'Change', icon: 'edit' as const, onSelect: onEdit, ...fixed }
      : undefined,
    can('role.delete')
      ? {
          label: 'Delete',
          icon: 'trash' as const,
          danger: true,
          onSelect: () => void remove(role),
          ...(role.assigned > 0 ? { disabled: 'Take it away from everybody first' } : {}),
          ...fixed,
        }
      : undefined,
  ]
}

function RoleDrawer({ role }: { role: Role }) {
  const actions = useQuery('actions', readActions)
  const isGiving = useSignal(false)
  const words = new Map(
    (actions.data?.data ?? []).map(({ action, description }) => [action, description]),
  )
  return (
    <Drawer
      title={role.name}
      onClose={() => setParams({ open: undefined })}
      footer={
        can('assignment.write') && (
          <Button icon="plus" onClick={() => (isGiving.value = true)}>
            Give it to somebody
          </Button>
        )
      }
    >
      <p>{role.description}</p>
      {role.read_only !== null && <p class="soft">{role.read_only}</p>}
      <section>
        <h3>
          {role.gives.length} {role.gives.length === 1 ? 'action' : 'actions'}
        </h3>
        <ul class="people-actions-list">
          {role.gives.map((action) => (
            <li key={action}>
              <code>{action}</code> <span class="soft">{words.get(action) ?? ''}</span>
            </li>
          ))}
        </ul>
      </section>
      {can('assignment.read') && (
        <p>
          <Link href={`/ui/people/assignments?q=${encodeURIComponent(role.id)}`}>
            See who has it
          </Link>
        </p>
      )}
      {isGiving.value && <GiveRole role={role.id} onClose={() => (isGiving.value = false)} />}
    </Drawer>
  )
}

async function remove({ id, name }: Role): Promise<void> {
  const isDone = await confirmAction({
    title: `Delete the role ${name}?`,
    message: 'Nobody has it. This cannot be taken back.',
    confirm: 'Delete role',
    danger: true,
    run: () => unwrap(api.roles({ id }).delete()),
  })
  if (!isDone) return
  setParams({ open: undefined })
  invalidate(...ALL)
  toast(`${name} is deleted.`)
}
