// The repository of guardrails that people declare at run time. Each change is one transaction with its entry in the audit. Options that are
// secret are sealed apart from the others and masked in the audit; a rule whose secrets do not open is told as such, never left out.

import { and, asc, eq } from 'drizzle-orm'
import type { Actor, AuditEvent } from '../core/audit.ts'
import { GatewayError } from '../core/error.ts'
import type { GuardrailRule } from '../core/guardrail.ts'
import { secretOptions } from '../core/guardrail-secrets.ts'
import { PLATFORM_TENANT_ID } from '../core/identity.ts'
import { asObject, type JsonObject, parseJson } from '../core/json.ts'
import { LIMITS } from '../core/limits.ts'
import type { Logger } from '../core/ports.ts'
import type { GuardrailRepository, StoredGuardrail } from '../core/ports-guard.ts'
import type { ControlDatabase } from './control-database.ts'
import { StorageError } from './errors.ts'
import { refreshKeys, type Keyring } from './keyring.ts'
import { MASKED } from './provider-audit.ts'
import type { SealPlace } from './seal.ts'
import type { guardrailRules } from './schema.sqlite.ts'

type Row = typeof guardrailRules.$inferSelect

function placeOf(tenantId: string, id: string): SealPlace {
  return { tenantId, table: 'guardrail_rules', row: [id], column: 'sealed_secrets' }
}

function shown({ position, rule, sealedSecrets }: Row): Record<string, unknown> {
  return { ...rule, position, ...(sealedSecrets === null ? {} : { secrets: MASKED }) }
}

function event(
  action: 'guardrail.save' | 'guardrail.delete',
  before: Row | undefined,
  after: Row | undefined,
): AuditEvent {
  const row = (after ?? before)!
  return {
    tenantId: row.tenantId,
    action,
    target: { kind: 'guardrail', id: row.id },
    ...(before === undefined ? {} : { before: shown(before) }),
    ...(after === undefined ? {} : { after: shown(after) }),
  }
}

/** Guardrails of one store; see the port for the contract. */
export class GuardrailRuleStore implements GuardrailRepository {
  private readonly database: ControlDatabase
  private readonly keyring: Keyring
  private readonly logger: Logger

  constructor(database: ControlDatabase, keyring: Keyring, logger: Logger) {
    this.database = database
    this.keyring = keyring
    this.logger = logger
  }

  async all(): Promise<StoredGuardrail[]> {
    const { guardrailRules: table } = this.database.tables
    const rows = await this.database.read((db) =>
      db.select().from(table).orderBy(asc(table.tenantId), asc(table.position), asc(table.id)),
    )
    return await this.opened(rows)
  }

  async list(tenantId: string): Promise<StoredGuardrail[]> {
    return await this.opened(await this.rows(tenantId))
  }

  async save(tenantId: string, rule: GuardrailRule, by: Actor): Promise<void> {
    const { guardrailRules } = this.database.tables
    const { id, options, origin: _origin, tenantId: _tenantId, ...values } = rule
    const { plain, secret } = secretOptions(rule.check, options)
    const sealedSecrets =
      Object.keys(secret).length === 0
        ? null
        : this.keyring.sealer.seal(JSON.stringify(secret), placeOf(tenantId, id))
    await this.database.change(by, async () => {
      const rows = await this.rows(tenantId)
      const before = rows.find((row) => row.id === id)
      if (before === undefined && rows.length >= LIMITS.tenantGuardrailsMax) throw tooMany()
      const changedRule = { ...values, options: plain }
      const others = rows.filter((row) => row !== before).map(({ rule: one }) => one)
      if (charsOf([...others, changedRule]) > LIMITS.tenantGuardrailsCharsMax) throw tooLarge()
      const nowMs = this.database.nowMs()
      const changed = { rule: changedRule, sealedSecrets, updatedMs: nowMs }
      const after: Row = {
        tenantId,
        id,
        position: before?.position ?? 1 + Math.max(0, ...rows.map(({ position }) => position)),
        createdMs: before?.createdMs ?? nowMs,
        ...changed,
      }
      return {
        events: [event('guardrail.save', before, after)],
        build: (tx) => [
          tx
            .insert(guardrailRules)
            .values(after)
            .onConflictDoUpdate({
              target: [guardrailRules.tenantId, guardrailRules.id],
              set: changed,
            }),
        ],
      }
    })
  }

  async remove(tenantId: string, id: string, by: Actor): Promise<boolean> {
    const { guardrailRules } = this.database.tables
    const results = await this.database.change(by, async () => {
      const before = (await this.rows(tenantId)).find((row) => row.id === id)
      if (before === undefined) return undefined
      return {
        events: [event('guardrail.delete', before, undefined)],
        build: (tx) => [tx.delete(guardrailRules).where(this.one(tenantId, id))],
      }
    })
    return results !== undefined
  }

  async reorder(tenantId: string, ids: readonly string[], by: Actor): Promise<boolean> {
    const { guardrailRules } = this.database.tables
    let isWhole = true
    await this.database.change(by, async () => {
      const before = (await this.rows(tenantId)).map(({ id }) => id)
      const there = new Set(before)
      isWhole =
        ids.length === before.length &&
        new Set(ids).size === ids.length &&
        ids.every((id) => there.has(id))
      if (!isWhole || ids.every((id, index) => id === before[index])) return undefined
      const updatedMs = this.database.nowMs()
      return {
        events: [
          {
            tenantId,
            action: 'guardrail.reorder',
            target: { kind: 'guardrails', id: tenantId },
            before: { order: before },
            after: { order: [...ids] },
          },
        ],
        build: (tx) =>
          ids.map((id, index) =>
            tx
              .update(guardrailRules)
              .set({ position: index + 1, updatedMs })
              .where(this.one(tenantId, id)),
          ),
      }
    })
    return isWhole
  }

  private async opened(rows: readonly Row[]): Promise<StoredGuardrail[]> {
    if (rows.some(({ sealedSecrets }) => sealedSecrets !== null))
      await refreshKeys(this.keyring, this.logger)
    return rows.map((row) => {
      const { id, rule, sealedSecrets, tenantId } = row
      const owner = tenantId === PLATFORM_TENANT_ID ? {} : { tenantId }
      const whole: GuardrailRule = { ...rule, id, ...owner, origin: 'store' }
      if (sealedSecrets === null) return { rule: whole }
      try {
        const secrets = this.secretsOf(sealedSecrets, placeOf(tenantId, id))
        return { rule: { ...whole, options: { ...rule.options, ...secrets } } }
      } catch (error) {
        if (!(error instanceof StorageError)) throw error
        this.logger.error('The secrets of a guardrail do not open: what it concerns is refused.', {
          tenantId,
          guardrailId: id,
          reason: error.message,
        })
        return { rule: whole, problem: 'Its secrets do not open.' }
      }
    })
  }

  private secretsOf(sealed: string, place: SealPlace): JsonObject {
    return asObject(parseJson(this.keyring.sealer.open(sealed, place))) ?? {}
  }

  private one(tenantId: string, id: string) {
    const { guardrailRules } = this.database.tables
    return and(eq(guardrailRules.tenantId, tenantId), eq(guardrailRules.id, id))
  }

  private async rows(tenantId: string): Promise<Row[]> {
    const { guardrailRules: table } = this.database.tables
    return await this.database.read((db) =>
      db
        .select()
        .from(table)
        .where(eq(table.tenantId, tenantId))
        .orderBy(asc(table.position), asc(table.id)),
    )
  }
}

/** All of them are read, and made ready, whenever anything changes. */
function charsOf(rules: readonly Row['rule'][]): number {
  return rules.reduce((sum, rule) => sum + JSON.stringify(rule).length, 0)
}

function tooLarge(): GatewayError {
  return new GatewayError('invalid_request', {
    status: 409,
    code: 'too_large_rules',
    message: `All guardrails together may have ${LIMITS.tenantGuardrailsCharsMax} characters. Shorten one first.`,
  })
}

function tooMany(): GatewayError {
  return new GatewayError('invalid_request', {
    status: 409,
    code: 'too_many_rules',
    message: `There are ${LIMITS.tenantGuardrailsMax} guardrails. Delete one first.`,
  })
}
