// The dashboard of the process and its records. Apart from `dashboards.ts` because of its length.

import type { DashboardSpec } from './dashboard-json.ts'
import { by, lines, number, quantile, rate, SELECTED, stacked } from './dashboard-queries.ts'

export const RUNTIME_ROWS: DashboardSpec['rows'] = [
  {
    title: 'Now',
    panels: [
      {
        title: 'Versions',
        kind: 'table',
        unit: 'short',
        width: 12,
        queries: [
          [
            `count by (version, bun, engine) (weir_build_info{${SELECTED}})`,
            '{{version}} on {{engine}}',
          ],
        ],
      },
      number('Problems of the store', 'short', `sum(weir_store_problems{${SELECTED}})`, {
        alarm: [1, 1],
      }),
      number(
        'Configuration taken over',
        'short',
        `min(weir_config_last_reload_successful{${SELECTED}})`,
        {
          words: { '0': 'no', '1': 'yes' },
        },
      ),
      number(
        'Last change of it',
        'dateTimeFromNow',
        `1000 * max(weir_config_last_reload_success_timestamp_seconds{${SELECTED}})`,
      ),
    ],
  },
  {
    title: 'Process',
    panels: [
      lines('Processors used', 'short', [rate('process_cpu_seconds_total'), '{{instance}}']),
      lines(
        'Memory',
        'bytes',
        [`process_resident_memory_bytes{${SELECTED}}`, 'resident {{instance}}'],
        [`weir_heap_bytes{${SELECTED}}`, 'heap {{instance}}'],
      ),
      lines(
        'Event loop comes late by',
        's',
        [quantile(0.5, 'weir_event_loop_lag_seconds', 'instance'), 'median {{instance}}'],
        [quantile(0.99, 'weir_event_loop_lag_seconds', 'instance'), '99 % {{instance}}'],
      ),
      lines('Open files, of those that may be', 'percentunit', [
        `process_open_fds{${SELECTED}} / process_max_fds{${SELECTED}}`,
        '{{instance}}',
      ]),
      lines('Time since the start', 's', [
        `time() - process_start_time_seconds{${SELECTED}}`,
        '{{instance}}',
      ]),
      lines('Changes of the configuration', 'ops', [
        by('result', rate('weir_config_reloads_total')),
        '{{result}}',
      ]),
    ],
  },
  {
    title: 'Request log and store',
    panels: [
      stacked('Rows', 'ops', [by('result', rate('weir_log_rows_total')), '{{result}}']),
      lines(
        'Rows that wait',
        'short',
        [`weir_log_queue_rows{${SELECTED}}`, 'in memory {{instance}}'],
        [`weir_log_spool_rows{${SELECTED}}`, 'on disk {{instance}}'],
      ),
      lines('The oldest has waited', 's', [`weir_log_lag_seconds{${SELECTED}}`, '{{instance}}']),
      stacked('Requests that failed because of the store', 'reqps', [
        by('instance', rate('weir_store_errors_total')),
        '{{instance}}',
      ]),
    ],
  },
  {
    title: 'Bodies that are kept',
    panels: [
      lines('Being made ready', 'short', [
        `weir_content_waiting_rows{${SELECTED}}`,
        '{{instance}}',
      ]),
      stacked('Lost', 'ops', [by('cause', rate('weir_content_lost_total')), '{{cause}}']),
      stacked('In the bucket', 'ops', [
        by('result', rate('weir_content_objects_total')),
        '{{result}}',
      ]),
    ],
  },
  {
    title: 'Exports',
    panels: [
      stacked('Sent', 'ops', [by('sink', rate('weir_telemetry_sent_total')), '{{sink}}']),
      lines('Waiting', 'short', [`weir_telemetry_queue{${SELECTED}}`, '{{sink}} {{instance}}']),
      stacked(
        'Failures and losses',
        'ops',
        [by('sink', rate('weir_telemetry_failures_total')), 'failed {{sink}}'],
        [by('sink', rate('weir_telemetry_dropped_total')), 'dropped {{sink}}'],
      ),
    ],
  },
]
