// What the repositories of people and rights share: the words of their refusals, the form of ids and names, and events of the audit.
// It reads no table but that of tenants: a row may only be made in a tenant that is there.

import { eq } from 'drizzle-orm'
import type { AuditAction, AuditEvent } from '../core/audit.ts'
import { GatewayError } from '../core/error.ts'
import { PLATFORM_TENANT_ID } from '../core/identity.ts'
import { DEFAULT_TENANT_ID } from '../core/principal.ts'
import type { ControlDatabase } from './control-database.ts'
import { withoutNulls } from './provider-audit.ts'

const NAME_CHARS_MAX = 200
const EMAIL_CHARS_MAX = 320
const ID = /^[a-z0-9][a-z0-9-]{0,62}$/

/** 400: the value of that parameter cannot be. */
export function refused(param: string, message: string): GatewayError {
  return new GatewayError('invalid_request', { param, message })
}

/** 409: what there is already does not allow it. */
export function conflict(code: string, message: string): GatewayError {
  return new GatewayError('invalid_request', { status: 409, code, message })
}

/** An id that people choose, unique in its tenant. @throws GatewayError 400 */
export function checkId(id: string): void {
  if (ID.test(id)) return
  throw refused('id', 'An id has lower-case letters, digits and dashes, 63 at most.')
}

/** A name for people to read. @throws GatewayError 400 */
export function checkName(name: string): void {
  if (name.trim() !== '' && name.length <= NAME_CHARS_MAX && !/\p{Cc}/u.test(name)) return
  throw refused('name', `A name has 1 to ${NAME_CHARS_MAX} characters, none of them a control.`)
}

/**
 * What an issuer calls somebody, made fit to be shown: nobody is kept from logging in by it. Null for what is empty, which is no
 * name at all.
 */
export function tidyName(name: string | undefined): string | null {
  const tidy = (name ?? '').replaceAll(/\p{Cc}/gu, ' ').trim()
  return tidy === '' ? null : tidy.slice(0, NAME_CHARS_MAX).toWellFormed()
}

/** The same of an address of mail: a cut one would be another's, so a strange one is none. */
export function tidyEmail(email: string | undefined): string | null {
  const tidy = (email ?? '').trim()
  return /^[^\s\p{Cc}]+@[^\s\p{Cc}]+$/u.test(tidy) && tidy.length <= EMAIL_CHARS_MAX ? tidy : null
}

/** @throws GatewayError 404 when there is no such tenant. The whole installation is none */
export async function requireTenant(database: ControlDatabase, tenantId: string): Promise<void> {
  if (tenantId === DEFAULT_TENANT_ID) return
  const { tenants } = database.tables
  const rows = await database.read((db) =>
    db.select({ id: tenants.id }).from(tenants).where(eq(tenants.id, tenantId)),
  )
  if (rows.length > 0) return
  throw new GatewayError('invalid_request', {
    status: 404,
    code: 'not_found',
    param: 'tenant',
    message: 'There is no such tenant.',
  })
}

/** The same where a row may also be one of the whole installation. */
export async function requireTenantOrPlatform(
  database: ControlDatabase,
  tenantId: string,
): Promise<void> {
  if (tenantId !== PLATFORM_TENANT_ID) await requireTenant(database, tenantId)
}

/** An event of the audit with the rows as they were and are; what is null is left out. */
export function changeEvent(
  action: AuditAction,
  target: { readonly tenantId: string; readonly kind: string; readonly id: string },
  before: Readonly<Record<string, unknown>> | undefined,
  after: Readonly<Record<string, unknown>> | undefined,
): AuditEvent {
  const { id, kind, tenantId } = target
  return {
    tenantId,
    action,
    target: { kind, id },
    ...(before === undefined ? {} : { before: withoutNulls(before) }),
    ...(after === undefined ? {} : { after: withoutNulls(after) }),
  }
}
