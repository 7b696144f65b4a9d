// Real coding agents for the end-to-end tests: installed once into the ignored cache folder from a lock file of their own, and
// run each in an empty home, against Weir and nothing else. Where they cannot be had the reason is told, never an exception.

import { createHash } from 'node:crypto'
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'

const repository = join(import.meta.dir, '..', '..')
const listFolder = join(repository, 'tests', 'agents')
const LISTS = ['package.json', 'bun.lock'] as const

/** Installing downloads some 400 MB where nothing is cached. */
const INSTALL_LIMIT_MS = 8 * 60_000

/** The folder with the agents' commands, or why there is none. */
export type Agents = { readonly bin: string } | { readonly reason: string }

/** Installs what `tests/agents` lists, where it is not there yet. */
export async function installAgents(): Promise<Agents> {
  const hash = createHash('sha256').update(`${process.platform} ${process.arch}`)
  for (const list of LISTS) hash.update(readFileSync(join(listFolder, list)))
  const folder = join(repository, '.cache', `agents-${hash.digest('hex').slice(0, 16)}`)
  const bin = join(folder, 'node_modules', '.bin')
  if (existsSync(bin)) return { bin }
  // Made beside its place and moved there whole: a run that is stopped leaves nothing that looks finished.
  const partial = `${folder}.${process.pid}`
  mkdirSync(partial, { recursive: true })
  try {
    for (const list of LISTS) copyFileSync(join(listFolder, list), join(partial, list))
    const { code, stderr } = await run(
      [process.execPath, 'install', '--frozen-lockfile', '--production'],
      { cwd: partial, env: process.env },
      INSTALL_LIMIT_MS,
    )
    if (code !== 0) return { reason: `the agents could not be installed: ${lastLine(stderr)}` }
    if (!existsSync(folder)) renameSync(partial, folder)
    return { bin }
  } finally {
    rmSync(partial, { recursive: true, force: true })
  }
}

export interface AgentRun {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

/** How an agent is told where Weir is: what its page in `docs/` says, as a command line, variables and files in its home. */
export interface AgentSetting {
  readonly command: readonly string[]
  readonly env?: Readonly<Record<string, string>>
  readonly files?: Readonly<Record<string, string>>
}

/** Agents by name; each answers one prompt without asking anybody, in the folder it is started in. */
export const AGENTS = {
  'Claude Code': (url, model, prompt) => ({
    command: ['claude', '-p', prompt, '--model', model, '--dangerously-skip-permissions'],
    env: {
      ANTHROPIC_BASE_URL: url,
      ANTHROPIC_AUTH_TOKEN: 'anonymous',
      CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1',
      // It refuses to skip permissions for root otherwise.
      IS_SANDBOX: '1',
    },
  }),
  Codex: (url, model, prompt) => ({
    command: ['codex', 'exec', '--skip-git-repo-check', '--yolo', '-m', model, prompt],
    files: {
      '.codex/config.toml': [
        'model_provider = "weir"',
        '[model_providers.weir]',
        `name = "Weir"\nbase_url = "${url}/v1"\nwire_api = "responses"`,
      ].join('\n'),
    },
  }),
  opencode: (url, model, prompt) => ({
    command: ['opencode', 'run', '-m', `weir/${model}`, prompt],
    files: {
      '.config/opencode/opencode.json': JSON.stringify({
        provider: {
          weir: {
            npm: '@ai-sdk/openai-compatible',
            options: { baseURL: `${url}/v1`, apiKey: 'anonymous' },
            models: { [model]: { name: model, tool_call: true } },
          },
        },
        permission: 'allow',
        autoupdate: false,
      }),
    },
  }),
  Continue: (url, model, prompt) => ({
    command: ['cn', '-p', prompt, '--auto', '--config', '.continue/weir.yaml'],
    files: {
      '.continue/weir.yaml': [
        'name: weir',
        'version: 1.0.0',
        'schema: v1',
        'models:',
        `  - { name: weir, provider: openai, model: ${model}, apiBase: "${url}/v1", apiKey: anonymous }`,
      ].join('\n'),
    },
  }),
} as const satisfies Readonly<
  Record<string, (url: string, model: string, prompt: string) => AgentSetting>
>

export type AgentName = keyof typeof AGENTS

const RUN_LIMIT_MS = 300_000

/**
 * Runs an agent on one prompt in a new home, which is also its working folder.
 * @param files files of the working folder, by name
 */
export async function runAgent(
  bin: string,
  name: AgentName,
  asked: { readonly url: string; readonly model: string; readonly prompt: string },
  files: Readonly<Record<string, string>>,
): Promise<AgentRun> {
  const home = mkdtempSync(join(tmpdir(), 'weir-agent-'))
  try {
    const setting: AgentSetting = AGENTS[name](asked.url, asked.model, asked.prompt)
    for (const [path, text] of Object.entries({ ...setting.files, ...files })) {
      mkdirSync(dirname(join(home, path)), { recursive: true })
      writeFileSync(join(home, path), text)
    }
    const [command, ...args] = setting.command
    const env = { PATH: process.env['PATH'] ?? '', HOME: home, ...setting.env }
    return await run([join(bin, command!), ...args], { cwd: home, env }, RUN_LIMIT_MS)
  } finally {
    rmSync(home, { recursive: true, force: true })
  }
}

/** Runs a command to its end, or to a limit. */
export async function run(
  command: string[],
  options: { readonly cwd: string; readonly env: Readonly<Record<string, string | undefined>> },
  limitMs: number = RUN_LIMIT_MS,
): Promise<AgentRun> {
  const child = Bun.spawn(command, { ...options, stdio: ['ignore', 'pipe', 'pipe'] })
  const timer = setTimeout(() => child.kill('SIGKILL'), limitMs)
  const [stdout, stderr, code] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ])
  clearTimeout(timer)
  return { code, stdout, stderr }
}

function lastLine(text: string): string {
  return text.trim().split('\n').at(-1) ?? 'no reason given'
}
