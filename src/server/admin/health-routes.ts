// `GET /admin/health`: how providers, their targets and their keys fare, as this process knows it. It tells no secret, yet who is asked
// and which keys there are, so it wants an administrator.

import { Elysia } from 'elysia'
import type { JsonObject } from '../../core/json.ts'
import type { SinkStatus } from '../../core/telemetry-settings.ts'
import {
  reportProviders,
  type CheckSource,
  type ProviderReport,
  type ReportView,
} from '../../gateway/health-report.ts'
import { isShared, type ServerDeps } from '../context.ts'
import { namesTenant, overAll, providersInView, type Looking } from '../visible.ts'
import { adminRoutes, moment, nullable, oneOf, strict, t } from './contract.ts'

export interface HealthDeps {
  readonly checks: CheckSource
  /** Whether replicas tell each other what they learn. */
  redis(): { readonly configured: boolean; readonly connected: boolean }
  /** Where limits are counted, and whether what counts for all replicas answers. */
  limits(): { readonly counted: 'process' | 'redis' | 'postgres'; readonly connected: boolean }
  /** Every place that outcomes are sent to. */
  sinks(): readonly SinkStatus[]
}

const KeyHealthSchema = t.Object({
  id: t.String(),
  hint: nullable(t.String(), { description: 'Its last four characters.' }),
  state: oneOf(['fit', 'limited', 'refused', 'draining']),
  reason: nullable(t.String()),
  free_in_ms: t.Integer(),
  running: t.Integer(),
  used: t.Integer(),
  failed: t.Integer(),
  remaining: nullable(t.Number()),
})

const TargetHealthSchema = t.Object({
  model: t.String(),
  circuit: oneOf(['closed', 'open', 'half_open']),
  opens_in_ms: t.Integer({ description: 'Until it is tried again; 0 unless it is left alone.' }),
  limited_for_ms: t.Integer(),
  running: t.Integer(),
  first_byte_ms: nullable(t.Integer()),
  total_ms: nullable(t.Integer()),
  error_rate: t.Number(),
  used_by_models: t.Array(t.String()),
})

const CheckSchema = t.Object({
  interval_ms: t.Integer(),
  last: nullable(
    t.Object({
      reachable: t.Boolean(),
      ok: t.Boolean(),
      checked_at: moment(),
      duration_ms: t.Integer(),
      error: nullable(t.String()),
    }),
  ),
})

const HealthSchema = t.Object(
  {
    ready: t.Boolean({ description: 'As /readyz says.' }),
    checks: t.Record(t.String(), t.Boolean()),
    running: nullable(t.Integer(), { description: 'Null where other tenants are among them.' }),
    waiting: nullable(t.Integer()),
    redis: t.Object({ configured: t.Boolean(), connected: t.Boolean() }),
    limits: t.Object({
      counted: oneOf(['process', 'redis', 'postgres']),
      connected: t.Boolean(),
    }),
    guardrails: t.Array(
      t.Object({
        id: t.String(),
        tenant: nullable(t.String(), { description: 'Null: it holds for every tenant.' }),
        problem: t.String(),
      }),
      { description: 'Those that cannot be asked, and so refuse what they concern.' },
    ),
    providers: t.Array(
      t.Object({
        id: t.String(),
        tenant: nullable(t.String()),
        type: t.String(),
        origin: t.String(),
        usable: t.Boolean(),
        warnings: t.Optional(t.Array(t.String())),
        keys: t.Array(KeyHealthSchema),
        retries_left: t.Number(),
        queue: nullable(t.Object({ running: t.Integer(), waiting: t.Integer(), max: t.Integer() })),
        check: nullable(CheckSchema),
        targets: t.Array(TargetHealthSchema),
      }),
    ),
  },
  { $id: 'Health' },
)

export function healthRoutes(deps: ServerDeps) {
  const on = adminRoutes(deps)
  return new Elysia({ name: 'health-routes' }).get(
    '/admin/health',
    ...on(
      'GET',
      '/admin/health',
      {
        summary: 'How this process and its providers fare',
        tag: 'Health',
        query: strict({ provider: t.Optional(t.String({ maxLength: 200 })) }),
        answers: { 200: HealthSchema },
      },
      (ask) => ask.reply(healthBody(ask, ask.query.provider, deps)),
    ),
  )
}

function healthBody(looking: Looking, id: string | undefined, deps: ServerDeps): JsonObject {
  const { gateway, health, readiness } = deps
  const { principal, request, tenantId } = looking
  const { action } = looking.rule
  const { ready, checks } = readiness()
  const { all } = gateway.gates
  const snapshot = gateway.snapshot()
  // What all tenants do together is told where there is one, and to those with rights over all.
  const isWhole = !isShared(deps) || overAll(principal, action)
  const view: ReportView = {
    providers: providersInView(looking, snapshot).filter(
      (provider) => id === undefined || provider.id === id,
    ),
    models:
      overAll(principal, action) && !namesTenant(request)
        ? snapshot.allModels
        : snapshot.of(tenantId).models.values(),
    isWhole: (provider) => isWhole || provider.tenantId !== undefined,
  }
  return {
    ready,
    checks,
    running: isWhole ? all.running : null,
    waiting: isWhole ? all.waiting : null,
    redis: { ...health.redis() },
    limits: { ...health.limits() },
    guardrails: deps.guard.guardrails
      .problems(overAll(principal, action) && !namesTenant(request) ? undefined : tenantId)
      .map(({ id: rule, problem, tenantId: owner }) => ({
        id: rule,
        tenant: owner ?? null,
        problem,
      })),
    providers: reportProviders(gateway, health.checks, view).map(providerBody),
  }
}

function providerBody(report: ProviderReport): JsonObject {
  const { check, queue } = report
  return {
    id: report.id,
    tenant: report.tenantId ?? null,
    type: report.type,
    origin: report.origin,
    usable: report.usable,
    ...(report.warnings.length === 0 ? {} : { warnings: [...report.warnings] }),
    keys: report.keys.map((key) => ({
      id: key.id,
      hint: key.hint ?? null,
      state: key.state,
      reason: key.reason ?? null,
      free_in_ms: Math.round(key.freeInMs),
      running: key.running,
      used: key.used,
      failed: key.failed,
      remaining: key.remaining ?? null,
    })),
    retries_left: report.retriesLeft,
    queue: queue === undefined ? null : { ...queue },
    check: check === undefined ? null : checkBody(check),
    targets: report.targets.map((target) => ({
      model: target.model,
      circuit: target.circuit,
      opens_in_ms: Math.round(target.opensInMs),
      limited_for_ms: Math.round(target.limitedForMs),
      running: target.running,
      first_byte_ms: rounded(target.firstByteMs),
      total_ms: rounded(target.totalMs),
      error_rate: target.errorRate,
      used_by_models: [...target.usedByModels],
    })),
  }
}

function checkBody({ intervalMs, last }: NonNullable<ProviderReport['check']>): JsonObject {
  return {
    interval_ms: intervalMs,
    last:
      last === undefined
        ? null
        : {
            reachable: last.reachable,
            ok: last.ok,
            checked_at: new Date(last.checkedMs).toISOString(),
            duration_ms: Math.round(last.durationMs),
            error: last.error ?? null,
          },
  }
}

function rounded(durationMs: number | undefined): number | null {
  return durationMs === undefined ? null : Math.round(durationMs)
}
