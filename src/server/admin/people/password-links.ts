// Links by which local users choose a password, as administrators hand them out: once, for a while, and written down without the link.

import type { Actor } from '../../../core/audit.ts'
import type { User } from '../../../core/identity.ts'
import type { ServerDeps } from '../../context.ts'
import { conflict } from './guard.ts'
import { isoTime } from './json.ts'

/** @throws GatewayError 409 where nobody logs in with a password */
export function requireLocal({ login }: Pick<ServerDeps, 'login'>): void {
  if (login?.desk.options().isLocalOpen === true) return
  throw conflict('local_users_off', 'Local users are turned off (auth.local).')
}

/** The address of a link. The secret stands behind `#`: browsers send it nowhere. @throws GatewayError 409 where none is known */
export function linkUrl({ login }: Pick<ServerDeps, 'login'>, token: string): string {
  const url = login?.publicUrl()
  if (url !== undefined) return `${url.replace(/\/+$/, '')}/auth/password#${token}`
  throw conflict(
    'public_url_missing',
    'A link needs the address that people use: set server.public_url, or give a password.',
  )
}

/** Makes a link for a user and records that it was made. */
export async function makeLink(deps: ServerDeps, user: User, by: Actor) {
  const { id, tenantId } = user
  const { expiresMs, token } = await deps.people.local.passwordLink(user)
  await deps.people.record({ tenantId, action: 'setup.link', target: { kind: 'user', id } }, by)
  return { url: linkUrl(deps, token), expires: isoTime(expiresMs) }
}
