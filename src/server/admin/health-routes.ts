// `GET /admin/health`: how providers, their targets and their keys fare, as this process knows it. It tells no secret, yet who is asked
// and which keys there are, so it wants an administrator.

import { Elysia } from 'elysia'
import { toGatewayError } from '../../core/error.ts'
import type { JsonObject } from '../../core/json.ts'
import {
  reportProviders,
  type CheckSource,
  type ProviderReport,
} from '../../gateway/health-report.ts'
import { authorize, type ServerDeps } from '../context.ts'
import { respondError, respondJson } from '../respond.ts'

export interface HealthDeps {
  readonly checks: CheckSource
  /** Whether replicas tell each other what they learn. */
  redis(): { readonly configured: boolean; readonly connected: boolean }
}

export function healthRoutes(deps: ServerDeps) {
  const app = new Elysia({ name: 'health-routes' })
  app.get('/admin/health', async ({ request }) => {
    try {
      await authorize(request, 'health.read', undefined, deps)
      const response = respondJson(request, healthBody(deps))
      response.headers.set('cache-control', 'no-store')
      return response
    } catch (thrown) {
      return respondError(request, toGatewayError(thrown))
    }
  })
  return app
}

function healthBody({ gateway, health, readiness }: ServerDeps): JsonObject {
  const { ready, checks } = readiness()
  const { all } = gateway.gates
  return {
    ready,
    checks,
    running: all.running,
    waiting: all.waiting,
    redis: { ...health.redis() },
    providers: reportProviders(gateway, health.checks).map(providerBody),
  }
}

function providerBody(report: ProviderReport): JsonObject {
  const { check, queue } = report
  return {
    id: report.id,
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
