// The chart: linted, rendered with every option and with random ones, what comes out checked by Kubernetes' own schemas, by the laws of
// tests/kubernetes/laws.ts and by the executable itself, which reads each configuration and is run with one. And that the checks look:
// planted faults are found. No cluster is at hand; what only one could show is not shown here.

import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { parse } from 'yaml'
import { SCHEMA } from '../src/config/schema.ts'
import { VERSION } from '../src/core/version.ts'
import { postgresMissing, startPostgres } from '../src/testing/postgres.ts'
import { SEED, seededRandom } from '../src/testing/seed.ts'
import {
  CHART,
  objectsIn,
  render,
  runHelm,
  withChart,
  type KubernetesObject,
} from './harness/helm.ts'
import { goTool } from './harness/go-tools.ts'
import { pythonEnvironment, pythonFolder } from './harness/python.ts'
import { executablePath, startWeir } from './harness/weir.ts'
import { EXTERNAL, randomValues, REFUSED, REFUSED_SECRET } from './kubernetes/cases.ts'
import {
  at,
  configTexts,
  deploymentOf,
  podsOf,
  problemsOf,
  SECRET_NAME,
} from './kubernetes/laws.ts'
import { MANIFESTS_FOLDER, plainManifests } from './kubernetes/manifests.ts'

setDefaultTimeout(120_000)

const VERSIONS = ['1.28', '1.29', '1.30', '1.31', '1.32', '1.33', '1.34', '1.35', '1.36', '1.37']
const ENDS = ['1.28', '1.37']
const RANDOM_CASES = 30
const DEPLOY = join(import.meta.dir, '..', 'deploy')
/** Definitions of others, which no version of Kubernetes has. */
const DEFINED_ELSEWHERE = ['HTTPRoute', 'PrometheusRule', 'ServiceMonitor']
const valueFiles = readdirSync(join(CHART, 'ci')).toSorted()

const found = await goTool('helm')
const helm = 'path' in found ? found.path : undefined
if ('missing' in found) process.stdout.write(`left out: the Helm chart: ${found.missing}\n`)
const python = helm === undefined ? undefined : await pythonEnvironment('kubernetes')
if (python !== undefined && 'reason' in python) {
  process.stdout.write(`left out: Kubernetes' schemas: ${python.reason}\n`)
}

/** What the schemas have against objects; undefined where there are none to ask. */
async function schemaProblems(
  objects: readonly unknown[],
  versions: readonly string[],
): Promise<string[] | undefined> {
  if (python === undefined || 'reason' in python) return undefined
  const child = Bun.spawn([python.python, join(pythonFolder, 'kubernetes.py')], {
    env: { PYTHONDONTWRITEBYTECODE: '1' },
    stdio: [new TextEncoder().encode(JSON.stringify({ objects, versions })), 'pipe', 'pipe'],
  })
  const [out, error, code] = await Promise.all([
    child.stdout.text(),
    child.stderr.text(),
    child.exited,
  ])
  if (code !== 0) throw new Error(error.slice(-2_000))
  return JSON.parse(out) as string[]
}

async function expectValid(
  objects: readonly KubernetesObject[],
  versions: readonly string[],
): Promise<void> {
  const kinds = new Set(objects.map(({ kind }) => kind))
  const unknown = DEFINED_ELSEWHERE.filter((kind) => kinds.has(kind))
  const problems = await schemaProblems(objects, versions)
  if (problems !== undefined) expect(problems).toEqual(unknown.map((kind) => `no schema: ${kind}`))
}

/** The sleep before a stop came with 1.30. */
function versionsFor(text: string): readonly string[] {
  return text.includes('preStop: { sleep:') ? VERSIONS.slice(VERSIONS.indexOf('1.30')) : VERSIONS
}

/** An environment in which every reference of a configuration has a value. */
function environmentOf(text: string): Record<string, string> {
  const names = [...text.matchAll(/\$\{(\w+)\}/g)].map(([, name = '']) => name)
  const values: Record<string, string> = {
    POD_IP: '10.11.12.13',
    WEIR_DATABASE_URL: 'postgres://weir:password@postgres:5432/weir',
    WEIR_REDIS_URL: 'redis://redis:6379',
  }
  return Object.fromEntries(
    names.map((name) => [name, values[name] ?? `${name.toLowerCase()}-${'x'.repeat(40)}`]),
  )
}

/** `weir config check` of a configuration as a pod has it; its words where it is refused. */
async function checkConfig(text: string, env = environmentOf(text)): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'weir-chart-'))
  try {
    mkdirSync(join(folder, 'ca'))
    for (const name of ['ca.crt', 'corp.pem']) writeFileSync(join(folder, 'ca', name), '')
    const file = join(folder, 'weir.yaml')
    writeFileSync(file, text.replaceAll('/etc/weir-ca/', `${join(folder, 'ca')}/`))
    const child = Bun.spawn(
      [executablePath(), 'config', 'check', '--config', file, '--data', join(folder, 'data')],
      { cwd: folder, env, stdio: ['ignore', 'pipe', 'pipe'] },
    )
    const [error, code] = await Promise.all([child.stderr.text(), child.exited])
    return code === 0 ? '' : `${error}\n${text}`
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

async function expectSound(
  text: string,
  versions: readonly string[],
): Promise<readonly KubernetesObject[]> {
  const objects = objectsIn(text)
  expect(problemsOf(objects, EXTERNAL)).toEqual([])
  await expectValid(objects, versions)
  const configs = new Set(configTexts(objects))
  expect(configs.size).toBe(1)
  for (const config of configs) expect(await checkConfig(config)).toBe('')
  return objects
}

function one(objects: readonly KubernetesObject[], kind: string): KubernetesObject {
  const same = objects.filter((object) => object.kind === kind)
  if (same.length !== 1) throw new Error(`${same.length} of ${kind}`)
  return same[0]!
}

describe.skipIf(helm === undefined)('the chart', () => {
  const tool = helm ?? ''

  test.each(REFUSED)('refuses %s, in a sentence', async (_name, values, words) => {
    const { code, stderr, stdout } = await withChart(tool, 'template', { values: [values] })
    expect([code, stdout]).toEqual([1, ''])
    expect(stderr).toMatch(words)
    expect(stderr).not.toContain(REFUSED_SECRET)
  })

  test.each(valueFiles)('lints, and is sound in every Kubernetes: %s', async (name) => {
    const options = { valueFiles: [join(CHART, 'ci', name)] }
    const linted = await withChart(tool, 'lint', options)
    expect([linted.code, linted.stdout + linted.stderr]).toEqual([
      0,
      expect.stringContaining('0 chart(s) failed'),
    ])
    const text = await render(tool, options)
    await expectSound(text, versionsFor(text))
  })

  test('knows every setting that is a secret by its name', () => {
    const names = new Set<string>()
    const walk = (node: unknown, name: string) => {
      if (typeof node !== 'object' || node === null) return
      if (at(node, 'secret') === true) names.add(name)
      for (const [key, inner] of Object.entries(at(node, 'keys') ?? {})) walk(inner, key)
      walk(at(node, 'item'), name)
    }
    for (const [name, node] of Object.entries(SCHEMA.keys)) walk(node, name)
    expect(names.size).toBeGreaterThan(10)
    // An address is one where it holds a password, a header field by its own name.
    const others = ['headers', 'proxy', 'url']
    expect([...names].filter((name) => !SECRET_NAME.test(name)).toSorted()).toEqual(others)
    const checks = readFileSync(join(CHART, 'templates', '_checks.tpl'), 'utf8')
    expect(checks).toContain(SECRET_NAME.source.replaceAll('(?:', '('))
  })

  test('takes what only looks like a secret', async () => {
    const config = {
      content_store: { s3: { access_key: 'AKIAEXAMPLE', secret_key: '${S3_SECRET}' } },
      exports: [{ public_key: 'pk-lf-1', secret_key: '${LANGFUSE_SECRET}' }],
      providers: [{ base_url: 'https://host:8443/v1', keys: ['${file:/secrets/key}'] }],
    }
    const values = [{ storage: { type: 'sqlite' }, config }]
    expect(await withChart(tool, 'template', { values })).toMatchObject({ code: 0 })
  })

  test('refuses to sleep where Kubernetes cannot', async () => {
    const values = [{ storage: { type: 'sqlite' }, shutdown: { preStopSleepSeconds: 5 } }]
    const { code, stderr } = await withChart(tool, 'template', { values, kubernetes: '1.29.9' })
    expect(code).toBe(1)
    expect(stderr).toContain('needs Kubernetes 1.30')
    const older = await withChart(tool, 'template', { values, kubernetes: '1.27.0' })
    expect(older.stderr).toContain('incompatible with Kubernetes v1.27.0')
  })

  test('installs this version', () => {
    const read = (path: string) => parse(readFileSync(join(DEPLOY, path), 'utf8')) as object
    expect(read('helm/weir/Chart.yaml')).toMatchObject({ appVersion: VERSION })
    expect(read('kubernetes/kustomization.yaml')).toMatchObject({ images: [{ newTag: VERSION }] })
  })

  test('every option is in one of those files', () => {
    const paths = (value: unknown, path: string): string[] =>
      typeof value !== 'object' || value === null || Array.isArray(value)
        ? [path]
        : Object.keys(value).length === 0
          ? [path]
          : Object.entries(value).flatMap(([key, inner]) => paths(inner, `${path}.${key}`))
    const read = (file: string): unknown => parse(readFileSync(join(CHART, file), 'utf8'))
    const options = paths(read('values.yaml'), '')
    const tried = valueFiles.flatMap((name) => paths(read(join('ci', name)), ''))
    expect(options.length).toBeGreaterThan(100)
    // Of those that are handed on whole, one member is enough.
    const whole =
      /^\.(?:resources|podSecurityContext|securityContext|probes\.\w+|autoscaling\.behavior)\b/
    const untried = options.filter((path) => {
      const wanted = whole.exec(path)?.[0] ?? path
      return !tried.some((other) => other === wanted || other.startsWith(`${wanted}.`))
    })
    expect(untried).toEqual([])
  })

  test(`is sound with ${RANDOM_CASES} random combinations of values`, async () => {
    const random = seededRandom()
    const all: KubernetesObject[] = []
    for (let count = 0; count < RANDOM_CASES; count += 1) {
      const values = randomValues(random)
      const names = ['weir', 'a-release-with-a-name-of-its-own', 'a.release.with.dots']
      const release = names[Math.floor(random() * names.length)]!
      try {
        const objects = objectsIn(await render(tool, { values: [values], release }))
        expect(problemsOf(objects, EXTERNAL)).toEqual([])
        const [config = ''] = configTexts(objects)
        expect(await checkConfig(config)).toBe('')
        all.push(...objects)
      } catch (error) {
        throw new Error(`WEIR_SEED=${SEED}, case ${count}: ${JSON.stringify(values)}`, {
          cause: error,
        })
      }
    }
    const problems = await schemaProblems(all, ['1.30', '1.37'])
    expect((problems ?? []).filter((text) => !text.startsWith('no schema: '))).toEqual([])
  })

  test('a platform that gives out users of its own finds none named', async () => {
    const none = { runAsUser: null, runAsGroup: null, fsGroup: null }
    const values = [{ storage: { type: 'sqlite' }, podSecurityContext: none }]
    for (const { spec } of podsOf(objectsIn(await render(tool, { values })))) {
      expect(JSON.stringify(spec)).not.toMatch(/runAsUser|runAsGroup|"fsGroup"/)
      expect(at(spec, 'securityContext', 'runAsNonRoot')).toBe(true)
    }
  })

  test('the job of a migration is known to the network as pods are', async () => {
    const path = join(CHART, 'ci', 'everything-values.yaml')
    const objects = objectsIn(await render(tool, { valueFiles: [path] }))
    const job = one(objects, 'Job')
    expect(at(job, 'spec', 'template', 'metadata', 'labels')).toMatchObject({
      'example.com/network': 'outside',
    })
  })

  test('objects of other definitions have the shape that theirs ask for', async () => {
    const path = join(CHART, 'ci', 'gateway-api-values.yaml')
    const objects = objectsIn(await render(tool, { valueFiles: [path] }))
    const route = one(objects, 'HTTPRoute')
    expect(route.apiVersion).toBe('gateway.networking.k8s.io/v1')
    expect(route['spec']).toEqual({
      parentRefs: [{ name: 'public', namespace: 'gateways', sectionName: 'https' }],
      hostnames: ['weir.example.com'],
      rules: [
        {
          matches: [{ path: { type: 'PathPrefix', value: '/' } }],
          backendRefs: [{ name: 'weir', port: 80 }],
          timeouts: { request: '0s', backendRequest: '0s' },
        },
      ],
    })
    const monitor = one(objects, 'ServiceMonitor')
    expect(monitor.apiVersion).toBe('monitoring.coreos.com/v1')
    expect(at(monitor, 'spec', 'endpoints', 0)).toEqual({
      port: 'http',
      path: '/metrics',
      interval: '30s',
      scrapeTimeout: '10s',
      authorization: { type: 'Bearer', credentials: { name: 'weir-metrics', key: 'metrics-key' } },
      relabelings: [{ targetLabel: 'job', replacement: 'weir' }],
    })
    const rule = one(objects, 'PrometheusRule')
    const alerts = parse(readFileSync(join(DEPLOY, 'prometheus/alerts.yml'), 'utf8')) as object
    expect(rule['spec']).toEqual(alerts)
    const boards = readdirSync(join(DEPLOY, 'grafana/dashboards'))
    expect(boards.length).toBeGreaterThan(3)
    for (const board of boards) {
      const text = readFileSync(join(DEPLOY, 'grafana/dashboards', board), 'utf8')
      const map = objects.find((object) => at(object, 'data', board) !== undefined)
      expect(JSON.parse(String(at(map, 'data', board)))).toEqual(JSON.parse(text))
      expect(map?.metadata.labels?.['grafana_dashboard']).toBe('1')
    }
    expect(parse(configTexts(objects)[0]!)).toMatchObject({
      server: { host: '::', public_url: 'https://weir.example.com' },
    })
  })

  test('an Ingress lets streams through, whatever is in front', async () => {
    const base = { storage: { type: 'sqlite' } }
    const ingress = { enabled: true, hosts: ['weir.example.com'], tlsSecret: 'tls' }
    const annotationsOf = async (controller: string, annotations = {}) => {
      const values = [{ ...base, ingress: { ...ingress, controller, annotations } }]
      return one(objectsIn(await render(tool, { values })), 'Ingress').metadata.annotations
    }
    const nginx = 'nginx.ingress.kubernetes.io'
    expect(await annotationsOf('nginx', { [`${nginx}/proxy-body-size`]: '1m' })).toEqual({
      [`${nginx}/proxy-body-size`]: '1m',
      [`${nginx}/proxy-buffering`]: 'off',
      [`${nginx}/proxy-http-version`]: '1.1',
      [`${nginx}/proxy-read-timeout`]: '3600',
      [`${nginx}/proxy-request-buffering`]: 'off',
      [`${nginx}/proxy-send-timeout`]: '3600',
    })
    expect(await annotationsOf('traefik')).toEqual({
      'traefik.ingress.kubernetes.io/router.entrypoints': 'websecure',
      'traefik.ingress.kubernetes.io/router.tls': 'true',
    })
    expect(await annotationsOf('other')).toBeUndefined()
  })

  test('a changed configuration restarts pods where that is asked for, and only there', async () => {
    const template = async (values: object, retention: string) => {
      const base = { storage: { type: 'sqlite' }, config: { log: { retention } } }
      return at(deploymentOf(objectsIn(await render(tool, { values: [base, values] }))), 'spec')
    }
    const asked = { restartOnConfigChange: true }
    expect(await template({}, '30d')).toEqual(await template({}, '60d'))
    expect(await template(asked, '30d')).not.toEqual(await template(asked, '60d'))
  })

  test('notes say how to go on, for each way to reach it', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'weir-notes-'))
    try {
      cpSync(CHART, folder, { recursive: true, dereference: true })
      // Notes are shown by an install alone, which asks a cluster: here they are an object.
      writeFileSync(
        join(folder, 'templates', 'proof.yaml'),
        '{ apiVersion: v1, kind: ConfigMap, metadata: { name: proof }, data: { notes: {{ include (print $.Template.BasePath "/NOTES.txt") . | toJson }} } }\n',
      )
      const notesOf = async (...set: string[]) => {
        const args = ['--kube-version', '1.32', '--namespace', 'llm', '--show-only']
        const options = set.flatMap((value) => ['--set', value])
        const command = ['template', 'weir', folder, ...args, 'templates/proof.yaml', ...options]
        const { stderr, stdout } = await runHelm(tool, ...command)
        expect(stderr).toBe('')
        return String(at(objectsIn(stdout)[0], 'data', 'notes'))
      }
      const plain = await notesOf('storage.type=sqlite')
      expect(plain).toContain('kubectl -n llm exec deployment/weir -- /weir keys create mine')
      expect(plain).toContain('port-forward service/weir 9347:80')
      expect(plain).toContain('The master key was made on the volume')
      const secrets = ['storage.postgres.existingSecret=a', 'masterKey.existingSecret=b']
      const open = await notesOf(
        ...secrets,
        'ingress.enabled=true',
        'ingress.hosts={w.example.com}',
      )
      expect(open).toContain('http://w.example.com/ui')
      expect(open).toContain('trusted_proxies is not set')
      expect(open).not.toContain('master key')
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  })

  test('the package holds alerts and dashboards themselves, not links', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'weir-package-'))
    try {
      const packed = await runHelm(tool, 'package', CHART, '--destination', folder)
      expect(packed).toMatchObject({ code: 0 })
      const [name = ''] = readdirSync(folder)
      const files = await new Bun.Archive(await Bun.file(join(folder, name)).bytes()).files()
      const names = [...files.keys()]
      expect(names).toContain('weir/files/alerts.yml')
      expect(names).toContain('weir/files/dashboards/weir-traffic.json')
      expect(names.filter((path) => path.includes('/ci/'))).toEqual([])
      const alerts = await files.get('weir/files/alerts.yml')?.text()
      expect(alerts).toBe(readFileSync(join(DEPLOY, 'prometheus/alerts.yml'), 'utf8'))
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  })
})

describe.skipIf(helm === undefined)('the plain manifests', () => {
  test('are what the chart gives: `bun run kubernetes` writes them', async () => {
    const wanted = await plainManifests(helm ?? '')
    const there = readdirSync(MANIFESTS_FOLDER).toSorted()
    expect(there).toEqual([...wanted.keys()])
    for (const [name, text] of wanted) {
      expect([name, readFileSync(join(MANIFESTS_FOLDER, name), 'utf8')]).toEqual([name, text])
    }
  })

  test('are sound, and kustomize puts them together', async () => {
    const read = (name: string) => readFileSync(join(MANIFESTS_FOLDER, name), 'utf8')
    const names = readdirSync(MANIFESTS_FOLDER)
    const objects = await expectSound(names.map(read).join('\n---\n'), VERSIONS)
    const listed = parse(readFileSync(join(DEPLOY, 'kubernetes/kustomization.yaml'), 'utf8')) as {
      resources: string[]
    }
    expect(listed.resources.map((path) => basename(path)).toSorted()).toEqual(names.toSorted())
    if (Bun.which('kubectl') === null) {
      process.stdout.write('left out: kustomize: kubectl is not installed\n')
      return
    }
    const child = Bun.spawn(['kubectl', 'kustomize', join(DEPLOY, 'kubernetes')], {
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    const [out, error, code] = await Promise.all([
      child.stdout.text(),
      child.stderr.text(),
      child.exited,
    ])
    expect([code, error]).toEqual([0, ''])
    const built = await expectSound(out, ENDS)
    expect(built.length).toBe(objects.length)
    expect(built.map(({ metadata }) => metadata.namespace)).toEqual(built.map(() => 'weir'))
  })
})

/** One fault each: how it is planted, and what must be said of it. */
const PLANTED: readonly (readonly [string, (text: string) => string, RegExp])[] = [
  ['root', (text) => text.replaceAll('runAsNonRoot: true', 'runAsNonRoot: false'), /may be root/],
  [
    'a writable image',
    (text) => text.replace('readOnlyRootFilesystem: true', 'readOnlyRootFilesystem: false'),
    /can write to its image/,
  ],
  ['capabilities', (text) => text.replace(/- ALL\b/, '- NET_RAW'), /has capabilities/],
  [
    'a token',
    (text) => text.replaceAll(/automountServiceAccountToken: false/g, 'hostNetwork: true'),
    /a token is mounted/,
  ],
  [
    'a selector that finds nothing',
    (text) => text.replace(/(kind: Service\n[^]*?selector:\n[^]*?component: )gateway/, '$1other'),
    /Service does not select/,
  ],
  [
    'a selector that finds too much',
    (text) =>
      text.replace(
        /(kind: Service\n[^]*?selector:[^]*?)\n +app\S+component: gateway(\n +ports)/,
        '$1$2',
      ),
    /Service selects/,
  ],
  [
    'a ConfigMap that is not there',
    (text) => text.replace('configMap: { name: llm-weir', 'configMap: { name: nobody'),
    /no ConfigMap nobody/,
  ],
  [
    'a Secret that nobody knows',
    (text) => text.replace('{ name: "weir-redis"', '{ name: "weir-rediss"'),
    /no Secret weir-rediss/,
  ],
  [
    'a name that no Service may have',
    (text) => text.replace(/(kind: Service\nmetadata:\n {2}name: )/, '$11'),
    /no name of a Service/,
  ],
  [
    'another port',
    (text) => text.replaceAll('port: 9347\n', 'port: 9348\n'),
    /weir.yaml has another port/,
  ],
  ['a probe of no port', (text) => text.replace('port: http,', 'port: web,'), /asks no port/],
  [
    'too little patience',
    (text) =>
      text.replace(/terminationGracePeriodSeconds: \d+/, 'terminationGracePeriodSeconds: 9'),
    /9 s of grace/,
  ],
  [
    'a secret in clear',
    (text) => text.replaceAll('${WEIR_MASTER_KEY}', 'a-master-key-in-clear'),
    /master_key is in clear/,
  ],
  [
    'a reference to nothing',
    (text) => text.replaceAll('name: WEIR_DATABASE_URL', 'name: DATABASE'),
    /nothing gives \$\{WEIR_DATABASE_URL\}/,
  ],
  [
    'a variable in clear',
    (text) => text.replace('- name: TZ', '- name: OPENAI_API_KEY'),
    /OPENAI_API_KEY is in clear/,
  ],
  [
    'a variable twice',
    (text) => text.replaceAll('name: WEIR_REDIS_URL', 'name: WEIR_DATA'),
    /a variable is there twice/,
  ],
  [
    'a hook that needs the release',
    (text) => text.replace(/configMap: \{ name: \S+-migrate/, 'configMap: { name: llm-weir'),
    /no ConfigMap llm-weir/,
  ],
]

describe.skipIf(helm === undefined)('the checks look', () => {
  let text = ''
  beforeAll(async () => {
    const everything = join(CHART, 'ci', 'everything-values.yaml')
    const names = ['OPENAI_API_KEY', 'ANTHROPIC_API_KEY', 'OIDC_SECRET', 'PROXY_PASSWORD']
    const secretEnv = [...names, 'WEIR_CI_KEY', 'WEIR_OLD_MASTER_KEY'].map((name) => ({
      name,
      secretName: 'weir-more',
      key: name,
    }))
    const values = [{ secretEnvFrom: [], secretEnv, nameOverride: 'weir' }]
    const options = { valueFiles: [everything], values, release: 'llm' }
    text = await render(helm ?? '', options)
    expect(problemsOf(objectsIn(text), EXTERNAL)).toEqual([])
  })

  test.each(PLANTED)('a planted fault is found: %s', (_name, plant, words) => {
    const planted = plant(text)
    expect(planted).not.toBe(text)
    expect(problemsOf(objectsIn(planted), EXTERNAL).join('\n')).toMatch(words)
  })

  test.skipIf(python === undefined || 'reason' in python)(
    'the schemas find a wrong type, an unknown member and one that a version does not have',
    async () => {
      const objects = objectsIn(text)
      const deployment = structuredClone(deploymentOf(objects)) as Record<string, unknown>
      const spec = deployment['spec'] as Record<string, unknown>
      spec['revisionHistoryLimit'] = 'three'
      expect((await schemaProblems([deployment], ['1.30']))?.join()).toContain('three')
      spec['revisionHistoryLimit'] = 3
      expect(await schemaProblems([deployment], ['1.30'])).toEqual([])
      spec['replicaz'] = 3
      expect((await schemaProblems([deployment], ['1.30']))?.join()).toContain('replicaz')
    },
  )

  test('weir config check finds what a configuration may not say', async () => {
    const [config = ''] = configTexts(objectsIn(text))
    const env = environmentOf(config)
    expect(
      await checkConfig(config.replace('drain_timeout: 600s', 'drain_timeout: soon'), env),
    ).toContain('drain_timeout')
    expect(await checkConfig(config.replace('trusted_proxies', 'trusted_proxy'), env)).toContain(
      'trusted_proxy',
    )
    expect(await checkConfig(config, {})).toContain('WEIR_MASTER_KEY')
  })
})

describe.skipIf(helm === undefined)('the executable, as a pod runs it', () => {
  const withoutPostgres = postgresMissing()
  if (withoutPostgres !== undefined) {
    process.stdout.write(`left out: the migration job of the chart (${withoutPostgres})\n`)
  }

  test.skipIf(withoutPostgres !== undefined)(
    'the job brings a database up, with the configuration and the variables that it is given',
    async () => {
      const values = {
        storage: { postgres: { existingSecret: 'database' } },
        masterKey: { existingSecret: 'master' },
        migration: { mode: 'job' },
      }
      const objects = objectsIn(await render(helm ?? '', { values: [values] }))
      const job = at(one(objects, 'Job'), 'spec', 'template', 'spec', 'containers', 0)
      const given = at(job, 'env') as { name: string; value?: string }[]
      const folder = mkdtempSync(join(tmpdir(), 'weir-job-'))
      await using server = await startPostgres()
      const { url } = await server.createDatabase()
      const secrets: Record<string, string> = {
        POD_IP: '10.11.12.13',
        WEIR_DATABASE_URL: url,
        WEIR_MASTER_KEY: 'a-master-key-of-this-test-with-enough-characters',
      }
      const places: Record<string, string> = {
        WEIR_CONFIG: join(folder, 'weir.yaml'),
        WEIR_DATA: join(folder, 'data'),
        TMPDIR: folder,
      }
      const env = Object.fromEntries(
        given.map(({ name, value }) => [name, places[name] ?? value ?? secrets[name] ?? '']),
      )
      try {
        writeFileSync(join(folder, 'weir.yaml'), configTexts(objects)[0] ?? '')
        const migrate = async (...more: string[]) => {
          const args = [...(at(job, 'args') as string[]), ...more]
          const child = Bun.spawn([executablePath(), ...args], {
            cwd: folder,
            env,
            stdio: ['ignore', 'ignore', 'pipe'],
          })
          return [await child.exited, await child.stderr.text()]
        }
        expect(await migrate('--check')).toEqual([1, ''])
        expect(await migrate()).toEqual([0, ''])
        expect(await migrate('--check')).toEqual([0, ''])
      } finally {
        rmSync(folder, { recursive: true, force: true })
      }
    },
  )

  test('answers probes, the Service and Prometheus, nobody else, and serves on while it announces its end', async () => {
    const podIp = '10.11.12.13'
    const metricsKey = 'the-key-of-prometheus-with-enough-characters'
    const values = {
      storage: { type: 'sqlite' },
      metrics: { existingSecret: 'weir-metrics' },
      ingress: { enabled: true, hosts: ['weir.example.com'], tlsSecret: 'tls' },
      // What is asked while it announces its end takes a busy machine seconds.
      shutdown: { stopDelaySeconds: 15, drainTimeoutSeconds: 10 },
    }
    const objects = objectsIn(await render(helm ?? '', { values: [values] }))
    const gateway = podsOf(objects).find(({ owner }) => owner.kind === 'Deployment')
    const container = at(gateway?.spec, 'containers', 0)
    const config = parse(configTexts(objects)[0]!) as { server: object }
    const env = { POD_IP: podIp, WEIR_METRICS_KEY: metricsKey }
    const weir = await startWeir({ config, env })
    const ask = (path: string, host: string, key?: string) =>
      fetch(`http://127.0.0.1:${weir.port}${path}`, {
        headers: { host, ...(key === undefined ? {} : { authorization: `Bearer ${key}` }) },
      })
    try {
      for (const probe of ['startupProbe', 'readinessProbe', 'livenessProbe']) {
        const get = at(container, probe, 'httpGet')
        const host = String(at(get, 'httpHeaders', 0, 'value'))
        expect((await ask(String(at(get, 'path')), host)).status).toBe(200)
      }
      for (const host of [`${podIp}:9347`, 'weir', 'weir.llm.svc', 'weir.example.com']) {
        expect([host, (await ask('/metrics', host, metricsKey)).status]).toEqual([host, 200])
        expect([host, (await ask('/metrics', host)).status]).toEqual([host, 401])
      }
      expect((await ask('/health', 'evil.example.com')).status).toBe(403)
      // What `helm test` runs, with the Service's name and port for those that stand for it here.
      const tester = podsOf(objects).find(({ owner }) => owner.kind === 'Pod')
      const args = at(tester?.spec, 'containers', 0, 'args') as string[]
      expect(args).toEqual(['health', '--host', 'weir', '--port', '80'])
      const healthy = ['health', '--host', 'localhost', '--port', String(weir.port)]
      expect(await weir.runCli(...healthy)).toMatchObject({ code: 0 })
      // The key is for metrics and nothing else; and a caller on loopback, as by port-forward, is nobody.
      expect((await ask('/admin/keys', 'localhost', metricsKey)).status).toBe(403)
      expect((await ask('/v1/models', 'localhost')).status).toBe(401)

      process.kill(weir.pid, 'SIGTERM')
      const limit = performance.now() + 10_000
      while ((await ask('/readyz', 'localhost')).status !== 503) {
        expect(performance.now()).toBeLessThan(limit)
        await Bun.sleep(10)
      }
      expect((await ask('/health', 'localhost')).status).toBe(200)
      expect((await ask('/metrics', 'weir', metricsKey)).status).toBe(200)
      expect(await weir.runCli(...healthy)).toMatchObject({ code: 1 })
      expect(await weir.ended).toBe(0)
    } finally {
      await weir.stop('SIGKILL')
    }
  })
})

afterAll(() => {
  if (helm !== undefined) process.stdout.write(`chart: WEIR_SEED=${SEED}\n`)
})
