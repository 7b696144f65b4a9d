// What must hold of any rendering, beyond what schemas say: pods are closed, names that refer to something find it, ports and labels agree,
// and no secret stands in clear. Pure functions over objects, so that planted faults show that they look.

import { parse } from 'yaml'
import type { KubernetesObject } from '../harness/helm.ts'

/** Names of what the release does not make itself. */
export interface External {
  readonly secrets: ReadonlySet<string>
  readonly configMaps: ReadonlySet<string>
  readonly claims: ReadonlySet<string>
  readonly accounts: ReadonlySet<string>
}

type Values = Readonly<Record<string, unknown>>

/** A member at a path, `undefined` where anything on the way is missing. */
export function at(value: unknown, ...path: readonly (string | number)[]): unknown {
  let found = value
  for (const part of path) found = (found as Values | undefined | null)?.[part as string]
  return found
}

function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : []
}

function labels(value: unknown): Readonly<Record<string, string>> {
  return (value ?? {}) as Readonly<Record<string, string>>
}

function matches(selector: unknown, found: unknown): boolean {
  const wanted = Object.entries(labels(selector))
  return wanted.length > 0 && wanted.every(([name, value]) => labels(found)[name] === value)
}

interface Pod {
  readonly owner: KubernetesObject
  readonly labels: unknown
  readonly spec: unknown
}

/** Every pod that comes of it, by whatever makes it. */
export function podsOf(objects: readonly KubernetesObject[]): Pod[] {
  return objects.flatMap((owner) => {
    if (owner.kind === 'Pod') return [{ owner, labels: owner.metadata.labels, spec: owner['spec'] }]
    const template = at(owner, 'spec', 'template')
    if (template === undefined) return []
    return [{ owner, labels: at(template, 'metadata', 'labels'), spec: at(template, 'spec') }]
  })
}

function containersOf(pod: Pod): readonly unknown[] {
  return [...list(at(pod.spec, 'containers')), ...list(at(pod.spec, 'initContainers'))]
}

/** Where the gateway itself is. */
export function deploymentOf(objects: readonly KubernetesObject[]): KubernetesObject {
  const found = objects.filter(({ kind }) => kind === 'Deployment')
  if (found.length !== 1) throw new Error(`${found.length} deployments`)
  return found[0]!
}

/** `weir.yaml` as it is handed to a pod. */
export function configTexts(objects: readonly KubernetesObject[]): string[] {
  return objects.flatMap((object) => {
    const text = object.kind === 'ConfigMap' ? at(object, 'data', 'weir.yaml') : undefined
    return typeof text === 'string' ? [text] : []
  })
}

/** Everything that is wrong, in words; empty where all is well. */
export function problemsOf(objects: readonly KubernetesObject[], external: External): string[] {
  return [
    ...nameProblems(objects),
    ...podsOf(objects).flatMap((pod) => [
      ...openPodProblems(pod),
      ...referenceProblems(pod, objects, external),
      ...volumeProblems(pod),
    ]),
    ...selectorProblems(objects),
    ...portProblems(objects),
    ...stopProblems(objects),
    ...engineProblems(objects),
    ...secretProblems(objects),
    ...hookProblems(objects, external),
  ]
}

function nameProblems(objects: readonly KubernetesObject[]): string[] {
  const seen = new Set<string>()
  return objects.flatMap(({ kind, metadata }) => {
    const { name, namespace = '' } = metadata
    const id = `${kind}/${namespace}/${name}`
    const problems = seen.has(id) ? [`${id} is there twice`] : []
    seen.add(id)
    if (name.length > 63) problems.push(`${id}: its name is too long`)
    // RFC 1035: stricter than for most others.
    if (kind === 'Service' && !/^[a-z](?:[-a-z0-9]*[a-z0-9])?$/.test(name)) {
      problems.push(`${id}: no name of a Service`)
    }
    for (const [label, value] of Object.entries(metadata.labels ?? {})) {
      if (!/^(?:[A-Za-z0-9](?:[-\w.]{0,61}[A-Za-z0-9])?)?$/.test(value)) {
        problems.push(`${id}: the label ${label} is none: ${value}`)
      }
    }
    return problems
  })
}

function openPodProblems(pod: Pod): string[] {
  const id = `${pod.owner.kind}/${pod.owner.metadata.name}`
  const problems: string[] = []
  const need = (isWell: boolean, what: string) => {
    if (!isWell) problems.push(`${id}: ${what}`)
  }
  const podSecurity = at(pod.spec, 'securityContext')
  need(at(pod.spec, 'automountServiceAccountToken') === false, 'a token is mounted')
  need(at(podSecurity, 'seccompProfile', 'type') === 'RuntimeDefault', 'no seccomp profile')
  need(Number(at(podSecurity, 'runAsUser')) > 0, 'no user of its own')
  for (const name of ['hostNetwork', 'hostPID', 'hostIPC']) {
    need(at(pod.spec, name) !== true, `${name} is on`)
  }
  need(!list(at(pod.spec, 'volumes')).some((volume) => at(volume, 'hostPath')), 'a host path')
  for (const container of containersOf(pod)) {
    const name = String(at(container, 'name'))
    const security = at(container, 'securityContext')
    const runsAsNonRoot = at(security, 'runAsNonRoot') ?? at(podSecurity, 'runAsNonRoot')
    need(runsAsNonRoot === true && at(security, 'runAsUser') !== 0, `${name} may be root`)
    need(at(security, 'readOnlyRootFilesystem') === true, `${name} can write to its image`)
    need(at(security, 'allowPrivilegeEscalation') === false, `${name} may gain privileges`)
    need(at(security, 'privileged') !== true, `${name} is privileged`)
    need(list(at(security, 'capabilities', 'drop')).includes('ALL'), `${name} has capabilities`)
    need(at(container, 'resources', 'limits', 'memory') !== undefined, `${name}: no memory limit`)
    need(at(container, 'resources', 'requests', 'cpu') !== undefined, `${name}: no CPU request`)
  }
  return problems
}

function referenceProblems(
  pod: Pod,
  objects: readonly KubernetesObject[],
  external: External,
): string[] {
  const id = `${pod.owner.kind}/${pod.owner.metadata.name}`
  const own = (kind: string) =>
    new Set(objects.filter((object) => object.kind === kind).map(({ metadata }) => metadata.name))
  const known: Readonly<Record<string, ReadonlySet<string>>> = {
    Secret: external.secrets,
    ConfigMap: external.configMaps.union(own('ConfigMap')),
    PersistentVolumeClaim: external.claims.union(own('PersistentVolumeClaim')),
    ServiceAccount: external.accounts.union(own('ServiceAccount')),
  }
  const wanted: (readonly [string, unknown])[] = [
    ['ServiceAccount', at(pod.spec, 'serviceAccountName')],
    ...list(at(pod.spec, 'imagePullSecrets')).map((one) => ['Secret', at(one, 'name')] as const),
  ]
  for (const volume of list(at(pod.spec, 'volumes'))) {
    wanted.push(
      ['Secret', at(volume, 'secret', 'secretName')],
      ['ConfigMap', at(volume, 'configMap', 'name')],
      ['PersistentVolumeClaim', at(volume, 'persistentVolumeClaim', 'claimName')],
    )
  }
  for (const container of containersOf(pod)) {
    for (const variable of list(at(container, 'env'))) {
      wanted.push(
        ['Secret', at(variable, 'valueFrom', 'secretKeyRef', 'name')],
        ['ConfigMap', at(variable, 'valueFrom', 'configMapKeyRef', 'name')],
      )
    }
    for (const source of list(at(container, 'envFrom'))) {
      wanted.push(['Secret', at(source, 'secretRef', 'name')])
    }
  }
  return wanted.flatMap(([kind, name]) =>
    name === undefined || known[kind]?.has(String(name)) === true
      ? []
      : [`${id}: there is no ${kind} ${String(name)}`],
  )
}

/** Volumes that are mounted are there, those that are there are mounted, and what the configuration refers to is in the environment. */
function volumeProblems(pod: Pod): string[] {
  const id = `${pod.owner.kind}/${pod.owner.metadata.name}`
  const volumes = list(at(pod.spec, 'volumes')).map((volume) => String(at(volume, 'name')))
  const mounts = containersOf(pod).flatMap((container) => list(at(container, 'volumeMounts')))
  const mounted = mounts.map((mount) => String(at(mount, 'name')))
  const paths = mounts.map((mount) => String(at(mount, 'mountPath')))
  return [
    ...mounted.filter((name) => !volumes.includes(name)).map((name) => `${id}: no volume ${name}`),
    ...volumes.filter((name) => !mounted.includes(name)).map((name) => `${id}: ${name} is unused`),
    ...(new Set(volumes).size < volumes.length ? [`${id}: a volume twice`] : []),
    ...(new Set(paths).size < paths.length ? [`${id}: two mounts at one path`] : []),
  ]
}

function selectorProblems(objects: readonly KubernetesObject[]): string[] {
  const deployment = deploymentOf(objects)
  const problems: string[] = []
  const need = (isWell: boolean, what: string) => {
    if (!isWell) problems.push(what)
  }
  const served = at(deployment, 'spec', 'template', 'metadata', 'labels')
  const others = podsOf(objects).filter(({ owner }) => owner !== deployment)
  const onlyServed = (selector: unknown, what: string) => {
    need(matches(selector, served), `${what} does not select the pods`)
    for (const pod of others) {
      need(!matches(selector, pod.labels), `${what} selects ${pod.owner.metadata.name}`)
    }
  }
  onlyServed(at(deployment, 'spec', 'selector', 'matchLabels'), 'the Deployment')
  const services = objects.filter(({ kind }) => kind === 'Service')
  need(services.length === 1, 'there is not one Service')
  for (const object of objects) {
    const { kind } = object
    if (kind === 'Service') onlyServed(at(object, 'spec', 'selector'), kind)
    if (kind === 'PodDisruptionBudget') {
      onlyServed(at(object, 'spec', 'selector', 'matchLabels'), kind)
    }
    if (kind === 'NetworkPolicy') {
      const selector = at(object, 'spec', 'podSelector', 'matchLabels')
      for (const pod of podsOf(objects)) {
        need(matches(selector, pod.labels), `${kind} leaves ${pod.owner.metadata.name} out`)
      }
    }
    if (kind === 'HorizontalPodAutoscaler') {
      const target = at(object, 'spec', 'scaleTargetRef', 'name')
      need(target === deployment.metadata.name, `${kind} scales something else`)
      need(at(deployment, 'spec', 'replicas') === undefined, `${kind} and replicas`)
    }
    if (kind === 'ServiceMonitor') {
      const selector = at(object, 'spec', 'selector', 'matchLabels')
      need(
        services.some((service) => matches(selector, service.metadata.labels)),
        `${kind} finds no Service`,
      )
    }
  }
  const scaled = objects.some(({ kind }) => kind === 'HorizontalPodAutoscaler')
  need(scaled || at(deployment, 'spec', 'replicas') !== undefined, 'no number of replicas')
  return problems
}

function portProblems(objects: readonly KubernetesObject[]): string[] {
  const problems: string[] = []
  const need = (isWell: boolean, what: string) => {
    if (!isWell) problems.push(what)
  }
  const gateway = at(deploymentOf(objects), 'spec', 'template', 'spec', 'containers', 0)
  const ports = new Map(
    list(at(gateway, 'ports')).map((port) => [at(port, 'name'), at(port, 'containerPort')]),
  )
  for (const probe of ['startupProbe', 'readinessProbe', 'livenessProbe']) {
    need(ports.has(at(gateway, probe, 'httpGet', 'port')), `${probe} asks no port`)
    const path = probe === 'readinessProbe' ? '/readyz' : '/health'
    need(at(gateway, probe, 'httpGet', 'path') === path, `${probe} asks another path`)
  }
  const service = objects.find(({ kind }) => kind === 'Service')
  const offered = list(at(service, 'spec', 'ports'))
  for (const port of offered) need(ports.has(at(port, 'targetPort')), 'the Service leads nowhere')
  for (const text of configTexts(objects)) {
    const port = at(parse(text), 'server', 'port')
    need([...ports.values()].includes(port), 'weir.yaml has another port')
  }
  const names = new Set(offered.map((port) => at(port, 'name')))
  const numbers = new Set(offered.map((port) => at(port, 'port')))
  for (const object of objects) {
    if (object.kind === 'Ingress') {
      for (const rule of list(at(object, 'spec', 'rules'))) {
        for (const path of list(at(rule, 'http', 'paths'))) {
          const backend = at(path, 'backend', 'service')
          need(at(backend, 'name') === service?.metadata.name, 'Ingress: another Service')
          need(names.has(at(backend, 'port', 'name')), 'Ingress: no such port')
        }
      }
    }
    if (object.kind === 'HTTPRoute') {
      for (const rule of list(at(object, 'spec', 'rules'))) {
        for (const backend of list(at(rule, 'backendRefs'))) {
          need(at(backend, 'name') === service?.metadata.name, 'HTTPRoute: another Service')
          need(numbers.has(at(backend, 'port')), 'HTTPRoute: no such port')
        }
      }
    }
    if (object.kind === 'ServiceMonitor') {
      for (const endpoint of list(at(object, 'spec', 'endpoints'))) {
        need(names.has(at(endpoint, 'port')), 'ServiceMonitor: no such port')
      }
    }
    if (object.kind === 'NetworkPolicy') {
      const allowed = list(at(object, 'spec', 'ingress')).flatMap((rule) => list(at(rule, 'ports')))
      for (const { port } of allowed as { port: unknown }[]) {
        need([...ports.values()].includes(port), 'NetworkPolicy: no such port')
      }
    }
  }
  return problems
}

/** @returns whole seconds of `90s` */
function seconds(text: unknown): number {
  const found = /^(\d+)s$/.exec(String(text))?.[1]
  return found === undefined ? Number.NaN : Number(found)
}

/** The kubelet waits for longer than Weir may need. */
function stopProblems(objects: readonly KubernetesObject[]): string[] {
  const spec = at(deploymentOf(objects), 'spec', 'template', 'spec')
  const grace = Number(at(spec, 'terminationGracePeriodSeconds'))
  const sleep = Number(at(spec, 'containers', 0, 'lifecycle', 'preStop', 'sleep', 'seconds') ?? 0)
  return configTexts(objects).flatMap((text) => {
    const server = at(parse(text), 'server')
    const needed = seconds(at(server, 'stop_delay')) + seconds(at(server, 'drain_timeout')) + sleep
    return grace > needed ? [] : [`${grace} s of grace for a stop of ${needed} s`]
  })
}

/** A file is one process's. */
function engineProblems(objects: readonly KubernetesObject[]): string[] {
  const deployment = deploymentOf(objects)
  const spec = at(deployment, 'spec', 'template', 'spec')
  const data = list(at(spec, 'volumes')).find((volume) => at(volume, 'name') === 'data')
  const isFile = at(data, 'persistentVolumeClaim') !== undefined
  const hasUrl = configTexts(objects).every((text) => at(parse(text), 'storage') !== undefined)
  if (isFile === hasUrl) return ['a volume and a database, or neither']
  if (!isFile) return []
  const isAlone =
    at(deployment, 'spec', 'replicas') === 1 &&
    at(deployment, 'spec', 'strategy', 'type') === 'Recreate'
  return isAlone ? [] : ['several processes on one file']
}

/** Of settings and header fields: what must be a reference. */
export const SECRET_NAME =
  /(?:^|[_-])(?:keys?|secret|token|password|passphrase|credentials?|authorization|webhook)$/i
const PUBLIC_NAME = /(?:^|_)(?:public|access)_key$/i

/** Nothing that is a secret by its name, or holds a password, is more than a reference. */
function secretProblems(objects: readonly KubernetesObject[]): string[] {
  const problems = objects
    .filter(({ kind }) => kind === 'Secret')
    .map(({ metadata }) => `the Secret ${metadata.name} is made here`)
  for (const pod of podsOf(objects)) {
    for (const container of containersOf(pod)) {
      const names = list(at(container, 'env')).map((variable) => at(variable, 'name'))
      const given = new Set(names)
      if (given.size < names.length) problems.push('a variable is there twice')
      const isOpen = list(at(container, 'envFrom')).length > 0
      for (const variable of list(at(container, 'env'))) {
        const name = String(at(variable, 'name'))
        if (/_(?:KEY|SECRET|TOKEN|PASSWORD|URL)$/.test(name) && at(variable, 'value') !== undefined)
          problems.push(`${name} is in clear`)
      }
      if (!list(at(container, 'volumeMounts')).some((mount) => at(mount, 'name') === 'config'))
        continue
      for (const text of configTexts(objects)) {
        for (const [, name] of text.matchAll(/\$\{(\w+)\}/g)) {
          if (!isOpen && !given.has(name)) problems.push(`nothing gives \${${name}}`)
        }
      }
    }
  }
  const look = (value: unknown, name: string) => {
    if (Array.isArray(value)) for (const one of value) look(one, name)
    else if (typeof value === 'object' && value !== null) {
      for (const [key, one] of Object.entries(value)) look(one, key)
    } else if (typeof value === 'string' && !value.includes('${')) {
      const isSecret = SECRET_NAME.test(name) && !PUBLIC_NAME.test(name)
      if (isSecret || /:\/\/[^/@\s:]*:[^/@\s]+@/.test(value)) {
        problems.push(`weir.yaml: ${name} is in clear`)
      }
    }
  }
  for (const text of configTexts(objects)) look(parse(text), '')
  return problems
}

/** What runs before the release is there must not need it. */
function hookProblems(objects: readonly KubernetesObject[], external: External): string[] {
  const isHook = (object: KubernetesObject) =>
    object.metadata.annotations?.['helm.sh/hook']?.startsWith('pre-') === true
  const hooks = objects.filter(isHook)
  return podsOf(hooks).flatMap((pod) => {
    const problems = referenceProblems(pod, hooks, external)
    const weight = (object: KubernetesObject) =>
      Number(object.metadata.annotations?.['helm.sh/hook-weight'] ?? 0)
    const late = hooks.filter(
      (object) => object.kind === 'ConfigMap' && weight(object) >= weight(pod.owner),
    )
    return [...problems, ...late.map(({ metadata }) => `${metadata.name} is made too late`)]
  })
}
