// Settings of LiteLLM that are not carried, each with its reason and, where there is one, the way the same is had with Weir. Data alone.

type Words = Readonly<Record<string, readonly [note: string, way?: string]>>

const KEYS = 'Make keys with weir keys create.'
export const METRICS =
  'Send outcomes elsewhere with exports (webhook, langfuse, otlp-logs) or tracing.'

export const LITELLM_LEFT: Words = {
  set_verbose: ['messages are chosen by level', 'Set log.level: debug.'],
  telemetry: ['nothing is sent to anybody'],
  default_team_settings: ['teams have no exports of their own', 'Set exports[].only.tenants.'],
  default_internal_user_params: ['people are made by login or by hand', 'See weir users create.'],
  default_team_params: ['teams are made by hand', 'See weir teams create.'],
  upperbound_key_generate_params: [
    'keys take the limits of their tenant',
    'Set limits and budgets.',
  ],
  default_key_generate_params: ['keys take the limits of their tenant', 'Set limits and budgets.'],
  key_generation_settings: ['who may make keys is said by roles', 'See weir roles.'],
  max_user_budget: ['is said per user', 'Set budgets with per: user.'],
  max_internal_user_budget: ['is said per user', 'Set budgets with per: user.'],
  internal_user_budget_duration: ['is said per user', 'Set budgets with per: user.'],
  max_end_user_budget: ['end users have no accounts', 'Set budgets with per: user.'],
  mcp_aliases: ['tools are the client’s'],
  service_callbacks: ['failures of the store are metrics', 'Read /metrics.'],
  redact_user_api_key_info: ['no key is ever in what is sent'],
  force_ipv4: ['addresses are tried as the system orders them'],
  modify_params: ['what a provider cannot take is reported as a loss', 'Set models[].losses.'],
  ssl_certificate: [
    'a client certificate needs its key',
    'Set network.cert_file and network.key_file.',
  ],
  langfuse_default_tags: ['tags are not sent'],
  enable_json_schema_validation: ['is a guardrail', 'Set guardrails with check: json_schema.'],
  model_alias_map: ['names are models of their own', 'Declare them in models.'],
  public_routes: ['every route says itself who may use it'],
}

export const GENERAL_LEFT: Words = {
  database_url: [
    'its tables are LiteLLM’s own: keys, users and spend stay there',
    'Give Weir a database of its own with storage.url.',
  ],
  database_connection_pool_limit: ['belongs to LiteLLM’s database', 'Set storage.connections.'],
  database_connection_timeout: ['belongs to LiteLLM’s database'],
  store_model_in_db: [
    'the management API writes to the store anyway',
    'Models of LiteLLM’s database must be added here.',
  ],
  alerting: ['is told by metrics and by budgets', 'Set budgets[].webhook, or alert on /metrics.'],
  alerting_threshold: ['is told by metrics', 'Alert on /metrics.'],
  alert_types: ['is told by metrics', 'Alert on /metrics.'],
  alert_to_webhook_url: ['is told by budgets', 'Set budgets[].webhook.'],
  alerting_args: ['is told by metrics', 'Alert on /metrics.'],
  spend_report_frequency: ['reports are asked for', 'See weir usage.'],
  completion_model: ['a request names its model'],
  infer_model_from_keys: ['a request names its model'],
  custom_auth: ['no code of yours runs in it', 'Use keys, or tokens of an issuer (auth.oidc).'],
  custom_key_generate: ['no code of yours runs in it', KEYS],
  custom_sso: ['people log in with OpenID Connect', 'Set auth.oidc.'],
  enable_jwt_auth: ['issuers are declared', 'Set auth.oidc.'],
  litellm_jwtauth: ['issuers are declared', 'Set auth.oidc.'],
  enforce_user_param: ['who asks is known by key or token'],
  allowed_routes: ['what a key may do is said by its actions', 'Set keys[].actions.'],
  public_routes: ['every route says itself who may use it'],
  admin_only_routes: ['every route has a right of its own', 'See docs/authorization.md.'],
  allowed_ips: ['is said per key', 'Set keys[].allowed_from.'],
  use_x_forwarded_for: ['proxies that are believed are named', 'Set server.trusted_proxies.'],
  key_management_system: ['values come from variables and files', 'Write ${NAME} or ${file:path}.'],
  key_management_settings: [
    'values come from variables and files',
    'Write ${NAME} or ${file:path}.',
  ],
  pass_through_endpoints: ['requests go raw to a declared provider', 'Call /proxy/{provider}/….'],
  forward_client_headers_to_llm_api: [
    'fields of clients go no further',
    'Set providers[].headers.',
  ],
  ui_access_mode: ['who may use the UI is said by roles'],
  proxy_budget_rescheduler_min_time: ['windows of budgets begin anew by the calendar'],
  proxy_budget_rescheduler_max_time: ['windows of budgets begin anew by the calendar'],
  proxy_batch_write_at: ['rows are written in groups by itself'],
  disable_reset_budget: ['a budget that never begins anew has window: total'],
  max_response_size_mb: ['answers are bounded by itself'],
  maximum_spend_logs_retention_interval: ['old rows go by themselves'],
  role_permissions: ['roles are declared here', 'See docs/authorization.md.'],
  allow_requests_on_db_unavailable: ['no request needs the database'],
}

export const CACHE_LEFT: Words = {
  namespace: ['entries are kept apart by themselves'],
  supported_call_types: [
    'chat, completions and embeddings are cached',
    'Set cache.models for others.',
  ],
  max_connections: ['connections to Redis are managed by themselves'],
  redis_startup_nodes: ['one Redis is asked, no cluster', 'Set redis.url.'],
  sentinel_nodes: ['one Redis is asked, no sentinels', 'Set redis.url.'],
  service_name: ['one Redis is asked, no sentinels', 'Set redis.url.'],
}
