// Helm for tests: what it makes of the chart. It talks to no cluster.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseAllDocuments } from 'yaml'

/** The chart. */
export const CHART = join(import.meta.dir, '..', '..', 'deploy', 'helm', 'weir')
/** What is rendered for, where a test says nothing else. */
const KUBERNETES = '1.32.0'

export interface Ran {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

async function run(
  command: readonly string[],
  { env, timeoutMs }: { env: Record<string, string | undefined>; timeoutMs: number },
): Promise<Ran> {
  const child = Bun.spawn([...command], {
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: timeoutMs,
    killSignal: 'SIGKILL',
  })
  const [stdout, stderr, code] = await Promise.all([
    child.stdout.text(),
    child.stderr.text(),
    child.exited,
  ])
  return { code, stdout, stderr }
}

/** One object as it would be sent to a cluster. */
export interface KubernetesObject {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: {
    readonly name: string
    readonly namespace?: string
    readonly labels?: Readonly<Record<string, string>>
    readonly annotations?: Readonly<Record<string, string>>
  }
  readonly [member: string]: unknown
}

export interface RenderOptions {
  /** Values beside those of the chart, the later ones above the earlier. */
  readonly values?: readonly object[]
  readonly valueFiles?: readonly string[]
  readonly release?: string
  readonly namespace?: string
  readonly kubernetes?: string
  readonly args?: readonly string[]
}

/** Runs helm with nothing of this machine's settings. */
export async function runHelm(helm: string, ...args: readonly string[]): Promise<Ran> {
  const home = mkdtempSync(join(tmpdir(), 'weir-helm-home-'))
  try {
    const env = { PATH: process.env['PATH'] ?? '', HOME: home }
    const { code, stderr, stdout } = await run([helm, ...args], { env, timeoutMs: 60_000 })
    // It tells of the links to alerts and dashboards each time.
    const said = stderr.split('\n').filter((line) => !line.includes('found symbolic link in path'))
    return { code, stdout, stderr: said.join('\n') }
  } finally {
    rmSync(home, { recursive: true, force: true })
  }
}

/** `helm template` of the chart, or its `lint`. */
export async function withChart(
  helm: string,
  command: 'template' | 'lint',
  options: RenderOptions = {},
): Promise<Ran> {
  const folder = mkdtempSync(join(tmpdir(), 'weir-values-'))
  try {
    const files = (options.values ?? []).map((values, at) => {
      const path = join(folder, `${at}.json`)
      writeFileSync(path, JSON.stringify(values))
      return path
    })
    const named = command === 'template' ? [options.release ?? 'weir', CHART] : ['--strict', CHART]
    return await runHelm(
      helm,
      command,
      ...named,
      '--namespace',
      options.namespace ?? 'llm',
      '--kube-version',
      options.kubernetes ?? KUBERNETES,
      ...[...(options.valueFiles ?? []), ...files].flatMap((path) => ['--values', path]),
      ...(options.args ?? []),
    )
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** What the chart gives. @throws with helm's words when it gives nothing */
export async function render(helm: string, options: RenderOptions = {}): Promise<string> {
  const { code, stderr, stdout } = await withChart(helm, 'template', options)
  if (code !== 0) throw new Error(stderr)
  return stdout
}

/** The objects of a rendering. @throws for YAML that is broken, or says a key twice */
export function objectsIn(text: string): KubernetesObject[] {
  return parseAllDocuments(text).flatMap((document) => {
    if (document.errors.length > 0) throw new Error(String(document.errors[0]))
    const value: unknown = document.toJS()
    return value === null ? [] : [value as KubernetesObject]
  })
}
