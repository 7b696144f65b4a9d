// The repository of people. Who they are is what their issuer calls them; the hash of a local user's password is read by whoever checks
// one and is in no list, no error and no audit.

import { and, asc, eq, inArray, isNull, lte, or, sql } from 'drizzle-orm'
import type { Actor, AuditEvent } from '../core/audit.ts'
import type { Claimed, Status, User } from '../core/identity.ts'
import type { ListAsked, ListPart } from '../core/list-page.ts'
import type { NewUser, UserFilter, UserRepository, UserSort } from '../core/ports-people.ts'
import { recallNames } from '../core/recall.ts'
import type { ControlDatabase } from './control-database.ts'
import { dependentsOf } from './dependents.ts'
import { readPlaces, type ListedRows } from './list-reader.ts'
import { recallQueries } from './logins.ts'
import { changeEvent, refused, requireTenant, tidyEmail, tidyName } from './people-rows.ts'
import { MASKED } from './provider-audit.ts'
import type { users } from './schema.sqlite.ts'

type Row = typeof users.$inferSelect

const SUBJECT_CHARS_MAX = 300
/** The issuer of those who log in with a password. */
const LOCAL = 'local'

export function toUser(row: Row): User {
  return {
    tenantId: row.tenantId,
    id: row.id,
    issuer: row.issuer,
    subject: row.subject,
    status: row.status,
    createdMs: row.createdMs,
    ...(row.name === null ? {} : { name: row.name }),
    ...(row.email === null ? {} : { email: row.email }),
    ...(row.lastLoginMs === null ? {} : { lastLoginMs: row.lastLoginMs }),
    ...(row.claimed === null ? {} : { claimed: row.claimed }),
  }
}

/** A user as the audit has it. */
function shown(row: Row): Record<string, unknown> {
  const { passwordHash, ...rest } = row
  return { ...rest, ...(passwordHash === null ? {} : { password: MASKED }) }
}

function event(action: AuditEvent['action'], before?: Row, after?: Row): AuditEvent {
  const { id, tenantId } = (after ?? before)!
  return changeEvent(
    action,
    { tenantId, kind: 'user', id },
    before === undefined ? undefined : shown(before),
    after === undefined ? undefined : shown(after),
  )
}

function checkNew({ issuer, passwordHash, subject }: NewUser): void {
  if (subject.trim() === '' || subject.length > SUBJECT_CHARS_MAX || /\p{Cc}/u.test(subject)) {
    throw refused('subject', `A subject has 1 to ${SUBJECT_CHARS_MAX} characters.`)
  }
  if (passwordHash !== undefined && issuer !== LOCAL) {
    throw refused('password', 'Only local users have a password here.')
  }
}

function sameClaims(one: Claimed | null, other: Claimed): boolean {
  const text = ({ groups, roles }: Claimed) => JSON.stringify([roles, groups])
  return one !== null && text(one) === text(other)
}

/** People of one store; see the port for the contract. */
export class Users implements UserRepository {
  private readonly database: ControlDatabase

  constructor(database: ControlDatabase) {
    this.database = database
  }

  /** @throws GatewayError 409 `already_exists`, 404 for a tenant there is not */
  async create(user: NewUser, by: Actor): Promise<User> {
    checkNew(user)
    const { users } = this.database.tables
    const { createdMs, id, issuer, passwordHash = null, subject, tenantId } = user
    const row: Row = {
      tenantId,
      id,
      issuer,
      subject,
      name: tidyName(user.name),
      email: tidyEmail(user.email),
      passwordHash,
      claimed: null,
      status: 'active',
      createdMs,
      updatedMs: createdMs,
      lastLoginMs: null,
    }
    await this.database.change(by, async () => {
      await requireTenant(this.database, tenantId)
      return {
        events: [event('user.create', undefined, row)],
        build: (tx) => [tx.insert(users).values(row)],
      }
    })
    return toUser(row)
  }

  async list(tenantId: string): Promise<User[]> {
    const { users } = this.database.tables
    const rows = await this.database.read((db) =>
      db
        .select()
        .from(users)
        .where(eq(users.tenantId, tenantId))
        .orderBy(asc(users.createdMs), asc(users.id)),
    )
    return rows.map(toUser)
  }

  async page(
    tenantId: string,
    { issuer, status }: UserFilter,
    asked: ListAsked<UserSort>,
  ): Promise<ListPart<User>> {
    const { users } = this.database.tables
    const { email, id, name, subject } = users
    const where = and(
      eq(users.tenantId, tenantId),
      status === undefined ? undefined : eq(users.status, status),
      issuer === undefined ? undefined : eq(users.issuer, issuer),
    )
    const list = { table: users, where, id, sort: this.sorts()[asked.sort] }
    const found = await readPlaces(
      this.database,
      { ...list, texts: [name, email, subject, id] },
      asked,
    )
    const { places, total } = found
    const rows = await this.rowsOf(
      tenantId,
      places.map(([, placeId]) => placeId),
    )
    return { rows: rows.map(toUser), end: found.hasMore ? (places.at(-1) ?? null) : null, total }
  }

  async find(tenantId: string, id: string): Promise<User | undefined> {
    const row = await this.row(tenantId, id)
    return row === undefined ? undefined : toUser(row)
  }

  async bySubject(issuer: string, subject: string): Promise<User | undefined> {
    const { users } = this.database.tables
    const rows = await this.database.read((db) =>
      db
        .select()
        .from(users)
        .where(and(eq(users.issuer, issuer), eq(users.subject, subject))),
    )
    return rows[0] === undefined ? undefined : toUser(rows[0])
  }

  /** An empty name or address takes the old one away. Whoever is turned off loses their sessions in the same transaction. */
  async update(
    tenantId: string,
    id: string,
    change: { readonly name?: string; readonly email?: string; readonly status?: Status },
    by: Actor,
  ): Promise<User | undefined> {
    const { users } = this.database.tables
    const { email, name, status } = change
    const given = {
      ...(name === undefined ? {} : { name: tidyName(name) }),
      ...(email === undefined ? {} : { email: checkedEmail(email) }),
      ...(status === undefined ? {} : { status }),
    }
    let after: Row | undefined
    await this.database.change(by, async () => {
      const before = await this.row(tenantId, id)
      if (before === undefined) return undefined
      // Only what is changed is written: a login may bring the rest at this moment.
      const values = { ...given, updatedMs: this.database.nowMs() }
      after = { ...before, ...values }
      return {
        events: [event('user.update', before, after)],
        build: (tx) => [
          tx.update(users).set(values).where(this.one(tenantId, id)),
          ...(status === 'disabled'
            ? [tx.delete(this.sessions).where(this.own(tenantId, id))]
            : []),
        ],
      }
    })
    return after === undefined ? undefined : toUser(after)
  }

  /** Tokens of before are taken back: else the next request with one would make the user anew. */
  async remove(tenantId: string, id: string, by: Actor): Promise<boolean> {
    const { tables } = this.database
    const { users } = tables
    const done = await this.database.change(by, async () => {
      const before = await this.row(tenantId, id)
      if (before === undefined) return undefined
      const dependents = await dependentsOf(this.database, tenantId, 'user', id)
      const gone = { ...shown(before), memberships: dependents.members }
      const names = recallNames({ issuerId: before.issuer, subject: before.subject })
      const nowMs = this.database.nowMs()
      return {
        events: [
          ...dependents.events,
          changeEvent('user.delete', { tenantId, kind: 'user', id }, gone, undefined),
        ],
        build: (tx) => [
          ...dependents.build(tx),
          tx.delete(this.sessions).where(this.own(tenantId, id)),
          tx.delete(users).where(this.one(tenantId, id)),
          ...recallQueries(tx, tables, before.issuer === LOCAL ? [] : names, nowMs),
        ],
      }
    })
    return done !== undefined
  }

  /** The listener is told only where rights or names may have changed. Of two logins the later one counts, in whatever order. */
  async loggedIn(
    tenantId: string,
    id: string,
    facts: {
      readonly name?: string
      readonly email?: string
      readonly claimed: Claimed
      readonly atMs: number
    },
  ): Promise<void> {
    const { users } = this.database.tables
    const before = await this.row(tenantId, id)
    if (before === undefined) return
    const { atMs, claimed } = facts
    const name = tidyName(facts.name) ?? before.name
    const email = tidyEmail(facts.email) ?? before.email
    const isSame =
      name === before.name && email === before.email && sameClaims(before.claimed, claimed)
    const write = isSame ? 'writeUnheard' : 'write'
    await this.database[write]((tx) => [
      tx
        .update(users)
        .set({ name, email, claimed, lastLoginMs: atMs, updatedMs: atMs })
        .where(
          and(this.one(tenantId, id), or(isNull(users.lastLoginMs), lte(users.lastLoginMs, atMs))),
        ),
    ])
  }

  async passwordHash(tenantId: string, id: string): Promise<string | undefined> {
    const row = await this.row(tenantId, id)
    return row?.passwordHash ?? undefined
  }

  /** Ends every session of the user: whoever knew the old one is out. False when there is no such local user. */
  async setPasswordHash(tenantId: string, id: string, hash: string, by: Actor): Promise<boolean> {
    const { users } = this.database.tables
    const done = await this.database.change(by, async () => {
      const before = await this.row(tenantId, id)
      if (before === undefined || before.issuer !== LOCAL) return undefined
      const after = { ...shown(before), password: `${MASKED} (new)` }
      return {
        events: [changeEvent('user.update', { tenantId, kind: 'user', id }, shown(before), after)],
        build: (tx) => [
          tx
            .update(users)
            .set({ passwordHash: hash, updatedMs: this.database.nowMs() })
            .where(this.one(tenantId, id)),
          tx.delete(this.sessions).where(this.own(tenantId, id)),
        ],
      }
    })
    return done !== undefined
  }

  private sorts(): Readonly<Record<UserSort, ListedRows['sort']>> {
    const { createdMs, email, lastLoginMs, name, subject } = this.database.tables.users
    return {
      name: { text: sql`coalesce(${name}, ${email}, ${subject})` },
      subject: { text: sql`${subject}` },
      email: { text: sql`${email}` },
      created: { number: createdMs },
      last_login: { number: lastLoginMs },
    }
  }

  /** In this order; without those that are gone. */
  private async rowsOf(tenantId: string, ids: readonly string[]): Promise<Row[]> {
    if (ids.length === 0) return []
    const { users } = this.database.tables
    const rows = await this.database.read((db) =>
      db
        .select()
        .from(users)
        .where(and(eq(users.tenantId, tenantId), inArray(users.id, [...ids]))),
    )
    const byId = new Map(rows.map((row) => [row.id, row]))
    return ids.flatMap((id) => byId.get(id) ?? [])
  }

  private get sessions() {
    return this.database.tables.sessions
  }

  private own(tenantId: string, userId: string) {
    return and(eq(this.sessions.tenantId, tenantId), eq(this.sessions.userId, userId))
  }

  private one(tenantId: string, id: string) {
    const { users } = this.database.tables
    return and(eq(users.tenantId, tenantId), eq(users.id, id))
  }

  private async row(tenantId: string, id: string): Promise<Row | undefined> {
    const { users } = this.database.tables
    const rows = await this.database.read((db) =>
      db.select().from(users).where(this.one(tenantId, id)),
    )
    return rows[0]
  }
}

/** What a person types must be right, unlike what an issuer says. */
function checkedEmail(email: string): string | null {
  const tidy = tidyEmail(email)
  if (tidy === null && email.trim() !== '') throw refused('email', 'This is no address of mail.')
  return tidy
}
