// A real Prometheus for tests, and its tool: it reads what Weir tells, checks rules and queries, and is asked over its own API. Which queries
// are put to it is the tests' business.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePorts, serverFolder, startBackground } from './background.ts'

/** It listens before it answers. */
const READY_LIMIT_MS = 20_000

/** What is missing of it, in words; undefined where all is there. */
export function prometheusMissing(): string | undefined {
  const missing = ['prometheus', 'promtool'].filter((name) => Bun.which(name) === null)
  return missing.length === 0 ? undefined : `${missing.join(' and ')} not installed`
}

export interface PromtoolResult {
  readonly code: number
  readonly output: string
}

/** Runs promtool. @param files written into a folder of its own first, which is its working folder */
export async function promtool(
  args: readonly string[],
  { files = {}, input = '' }: { files?: Readonly<Record<string, string>>; input?: string } = {},
): Promise<PromtoolResult> {
  const folder = mkdtempSync(join(tmpdir(), 'weir-promtool-'))
  try {
    for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text)
    const child = Bun.spawn(['promtool', ...args], {
      cwd: folder,
      stdio: [Buffer.from(input), 'pipe', 'pipe'],
    })
    const [stdout, stderr, code] = await Promise.all([
      new Response(child.stdout).text(),
      new Response(child.stderr).text(),
      child.exited,
    ])
    return { code, output: stdout + stderr }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

export interface Sample {
  readonly metric: Readonly<Record<string, string>>
  /** Time in seconds and the number as text. */
  readonly value: readonly [number, string]
}

export interface Target {
  readonly health: 'up' | 'down' | 'unknown'
  readonly lastError: string
}

export interface Prometheus {
  /** An instant query. @throws with what it said where it refuses it */
  query(expression: string): Promise<readonly Sample[]>
  targets(): Promise<readonly Target[]>
  /** Names of the rules that it has loaded. */
  rules(): Promise<readonly string[]>
  stop(): Promise<void>
}

/**
 * Starts one with this configuration, which it reads from `prometheus.yml`.
 * @param files the others that it names
 */
export async function startPrometheus(
  config: string,
  files: Readonly<Record<string, string>> = {},
): Promise<Prometheus> {
  const folder = serverFolder('prometheus')
  for (const [name, text] of Object.entries({ ...files, 'prometheus.yml': config })) {
    writeFileSync(join(folder, name), text)
  }
  const [port = 0] = freePorts(1)
  const background = await startBackground(
    [
      'prometheus',
      `--config.file=${join(folder, 'prometheus.yml')}`,
      `--storage.tsdb.path=${join(folder, 'data')}`,
      `--web.listen-address=127.0.0.1:${port}`,
    ],
    [port],
    folder,
  )
  const limitMs = performance.now() + READY_LIMIT_MS
  while (!(await fetch(`http://127.0.0.1:${port}/-/ready`)).ok) {
    if (performance.now() > limitMs) throw new Error(`not ready:\n${background.output()}`)
    await Bun.sleep(20)
  }
  const ask = async (path: string): Promise<unknown> => {
    const response = await fetch(`http://127.0.0.1:${port}/api/v1/${path}`)
    const answer = (await response.json()) as { status: string; data: unknown; error?: string }
    if (answer.status !== 'success') throw new Error(`${path}: ${answer.error ?? ''}`)
    return answer.data
  }
  return {
    async query(expression) {
      const data = await ask(`query?query=${encodeURIComponent(expression)}`)
      return (data as { result: readonly Sample[] }).result
    },
    async targets() {
      return ((await ask('targets')) as { activeTargets: readonly Target[] }).activeTargets
    },
    async rules() {
      const data = (await ask('rules')) as { groups: { rules: { name: string }[] }[] }
      return data.groups.flatMap(({ rules }) => rules.map(({ name }) => name))
    },
    stop: () => background.stop(),
  }
}

/** The names of metrics in an expression: what stands neither in quotes, nor among labels, nor before a bracket. */
export function metricsIn(expression: string): string[] {
  const bare = expression
    .replace(/"[^"]*"/g, '""')
    .replace(/\{[^}]*\}/g, ' ')
    .replace(/\[[^\]]*\]/g, ' ')
    .replace(/\b(?:by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)/g, ' ')
  const words = bare.match(/[a-zA-Z_:][\w:]*(?!\s*\(|[\w:])/g) ?? []
  const own = new Set(['and', 'or', 'unless', 'bool', 'offset'])
  return [...new Set(words.filter((word) => !own.has(word)))]
}

/** The labels that an expression speaks of: those it selects by and those it sums by. */
export function labelsIn(expression: string): string[] {
  const selected = [...expression.matchAll(/\{([^}]*)\}/g)].flatMap(([, inner = '']) =>
    [...inner.matchAll(/(\w+)\s*(?:=~|!~|!=|=)\s*"/g)].map(([, name = '']) => name),
  )
  const grouped = [...expression.matchAll(/\b(?:by|on)\s*\(([^)]*)\)/g)].flatMap(([, inner = '']) =>
    inner.split(',').map((name) => name.trim()),
  )
  return [...new Set([...selected, ...grouped])]
}
