// `GET /admin/health`: how providers, their targets and their keys fare, as this process knows it. It tells no secret, yet who is asked
// and which keys there are, so it wants an administrator.

import { Elysia } from 'elysia'
import { toGatewayError } from '../../core/error.ts'
import type { JsonObject } from '../../core/json.ts'
import type { Principal } from '../../core/principal.ts'
import {
  reportProviders,
  type CheckSource,
  type ProviderReport,
  type ReportView,
} from '../../gateway/health-report.ts'
import { isShared, type ServerDeps } from '../context.ts'
import { respondError, respondJson } from '../respond.ts'
import { ruleOf, type RouteRule } from '../route-actions.ts'
import { overAll, visibleProviders } from '../visible.ts'
import { authorizeAdmin } from './authorize.ts'

export interface HealthDeps {
  readonly checks: CheckSource
  /** Whether replicas tell each other what they learn. */
  redis(): { readonly configured: boolean; readonly connected: boolean }
  /** Where limits are counted, and whether what counts for all replicas answers. */
  limits(): { readonly counted: 'process' | 'redis' | 'postgres'; readonly connected: boolean }
}

export function healthRoutes(deps: ServerDeps) {
  const app = new Elysia({ name: 'health-routes' })
  const rule = ruleOf('GET', '/admin/health')
  app.get('/admin/health', async ({ request }) => {
    try {
      const principal = await authorizeAdmin(request, rule, deps)
      const response = respondJson(request, healthBody(principal, rule, deps))
      response.headers.set('cache-control', 'no-store')
      return response
    } catch (thrown) {
      return respondError(request, toGatewayError(thrown))
    }
  })
  return app
}

function healthBody(principal: Principal, { action }: RouteRule, deps: ServerDeps): JsonObject {
  const { gateway, health, readiness } = deps
  const { ready, checks } = readiness()
  const { all } = gateway.gates
  const snapshot = gateway.snapshot()
  // What all tenants do together is told where there is one, and to those with rights over all.
  const isWhole = !isShared(deps) || overAll(principal, action)
  const view: ReportView = {
    providers: visibleProviders(principal, action, snapshot),
    models: overAll(principal, action)
      ? snapshot.allModels
      : snapshot.of(principal.tenantId).models.values(),
    isWhole: ({ tenantId }) => isWhole || tenantId !== undefined,
  }
  return {
    ready,
    checks,
    running: isWhole ? all.running : null,
    waiting: isWhole ? all.waiting : null,
    redis: { ...health.redis() },
    limits: { ...health.limits() },
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
