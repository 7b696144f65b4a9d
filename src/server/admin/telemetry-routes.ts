// `GET /admin/telemetry`: every place that outcomes are sent to, and how it fares: what waits, what got there, what was lost and why last. It
// tells no secret: of an address scheme, host and, but for webhooks, path alone. Process-wide, as the places are the operator's.

import { Elysia } from 'elysia'
import type { JsonObject } from '../../core/json.ts'
import type { SinkStatus } from '../../core/telemetry-settings.ts'
import type { ServerDeps } from '../context.ts'
import { adminRoutes, moment, nullable, oneOf, t } from './contract.ts'

const SinkSchema = t.Object(
  {
    id: t.String({ description: '`traces`, or the id of the export.' }),
    type: oneOf(['traces', 'clickhouse', 'webhook', 'langfuse', 'otlp-logs']),
    endpoint: t.String({ description: 'Scheme, host and path; of a webhook without its path.' }),
    queued: t.Integer({ description: 'Requests that wait to be sent.' }),
    sent: t.Integer({ description: 'Since it began.' }),
    dropped: t.Integer({ description: 'Never arrived: no room, too many tries, or refused.' }),
    failures: t.Integer({ description: 'Tries that failed, those made again included.' }),
    last_error: nullable(t.String()),
    last_error_at: nullable(moment()),
    last_sent_at: nullable(moment()),
  },
  { $id: 'TelemetrySink' },
)

export function telemetryRoutes(deps: ServerDeps) {
  const on = adminRoutes(deps)
  return new Elysia({ name: 'telemetry-routes' }).get(
    '/admin/telemetry',
    ...on(
      'GET',
      '/admin/telemetry',
      {
        summary: 'Where outcomes are sent, and how that fares',
        tag: 'Health',
        answers: { 200: t.Object({ data: t.Array(SinkSchema) }) },
      },
      (ask) => ask.reply({ data: deps.health.sinks().map(sinkBody) }),
    ),
  )
}

function sinkBody(status: SinkStatus): JsonObject {
  return {
    id: status.id,
    type: status.type,
    endpoint: status.endpoint,
    queued: status.queued,
    sent: status.sent,
    dropped: status.dropped,
    failures: status.failures,
    last_error: status.lastError ?? null,
    last_error_at: instant(status.lastErrorMs),
    last_sent_at: instant(status.lastSentMs),
  }
}

function instant(ms: number | undefined): string | null {
  return ms === undefined ? null : new Date(ms).toISOString()
}
