// Values to render the chart with: made at random from every option, and those that must be refused, each with the words that are due.
// Which rendering is right is for laws.ts to say.

import type { External } from './laws.ts'

type Values = Record<string, unknown>
type Random = () => number

/** One combination that can work. */
export function randomValues(random: Random): Values {
  const maybe = (chance = 0.5) => random() < chance
  const pick = <T>(...of: readonly T[]): T => of[Math.floor(random() * of.length)]!
  const isFile = maybe(0.25)
  const hasMetricsKey = maybe()
  const stopDelaySeconds = pick(0, 5, 30)
  const drainTimeoutSeconds = pick(0, 30, 3_600)
  const preStopSleepSeconds = pick(0, 0, 10)
  const needed = stopDelaySeconds + drainTimeoutSeconds + preStopSleepSeconds
  return {
    ...(maybe(0.3) ? { nameOverride: pick('llm', 'a-name-that-is-rather-long-for-a-name') } : {}),
    ...(maybe(0.3) ? { fullnameOverride: pick('gateway', `x${'y'.repeat(60)}`) } : {}),
    ipFamily: pick('IPv4', 'IPv4', 'IPv6'),
    image: pick(
      {},
      { tag: '1.2.3+b-' },
      { tag: `1.2.3@sha256:${'ab'.repeat(32)}` },
      { digest: `sha256:${'ab'.repeat(32)}` },
    ),
    storage: isFile
      ? { type: 'sqlite', sqlite: pick({}, { existingClaim: 'old-claim' }, { size: '1Ti' }) }
      : { postgres: { existingSecret: 'database', urlKey: pick('url', 'uri') } },
    replicaCount: isFile ? pick(null, 1) : pick(null, 1, 5),
    masterKey: isFile && maybe() ? {} : { existingSecret: 'master' },
    redis: maybe() ? { existingSecret: 'redis' } : {},
    config: pick<Values>(
      {},
      { server: { public_url: 'https://elsewhere.example.com', trusted_proxies: ['10.0.0.0/8'] } },
      {
        keys: [{ name: 'ci', key: '${CI_KEY}' }],
        limits: [{ per: 'global', tokens_per_minute: 123_456_789 }],
        log: { retention: '90d' },
      },
      { auth: { anonymous: 'never' }, network: { verify: true, min_tls_version: '1.3' } },
    ),
    secretEnv: [{ name: 'CI_KEY', secretName: 'ci', key: 'key' }],
    secretEnvFrom: maybe() ? ['providers'] : [],
    restartOnConfigChange: maybe(),
    extraCaCerts: pick({}, { configMap: 'authorities' }, { secret: 'authorities' }),
    shutdown: {
      stopDelaySeconds,
      drainTimeoutSeconds,
      preStopSleepSeconds,
      terminationGracePeriodSeconds: pick(null, needed + 1),
    },
    migration: { mode: isFile ? 'lock' : pick('lock', 'job') },
    serviceAccount: pick({}, { create: false }, { create: false, name: 'given' }, { name: 'own' }),
    antiAffinity: pick('soft', 'hard', 'none'),
    readinessGates: pick([], ['example.com/ready']),
    service: { type: pick('ClusterIP', 'NodePort', 'LoadBalancer'), port: pick(80, 9347) },
    ingress: {
      enabled: maybe(),
      controller: pick('nginx', 'traefik', 'other'),
      hosts: pick(['weir.example.com'], ['a.example.com', '*.b.example.com']),
      tlsSecret: pick('', 'tls'),
    },
    httpRoute: {
      enabled: maybe(0.3),
      parentRefs: [{ name: 'public' }],
      hostnames: pick([], ['weir.example.com']),
    },
    autoscaling: {
      enabled: !isFile && maybe(),
      cpu: pick(null, 70),
      memory: pick(null, 80),
      activeStreams: 200,
      behavior: pick<Values | undefined>(undefined, {}),
    },
    podDisruptionBudget: pick({}, { enabled: false }, { minAvailable: 1, maxUnavailable: null }),
    networkPolicy: {
      enabled: maybe(),
      ingressFrom: pick([], [{ namespaceSelector: { matchLabels: { a: 'b' } } }]),
      egress: { https: pick({}, { cidrs: [] }, { cidrs: ['10.0.0.0/8'], ports: [443, 8443] }) },
    },
    metrics: {
      existingSecret: hasMetricsKey ? 'metrics' : '',
      serviceMonitor: { enabled: hasMetricsKey && maybe() },
      prometheusRule: { enabled: maybe() },
      dashboards: { enabled: maybe(0.2) },
    },
  }
}

/** What the cases of this file and those of `ci/` name and the release does not make. */
export const EXTERNAL: External = {
  secrets: new Set([
    'ci',
    'client-certificate',
    'corporate-ca',
    'database',
    'master',
    'metrics',
    'oidc',
    'authorities',
    'providers',
    'proxy',
    'redis',
    'registry',
    'weir-database',
    'weir-more',
    'weir-master-key',
    'weir-metrics',
    'weir-providers',
    'weir-redis',
    'weir-secrets',
  ]),
  configMaps: new Set(['authorities', 'corporate-ca']),
  claims: new Set(['old-claim', 'weir-of-old']),
  accounts: new Set(['default', 'given', 'made-elsewhere']),
}

const POSTGRES = { storage: { postgres: { existingSecret: 'database' } } }
const SECRETS = { ...POSTGRES, masterKey: { existingSecret: 'master' } }
const SQLITE = { storage: { type: 'sqlite' } }
const SECRET = 'hidden-value-0123456789-0123456789-0123'

/** Values that cannot work, and what is said; none of them repeats a secret. */
export const REFUSED: readonly (readonly [string, Values, RegExp])[] = [
  ['no database', {}, /storage\.postgres\.existingSecret is needed/],
  ['no master key', POSTGRES, /masterKey\.existingSecret is needed/],
  [
    'a name of no Service',
    { ...SQLITE, fullnameOverride: '1weir' },
    /1weir is no name that a Service/,
  ],
  ['a file and two replicas', { ...SQLITE, replicaCount: 2 }, /replicaCount is 2.*one replica/],
  ['a file and autoscaling', { ...SQLITE, autoscaling: { enabled: true } }, /autoscaling needs/],
  ['a file and a job', { ...SQLITE, migration: { mode: 'job' } }, /migration\.mode job needs/],
  [
    'less patience than the drain',
    { ...SQLITE, shutdown: { drainTimeoutSeconds: 300, terminationGracePeriodSeconds: 300 } },
    /terminationGracePeriodSeconds \(300\) must be above 315/,
  ],
  [
    'autoscaling by nothing',
    { ...SECRETS, autoscaling: { enabled: true, cpu: null } },
    /needs something to go by/,
  ],
  [
    'autoscaling upside down',
    { ...SECRETS, autoscaling: { enabled: true, minReplicas: 20 } },
    /must not be above/,
  ],
  [
    'a budget of both kinds',
    { ...SECRETS, podDisruptionBudget: { minAvailable: 1 } },
    /minAvailable or maxUnavailable, not both/,
  ],
  ['an Ingress of no host', { ...SQLITE, ingress: { enabled: true } }, /ingress\.hosts is needed/],
  ['a route of no Gateway', { ...SQLITE, httpRoute: { enabled: true } }, /parentRefs is needed/],
  [
    'scraping without a key',
    { ...SQLITE, metrics: { serviceMonitor: { enabled: true } } },
    /metrics\.existingSecret is needed/,
  ],
  [
    'a key that cannot be read from elsewhere',
    {
      ...SQLITE,
      metrics: { existingSecret: 'm', serviceMonitor: { enabled: true, namespace: 'elsewhere' } },
    },
    /must be that of the release/,
  ],
  [
    'two places for authorities',
    { ...SQLITE, extraCaCerts: { configMap: 'a', secret: 'b' } },
    /not both/,
  ],
  ['a port of its own', { ...SQLITE, config: { server: { port: 1 } } }, /config\.server\.port is/],
  ['a store of its own', { ...SQLITE, config: { storage: {} } }, /config\.storage is/],
  ['a Redis of its own', { ...SQLITE, config: { redis: {} } }, /config\.redis is/],
  [
    'a master key in clear',
    { ...SQLITE, config: { secrets: { master_key: SECRET } } },
    /config\.secrets\.master_key is/,
  ],
  [
    'a key of a client in clear',
    { ...SQLITE, config: { keys: [{ name: 'a', key: SECRET }] } },
    /config\.keys\[0\]\.key looks like a secret/,
  ],
  [
    'a key of a provider in clear',
    { ...SQLITE, config: { providers: [{ id: 'openai', type: 'openai', keys: [SECRET] }] } },
    /config\.providers\[0\]\.keys\[0\] looks like a secret/,
  ],
  [
    'a password in a URL',
    { ...SQLITE, config: { network: { proxy: `http://weir:${SECRET}@proxy:3128` } } },
    /config\.network\.proxy looks like a secret/,
  ],
  [
    'a header in clear',
    { ...SQLITE, config: { tracing: { headers: { Authorization: `Bearer ${SECRET}` } } } },
    /headers\.Authorization looks like a secret/,
  ],
  [
    'a variable in clear',
    { ...SQLITE, extraEnv: [{ name: 'OPENAI_API_KEY', value: SECRET }] },
    /extraEnv: OPENAI_API_KEY looks like a secret/,
  ],
  [
    'a variable of the chart',
    { ...SQLITE, extraEnv: [{ name: 'WEIR_PORT', value: '1' }] },
    /WEIR_PORT is there already/,
  ],
  [
    'a variable twice',
    {
      ...SQLITE,
      secretEnv: [{ name: 'A', secretName: 's', key: 'k' }],
      extraEnv: [{ name: 'A', value: '1' }],
    },
    /A is there already/,
  ],
  ['an unknown value', { ...SQLITE, replicas: 3 }, /additional properties 'replicas' not allowed/],
  ['another kind of store', { storage: { type: 'mysql' } }, /storage\/type/],
  ['a text for a number', { ...SQLITE, service: { port: '80' } }, /service\/port/],
  ['a digest that is none', { ...SQLITE, image: { digest: 'latest' } }, /image\/digest/],
  ['a host that is none', { ...SQLITE, ingress: { hosts: ['https://x'] } }, /ingress\/hosts/],
]

/** What no message may repeat. */
export const REFUSED_SECRET = SECRET
