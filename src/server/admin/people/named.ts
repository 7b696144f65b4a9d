// Whom an assignee stands for: the principals that lose what it loses. Of everyone nobody is told: that is decided otherwise.

import type { ApiKey } from '../../../core/catalog.ts'
import type { Assignee } from '../../../core/identity.ts'
import type { Principal } from '../../../core/principal.ts'
import type { Rights } from '../../../core/rights.ts'
import type { ServerDeps } from '../../context.ts'
import type { State } from './guard.ts'

/** Those who are it or in it, as they are; an assignee of a tenant, or a user or key of any. */
export function principalsNamed(
  deps: ServerDeps,
  { directory, rights }: State,
  tenantId: string,
  { id, kind }: Assignee,
): Principal[] {
  const present = (all: readonly (Principal | undefined)[]) =>
    all.filter((one) => one !== undefined)
  switch (kind) {
    case 'user':
      return present(
        directory.users.filter((each) => each.id === id).map((each) => rights.ofUser(each)),
      )
    case 'service': {
      const service = rights.service(tenantId, id)
      const keys = ownedBy(deps, rights, tenantId, { kind, id })
      return present([service && rights.ofService(service), ...keys])
    }
    case 'key':
      return present(keysOf(deps, (key) => key.id === id).map((key) => rights.ofKey(key)))
    case 'group':
    case 'team': {
      const listed = new Set(
        directory.memberships
          .filter((each) => each.kind === kind && each.id === id && each.tenantId === tenantId)
          .map(({ userId }) => userId),
      )
      const isIn = ({ groups, teamIds }: Principal) =>
        (kind === 'group' ? groups : teamIds)?.includes(id) === true
      // Besides those who are listed, only tokens put anybody into a group.
      const possible = rights
        .usersOf(tenantId)
        .filter((user) => listed.has(user.id) || (user.claimed?.groups.length ?? 0) > 0)
      const members = present(possible.map((user) => rights.ofUser(user))).filter(isIn)
      return kind === 'group'
        ? members
        : [...members, ...ownedBy(deps, rights, tenantId, { kind, id })]
    }
    case 'everyone':
      return []
  }
}

/** Keys of a team or service, as who they are. */
export function ownedBy(
  deps: ServerDeps,
  rights: Rights,
  tenantId: string,
  { id, kind }: { readonly kind: 'team' | 'service'; readonly id: string },
): Principal[] {
  return keysOf(
    deps,
    ({ owner, tenantId: of }) => of === tenantId && owner?.kind === kind && owner.id === id,
  ).flatMap((key) => rights.ofKey(key) ?? [])
}

function keysOf({ gateway }: ServerDeps, fits: (key: ApiKey) => boolean): ApiKey[] {
  return [...gateway.snapshot().keysByHash.values()].filter(
    (key) => key.revokedMs === undefined && fits(key),
  )
}
