// Whose money a request spends: the budgets of file, store and key compiled once, and the accounts of each principal and model found once.
// Where there are no budgets nothing is computed. It counts nothing itself.

import { PLATFORM_TENANT_ID } from '../core/identity.ts'
import { LIMITS } from '../core/limits.ts'
import type { BudgetRule, BudgetSubject, BudgetWindow, WindowSpan } from '../core/money.ts'
import { windowOf } from '../core/policy/budget.ts'
import type { BudgetAccount } from '../core/ports-money.ts'
import { matchesPattern, type Principal } from '../core/principal.ts'

/** A subject of one kind: what its account is kept under, and the names that a rule may call it by. */
interface Subject {
  readonly per: BudgetSubject
  readonly id: string
  readonly names: readonly string[]
}

/** An account whose window moves on with time. */
interface Standing {
  readonly rule: BudgetRule
  readonly tenantId: string
  readonly subject: string
  /** The one of the last window that was asked for: the ledger knows it by the object. */
  current: BudgetAccount | undefined
}

/** Ids of budgets that keys bring with them; none of the file or the store begins so. */
const KEY_RULE_PREFIX = 'key:'

/** All budgets in force. Immutable but for what it remembers: a change makes a new one. */
export class SpendingRules {
  private readonly rules: ReadonlyMap<BudgetSubject, readonly BudgetRule[]>
  private principals = new WeakMap<Principal, readonly Standing[]>()
  private readonly models = new Map<string, readonly Standing[]>()
  private readonly accounts = new Map<string, Standing>()
  private readonly spans = new Map<BudgetWindow, WindowSpan>()

  constructor(rules: readonly BudgetRule[]) {
    this.rules = Map.groupBy(rules, ({ per }) => per)
  }

  /** No request of that principal spends anybody's budget. */
  isFree({ own }: Principal): boolean {
    return this.rules.size === 0 && own?.budget === undefined
  }

  /** The accounts that a request is charged to. @param modelName absent where no model is asked for */
  accountsOf(
    principal: Principal,
    modelName: string | undefined,
    atMs: number,
  ): readonly BudgetAccount[] {
    const standings = this.ofPrincipal(principal)
    const ofModel = modelName === undefined ? [] : this.ofModel(principal.tenantId, modelName)
    const accounts: BudgetAccount[] = []
    for (const standing of standings) accounts.push(this.at(standing, atMs))
    for (const standing of ofModel) accounts.push(this.at(standing, atMs))
    return accounts
  }

  private at(standing: Standing, atMs: number): BudgetAccount {
    const { current, rule, subject, tenantId } = standing
    if (current !== undefined && isWithin(current.window, atMs)) return current
    const account = { rule, tenantId, subject, window: this.spanOf(rule.window, atMs) }
    standing.current = account
    return account
  }

  /** A clock that jumps to and fro finds each window by its time. */
  private spanOf(window: BudgetWindow, atMs: number): WindowSpan {
    const known = this.spans.get(window)
    if (known !== undefined && isWithin(known, atMs)) return known
    const span = windowOf(window, atMs)
    this.spans.set(window, span)
    return span
  }

  private ofPrincipal(principal: Principal): readonly Standing[] {
    const known = this.principals.get(principal)
    if (known !== undefined) return known
    const { tenantId } = principal
    const found = subjectsOf(principal).flatMap((subject) => this.standings(tenantId, subject))
    const own = ownRule(principal)
    if (own !== undefined) found.push(this.standing(own, tenantId, own.only!))
    this.principals.set(principal, found)
    return found
  }

  private ofModel(tenantId: string, name: string): readonly Standing[] {
    if (!this.rules.has('model')) return []
    const key = JSON.stringify([tenantId, name])
    const known = this.models.get(key)
    if (known !== undefined) return known
    const found = this.standings(tenantId, { per: 'model', id: name, names: [name] })
    if (this.models.size >= LIMITS.budgetSubjectsMax) this.models.clear()
    this.models.set(key, found)
    return found
  }

  private standings(tenantId: string, subject: Subject): Standing[] {
    return (this.rules.get(subject.per) ?? [])
      .filter((rule) => concerns(rule, tenantId, subject))
      .map((rule) => this.standing(rule, tenantId, subject.id))
  }

  /** One object for one account, whoever spends from it. */
  private standing(rule: BudgetRule, tenantId: string, subject: string): Standing {
    const key = JSON.stringify([tenantId, rule.id, subject])
    const known = this.accounts.get(key)
    if (known?.rule === rule) return known
    const standing = { rule, tenantId, subject, current: undefined }
    if (this.accounts.size >= LIMITS.budgetSubjectsMax) this.accounts.clear()
    this.accounts.set(key, standing)
    return standing
  }
}

export const NO_SPENDING_RULES = new SpendingRules([])

function isWithin({ endMs, startMs }: WindowSpan, atMs: number): boolean {
  return atMs >= startMs && atMs < endMs
}

function concerns({ only, tenantId }: BudgetRule, asking: string, { names }: Subject): boolean {
  if (tenantId !== undefined && tenantId !== PLATFORM_TENANT_ID && tenantId !== asking) return false
  return only === undefined || names.some((name) => matchesPattern(only, name))
}

/** Everybody a principal spends for, each once. */
function subjectsOf(principal: Principal): Subject[] {
  const { keyId, keyName, name, teamId, teamIds, tenantId, userId } = principal
  const subjects: Subject[] = [{ per: 'tenant', id: tenantId, names: [tenantId] }]
  const teams = new Set(teamIds ?? [])
  if (teamId !== undefined) teams.add(teamId)
  for (const id of teams) subjects.push({ per: 'team', id, names: [id] })
  if (userId !== undefined) {
    const names = name === undefined || keyId !== undefined ? [userId] : [userId, name]
    subjects.push({ per: 'user', id: userId, names })
  }
  if (keyId !== undefined) {
    subjects.push({
      per: 'key',
      id: keyId,
      names: keyName === undefined ? [keyId] : [keyId, keyName],
    })
  }
  return subjects
}

/** The budget that a key has of itself. */
export function ownRule({ keyId, own }: Pick<Principal, 'keyId' | 'own'>): BudgetRule | undefined {
  if (own?.budget === undefined || keyId === undefined) return undefined
  const { action, nanoUsd, window } = own.budget
  return {
    id: `${KEY_RULE_PREFIX}${window}`,
    origin: 'store',
    per: 'key',
    only: keyId,
    nanoUsd,
    window,
    action,
    alertAt: OWN_ALERTS,
    unknownPrice: action === 'block' ? 'block' : 'allow',
  }
}

/** As where a budget of the file says nothing. */
const OWN_ALERTS = [0.8, 1]
