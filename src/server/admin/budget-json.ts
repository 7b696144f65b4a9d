// Budgets as the management API and the commands show them, with what is left of each account. Never the whole address of a webhook: it may
// hold a token. Pure.

import type { ApiKey } from '../../core/catalog.ts'
import type { JsonObject } from '../../core/json.ts'
import type { BudgetRule, BudgetWindow, WindowSpan } from '../../core/money.ts'
import type { BudgetStanding } from '../../core/ports-money.ts'
import { windowOf } from '../../core/policy/budget.ts'
import { isNamed, type Names } from './names.ts'
import { usdOf } from './money-schemas.ts'
import { declaredReason } from './read-only.ts'

/** Ids of budgets that keys bring with them begin so; none of the file or the store does. */
const KEY_PREFIX = 'key:'

/** Accounts that are shown with a budget in a list, those nearest to their end. */
export const ACCOUNTS_SHOWN = 20

/** Whether a budget is a key's own. */
export function isKeys(rule: Pick<BudgetRule, 'id'>): boolean {
  return rule.id.startsWith(KEY_PREFIX)
}

/** What the API calls a budget: the id of a key's own is every such one's, so the key's comes behind it. */
export function shownId(rule: Pick<BudgetRule, 'id' | 'only'>): string {
  return isKeys(rule) && rule.only !== undefined ? `${rule.id}:${rule.only}` : rule.id
}

/** Those of a rule: a key's own is only that key's, though its id is every such rule's. */
export function standingsOf(
  rule: Pick<BudgetRule, 'id' | 'only' | 'window'>,
  standings: readonly BudgetStanding[],
): readonly BudgetStanding[] {
  return standings.filter(
    ({ account }) =>
      account.ruleId === rule.id &&
      isOf(rule.window, account.window) &&
      (!isKeys(rule) || rule.only === undefined || account.subject === rule.only),
  )
}

/** Whether a span is a window of that kind: a budget may have had another one before. */
function isOf(window: BudgetWindow, span: WindowSpan): boolean {
  const { endMs, startMs } = windowOf(window, span.startMs)
  return startMs === span.startMs && endMs === span.endMs
}

/** Spent of a budget: 1 is all of it; null where it is 0. */
export function usedShare(nanoUsd: number, spentNanoUsd: number): number | null {
  return nanoUsd === 0 ? null : Math.round((spentNanoUsd / nanoUsd) * 10_000) / 10_000
}

/** One account of a budget. */
export function accountJson(
  rule: Pick<BudgetRule, 'nanoUsd' | 'per'>,
  { account, heldNanoUsd, spentNanoUsd }: BudgetStanding,
  names?: Names,
): JsonObject {
  const { subject, window } = account
  return {
    subject,
    name: (isNamed(rule.per) ? names?.of(rule.per, subject) : undefined) ?? null,
    window_start: new Date(window.startMs).toISOString(),
    window_end: Number.isFinite(window.endMs) ? new Date(window.endMs).toISOString() : null,
    spent_usd: usdOf(spentNanoUsd),
    held_usd: usdOf(heldNanoUsd),
    left_usd: usdOf(Math.max(0, rule.nanoUsd - spentNanoUsd)),
    used_share: usedShare(rule.nanoUsd, spentNanoUsd),
  }
}

/** What a rule says, without its accounts: what its `ETag` is made of. */
export function budgetVersion(rule: BudgetRule): JsonObject {
  const { webhookUrl } = rule
  return {
    ...budgetFacts(rule),
    // Two addresses may be masked the same.
    webhook_hash: webhookUrl === undefined ? null : String(Bun.hash(webhookUrl)),
  }
}

/**
 * A rule with its accounts, those first of which the most is spent.
 * @param tenantId whose accounts they are
 * @param options.accountsMax how many at most
 */
export function budgetJson(
  rule: BudgetRule,
  standings: readonly BudgetStanding[],
  tenantId: string,
  { accountsMax = Infinity, names }: { accountsMax?: number; names?: Names } = {},
): JsonObject {
  const own = standingsOf(rule, standings).toSorted(
    (one, other) => other.spentNanoUsd - one.spentNanoUsd,
  )
  const { id, ...facts } = budgetFacts(rule)
  return {
    id,
    tenant: tenantId,
    ...facts,
    accounts: own.slice(0, accountsMax).map((standing) => accountJson(rule, standing, names)),
    accounts_total: own.length,
  }
}

function budgetFacts(rule: BudgetRule): JsonObject {
  return {
    id: shownId(rule),
    origin: rule.origin,
    read_only: isKeys(rule)
      ? 'It belongs to an API key; change the key.'
      : declaredReason(rule.origin, 'budget'),
    per: rule.per,
    only: rule.only ?? null,
    usd: usdOf(rule.nanoUsd),
    window: rule.window,
    action: rule.action,
    alert_at: [...rule.alertAt],
    unknown_price: rule.unknownPrice,
    webhook: rule.webhookUrl === undefined ? null : maskedUrl(rule.webhookUrl),
  }
}

/** Where a webhook is, without what may be a token: `https://hooks.example.com/…`. */
export function maskedUrl(text: string): string {
  const url = URL.parse(text)
  return url === null ? '…' : `${url.origin}/…`
}

/** What a key has spent of its own budget in the window of now; undefined where it has none, or has spent nothing. */
export function ownAccount(
  key: Pick<ApiKey, 'id' | 'own'>,
  standings: readonly BudgetStanding[],
  nowMs: number,
): JsonObject | undefined {
  const { budget } = key.own ?? {}
  if (budget === undefined) return undefined
  const { startMs } = windowOf(budget.window, nowMs)
  const standing = standings.find(
    ({ account }) =>
      account.ruleId === `${KEY_PREFIX}${budget.window}` &&
      account.subject === key.id &&
      account.window.startMs === startMs,
  )
  if (standing === undefined) return undefined
  return accountJson({ nanoUsd: budget.nanoUsd, per: 'key' }, standing)
}
