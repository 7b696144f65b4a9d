// The dashboards of `deploy/grafana/`, as the questions somebody asks who runs a gateway: is it well, whose fault is it, what does it cost. A
// test asks a real Prometheus whether it can read each query, and a running Weir whether it has each metric.

import { dashboardJson, type DashboardSpec } from './dashboard-json.ts'
import { RUNTIME_ROWS } from './dashboards-runtime.ts'
import {
  by,
  increase,
  lines,
  number,
  quantile,
  rate,
  SELECTED,
  stacked,
} from './dashboard-queries.ts'

const TRAFFIC: DashboardSpec = {
  uid: 'weir-traffic',
  title: 'Weir: traffic and latency',
  description: 'What clients ask for, how it ends and how long it takes.',
  rows: [
    {
      title: 'Now',
      panels: [
        number('Ready', 'short', `min(weir_ready{${SELECTED}})`, {
          words: { '0': 'no', '1': 'yes' },
        }),
        number('Requests', 'reqps', by('', rate('proxy_requests_total'))),
        number(
          'Failed',
          'percentunit',
          `${by('', rate('proxy_requests_total', 'status=~"5.."'))} / ${by('', rate('proxy_requests_total'))}`,
          { alarm: [0.01, 0.05] },
        ),
        number('Streams', 'short', `sum(weir_active_streams{${SELECTED}})`),
        number('Running', 'short', `sum(weir_queue_running{${SELECTED},provider=""})`),
        number('Waiting', 'short', `sum(weir_queue_waiting{${SELECTED},provider=""})`, {
          alarm: [1, 20],
        }),
      ],
    },
    {
      title: 'Traffic',
      panels: [
        stacked('Requests by status', 'reqps', [
          by('status', rate('proxy_requests_total')),
          '{{status}}',
        ]),
        stacked('Requests by operation and protocol', 'reqps', [
          by('operation, client', rate('proxy_requests_total')),
          '{{operation}} {{client}}',
        ]),
        stacked('Requests by model', 'reqps', [by('model', rate('requests_total')), '{{model}}']),
        stacked('Errors by kind', 'reqps', [
          by('error', rate('weir_requests_total', 'error!=""')),
          '{{error}}',
        ]),
        stacked('Requests by tenant', 'reqps', [
          by('tenant', rate('weir_tenant_requests_total')),
          '{{tenant}}',
        ]),
        stacked('Losses between protocols', 'ops', [
          by('feature, client, provider_dialect', rate('weir_losses_total')),
          '{{feature}}: {{client}} to {{provider_dialect}}',
        ]),
      ],
    },
    {
      title: 'Latency',
      panels: [
        lines(
          'Whole request',
          's',
          [quantile(0.5, 'proxy_request_duration_seconds'), 'median'],
          [quantile(0.95, 'proxy_request_duration_seconds'), '95 %'],
          [quantile(0.99, 'proxy_request_duration_seconds'), '99 %'],
        ),
        lines('Time to the first token, 95 %', 's', [
          quantile(0.95, 'weir_first_token_seconds', 'provider, model'),
          '{{model}} at {{provider}}',
        ]),
        lines('Time for each token after it, median', 's', [
          quantile(0.5, 'weir_output_token_seconds', 'provider, model'),
          '{{model}} at {{provider}}',
        ]),
        lines('Time of the provider, 95 %', 's', [
          quantile(0.95, 'request_latency_seconds', 'provider, model'),
          '{{model}} at {{provider}}',
        ]),
        lines('Waits for a place, 95 %', 's', [quantile(0.95, 'weir_queue_wait_seconds'), 'wait']),
        {
          title: 'Time to the first token',
          kind: 'heatmap',
          unit: 's',
          queries: [[by('le', increase('weir_first_token_seconds_bucket')), '{{le}}']],
        },
      ],
    },
  ],
}

const PROVIDERS: DashboardSpec = {
  uid: 'weir-providers',
  title: 'Weir: providers',
  description: 'Whose fault it is: errors, retries, fallbacks, circuits and keys.',
  rows: [
    {
      title: 'Attempts',
      panels: [
        stacked('Attempts by provider', 'reqps', [
          by('provider', rate('proxy_provider_requests_total')),
          '{{provider}}',
        ]),
        lines('Share of attempts that fail', 'percentunit', [
          `${by('provider', rate('proxy_provider_requests_total', 'error!=""'))} / ${by('provider', rate('proxy_provider_requests_total'))}`,
          '{{provider}}',
        ]),
        stacked('Failures by provider and kind', 'reqps', [
          by('provider, status, error', rate('proxy_provider_requests_total', 'error!=""')),
          '{{provider}} {{status}} {{error}}',
        ]),
      ],
    },
    {
      title: 'Ways around failures',
      panels: [
        stacked(
          'Retries, hedges and continuations',
          'ops',
          [by('provider', rate('weir_retries_total')), 'retry {{provider}}'],
          [by('provider', rate('weir_hedges_total')), 'hedge {{provider}}'],
          [by('provider', rate('weir_continuations_total')), 'continuation {{provider}}'],
        ),
        stacked('Fallbacks between providers', 'ops', [
          by('from, to', rate('proxy_fallbacks_total')),
          '{{from}} to {{to}}',
        ]),
        stacked('Fallbacks to other models', 'ops', [
          by('model, cause', rate('weir_fallbacks_total')),
          'to {{model}}: {{cause}}',
        ]),
      ],
    },
    {
      title: 'Health',
      panels: [
        {
          title: 'Circuits that are not closed',
          kind: 'table',
          unit: 'short',
          words: { '1': 'half open', '2': 'open' },
          queries: [
            [`max by (provider, model) (weir_target_circuit{${SELECTED}}) > 0`, '{{provider}}'],
          ],
        },
        lines('Circuits', 'short', [
          `max by (provider, model) (weir_target_circuit{${SELECTED}})`,
          '{{model}} at {{provider}}',
        ]),
        stacked('Keys by state', 'short', [
          `max by (provider, state) (weir_provider_key_state{${SELECTED}})`,
          '{{provider}} {{state}}',
        ]),
        lines('Usable', 'short', [
          `min by (provider) (weir_provider_usable{${SELECTED}})`,
          '{{provider}}',
        ]),
        stacked('Running at targets', 'short', [
          `sum by (provider, model) (weir_target_running{${SELECTED}})`,
          '{{model}} at {{provider}}',
        ]),
        lines('Mean time to the head of an answer', 's', [
          `avg by (provider, model) (weir_target_first_byte_seconds{${SELECTED}})`,
          '{{model}} at {{provider}}',
        ]),
        stacked('Queues of providers', 'short', [
          `sum by (provider) (weir_queue_waiting{${SELECTED},provider!=""})`,
          '{{provider}}',
        ]),
      ],
    },
  ],
}

const MONEY: DashboardSpec = {
  uid: 'weir-money',
  title: 'Weir: tokens, cost, limits and budgets',
  description: 'What is used, what it costs, and who is refused.',
  rows: [
    {
      title: 'Use',
      panels: [
        stacked('Tokens by class', 'short', [by('class', rate('token_usage_total')), '{{class}}']),
        stacked('Tokens by model', 'short', [
          by('provider, model', rate('token_usage_total')),
          '{{model}} at {{provider}}',
        ]),
        stacked('Audio tokens', 'short', [
          by('direction', rate('weir_audio_tokens_total')),
          '{{direction}}',
        ]),
        stacked('Tokens by tenant', 'short', [
          by('tenant', rate('weir_tenant_tokens_total')),
          '{{tenant}}',
        ]),
        lines('Input from providers’ caches', 'percentunit', [
          `${by('model', rate('token_usage_total', 'class="cache_read"'))} / ${by('model', rate('token_usage_total', 'class!~"output|reasoning"'))}`,
          '{{model}}',
        ]),
      ],
    },
    {
      title: 'Cost',
      panels: [
        number(
          'In the time shown',
          'currencyUSD',
          `sum(increase(weir_cost_usd_total{${SELECTED}}[$__range]))`,
        ),
        number(
          'Without a known price',
          'short',
          `sum(increase(weir_unpriced_requests_total{${SELECTED}}[$__range]))`,
          { alarm: [1, 1_000] },
        ),
        stacked('Dollars in an hour by model', 'currencyUSD', [
          `3600 * ${by('provider, model', rate('weir_cost_usd_total'))}`,
          '{{model}} at {{provider}}',
        ]),
        stacked('Dollars in an hour by tenant', 'currencyUSD', [
          `3600 * ${by('tenant', rate('weir_tenant_cost_usd_total'))}`,
          '{{tenant}}',
        ]),
      ],
    },
    {
      title: 'Limits and budgets',
      panels: [
        stacked('Refused by limits', 'reqps', [
          by('per, counts', rate('weir_limit_refusals_total')),
          '{{counts}} per {{per}}',
        ]),
        stacked('Refused by budgets', 'reqps', [
          by('per, cause', rate('weir_budget_refusals_total')),
          '{{cause}} per {{per}}',
        ]),
        stacked('Alerts of budgets', 'ops', [
          by('per, way', rate('weir_budget_alerts_total')),
          '{{way}} per {{per}}',
        ]),
        {
          title: 'Left of budgets',
          kind: 'lines',
          unit: 'percentunit',
          isSigned: true,
          queries: [
            [
              `min by (budget, tenant, window) (weir_budget_left_ratio{${SELECTED}})`,
              '{{budget}} {{tenant}}',
            ],
          ],
        },
        {
          title: 'Budgets with least left',
          kind: 'table',
          unit: 'currencyUSD',
          width: 16,
          isSigned: true,
          queries: [
            [
              `bottomk(20, min by (budget, tenant, per, window) (weir_budget_left_usd{${SELECTED}}))`,
              '{{budget}}',
            ],
          ],
        },
      ],
    },
  ],
}

const GUARDS: DashboardSpec = {
  uid: 'weir-guardrails',
  title: 'Weir: guardrails and cache',
  description: 'What was judged, and what was answered without a provider.',
  rows: [
    {
      title: 'Guardrails',
      panels: [
        stacked('Verdicts', 'ops', [
          by('verdict', rate('weir_guardrail_verdicts_total')),
          '{{verdict}}',
        ]),
        stacked('Findings by rule', 'ops', [
          by('rule, verdict', rate('weir_guardrail_verdicts_total', 'verdict!="pass"')),
          '{{rule}} {{verdict}}',
        ]),
        lines('Share without an answer', 'percentunit', [
          `${by('rule', rate('weir_guardrail_verdicts_total', 'verdict=~"failed-.*"'))} / ${by('rule', rate('weir_guardrail_verdicts_total'))}`,
          '{{rule}}',
        ]),
        lines('Time of a rule, 95 %', 's', [
          quantile(0.95, 'weir_guardrail_seconds', 'rule, stage'),
          '{{rule}} {{stage}}',
        ]),
      ],
    },
    {
      title: 'Services that guardrails ask',
      panels: [
        lines('Left alone', 'short', [
          `max by (host) (weir_guardrail_service_down{${SELECTED}})`,
          '{{host}}',
        ]),
        stacked('Running', 'short', [
          `sum by (host) (weir_guardrail_service_running{${SELECTED}})`,
          '{{host}}',
        ]),
        stacked('Waiting', 'short', [
          `sum by (host) (weir_guardrail_service_waiting{${SELECTED}})`,
          '{{host}}',
        ]),
      ],
    },
    {
      title: 'Response cache',
      panels: [
        stacked('Look-ups', 'reqps', [
          by('kind, state', rate('weir_cache_requests_total')),
          '{{kind}} {{state}}',
        ]),
        lines('Share of hits', 'percentunit', [
          `${by('kind', rate('weir_cache_requests_total', 'state="hit"'))} / ${by('kind', rate('weir_cache_requests_total', 'state!="bypass"'))}`,
          '{{kind}}',
        ]),
        number(
          'Saved in the time shown',
          'currencyUSD',
          `sum(increase(weir_cache_saved_usd_total{${SELECTED}}[$__range]))`,
        ),
      ],
    },
  ],
}

const RUNTIME: DashboardSpec = {
  uid: 'weir-runtime',
  title: 'Weir: runtime and records',
  description: 'The process, the request log, the store and exports.',
  rows: RUNTIME_ROWS,
}

/** Every dashboard, by the name of its file in `deploy/grafana/dashboards/`. */
export function dashboards() {
  return Object.fromEntries(
    [TRAFFIC, PROVIDERS, MONEY, GUARDS, RUNTIME].map((spec) => [
      `${spec.uid}.json`,
      dashboardJson(spec),
    ]),
  )
}
