// People and what they may: users, groups, teams, services, roles and their assignments, tenants, and the question whether somebody may do
// something. Each tab has its address; what one may not see is no tab.

import type { ComponentType } from 'preact'
import { PageHeader } from '../components/page.tsx'
import { EmptyState } from '../components/states.tsx'
import { Tabs } from '../components/tabs.tsx'
import type { PageProps } from '../pages.ts'
import { can, canEverywhere, type Action } from '../session.ts'
import { AssignmentsTab } from './assignments.tsx'
import { CanTab } from './can.tsx'
import { PlacesTab } from './places.tsx'
import { RolesTab } from './roles.tsx'
import { ServicesTab } from './services.tsx'
import { SessionsTab } from './sessions.tsx'
import { TenantsTab } from './tenants.tsx'
import { UsersTab } from './users.tsx'

interface Part {
  readonly id: string
  readonly title: string
  readonly needs: Action
  /** Of the whole installation. */
  readonly isShared?: true
  readonly Tab: ComponentType
}

const PARTS: readonly Part[] = [
  { id: 'users', title: 'Users', needs: 'user.read', Tab: UsersTab },
  { id: 'groups', title: 'Groups', needs: 'group.read', Tab: () => <PlacesTab kind="group" /> },
  { id: 'teams', title: 'Teams', needs: 'team.read', Tab: () => <PlacesTab kind="team" /> },
  { id: 'services', title: 'Services', needs: 'service.read', Tab: ServicesTab },
  { id: 'roles', title: 'Roles', needs: 'role.read', Tab: RolesTab },
  { id: 'assignments', title: 'Assignments', needs: 'assignment.read', Tab: AssignmentsTab },
  { id: 'sessions', title: 'Sessions', needs: 'session.read', Tab: SessionsTab },
  { id: 'tenants', title: 'Tenants', needs: 'tenant.read', isShared: true, Tab: TenantsTab },
  { id: 'can', title: 'Can X do Y?', needs: 'assignment.read', Tab: CanTab },
]

export default function PeoplePage({ params }: PageProps) {
  const parts = PARTS.filter(({ isShared, needs }) =>
    isShared === true ? canEverywhere(needs) : can(needs),
  )
  const wanted = params['tab']
  const part = wanted === undefined ? parts[0] : parts.find(({ id }) => id === wanted)
  return (
    <>
      <PageHeader title="People">Who uses this gateway, and what each of them may do.</PageHeader>
      {part === undefined ? (
        <EmptyState icon="lock" title="Nothing to see here">
          There is no such part, or no role of yours lets you see it.
        </EmptyState>
      ) : (
        <Tabs
          label="People"
          current={part.id}
          tabs={parts.map(({ id, title }) => ({ id, title, href: `/ui/people/${id}` }))}
        >
          <part.Tab key={part.id} />
        </Tabs>
      )}
    </>
  )
}
