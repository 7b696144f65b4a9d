// The part of the table of metrics that is about what is recorded: the request log, the bodies kept with it, the store and exports. Apart from
// `metric-catalog.ts` because of its length; it counts nothing.

import type { MetricDefinition } from './metric-catalog.ts'

export const LOG_METRICS = {
  logRows: {
    name: 'weir_log_rows_total',
    type: 'counter',
    labels: ['result'],
    help: 'Rows of the request log: written, dropped (never reached the store), failed (refused by it), without_bodies and uncounted (written, but not whole).',
    area: 'log',
  },
  logQueued: {
    name: 'weir_log_queue_rows',
    type: 'gauge',
    labels: [],
    help: 'Rows of the request log that wait in memory.',
    area: 'log',
  },
  logSpooled: {
    name: 'weir_log_spool_rows',
    type: 'gauge',
    labels: [],
    help: 'Rows of the request log that wait on disk because the database is away; always 0 with SQLite.',
    area: 'log',
  },
  logLag: {
    name: 'weir_log_lag_seconds',
    type: 'gauge',
    labels: [],
    help: 'How long the oldest row that waits in memory has waited.',
    area: 'log',
  },
  storeErrors: {
    name: 'weir_store_errors_total',
    type: 'counter',
    labels: [],
    help: 'Requests that failed because the store did not answer.',
    area: 'log',
  },
  storeProblems: {
    name: 'weir_store_problems',
    type: 'gauge',
    labels: [],
    help: 'What is wrong with the store now: 0 while all is well. The log and /admin/health say what it is.',
    area: 'log',
  },
} as const satisfies Record<string, MetricDefinition>

export const CONTENT_METRICS = {
  contentWaiting: {
    name: 'weir_content_waiting_rows',
    type: 'gauge',
    labels: [],
    help: 'Rows whose bodies are being made ready for the store.',
    area: 'log',
  },
  contentLost: {
    name: 'weir_content_lost_total',
    type: 'counter',
    labels: ['cause'],
    help: 'Rows kept without their bodies: full (there was no room for them) or failed (they could not be made ready).',
    area: 'log',
  },
  contentObjects: {
    name: 'weir_content_objects_total',
    type: 'counter',
    labels: ['result'],
    help: 'Bodies in the bucket of large contents: moved there, deleted there, or failed (tried again).',
    area: 'log',
  },
} as const satisfies Record<string, MetricDefinition>

export const TELEMETRY_METRICS = {
  sinkQueued: {
    name: 'weir_telemetry_queue',
    type: 'gauge',
    labels: ['sink'],
    help: 'Records that wait to be sent by an export.',
    area: 'telemetry',
  },
  sinkSent: {
    name: 'weir_telemetry_sent_total',
    type: 'counter',
    labels: ['sink'],
    help: 'Records that the other side of an export has taken.',
    area: 'telemetry',
  },
  sinkDropped: {
    name: 'weir_telemetry_dropped_total',
    type: 'counter',
    labels: ['sink'],
    help: 'Records that an export gave up.',
    area: 'telemetry',
  },
  sinkFailed: {
    name: 'weir_telemetry_failures_total',
    type: 'counter',
    labels: ['sink'],
    help: 'Tries of an export that failed; what is tried again and succeeds is not lost.',
    area: 'telemetry',
  },
} as const satisfies Record<string, MetricDefinition>
