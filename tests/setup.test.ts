// `weir setup` on a person's machine: real tools with files of settings that people have, configured by the executable and by nothing else,
// get an answer through it with a key of their own; and --undo brings every byte back. Left out, with the reason, where a tool cannot be had.

import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { installAgents, run } from './harness/agents.ts'
import { pythonEnvironment } from './harness/python.ts'
import { MODELS, startUpstreams, type Upstreams } from './harness/upstreams.ts'
import { type LogRow, startWeir, type Weir } from './harness/weir.ts'

const RUN_LIMIT_MS = 180_000
const ROWS_LIMIT_MS = 20_000
const SETUP_LIMIT_MS = 10 * 60_000

/** Of another protocol than any of the tools speaks. */
const PROVIDER = 'ollama'
const MODEL = `${PROVIDER}/${MODELS[PROVIDER]}`
const PROMPT = 'Say kingfisher.'

interface ToolTest {
  /** Its files as a person has them, by their place in the home folder. */
  readonly files: Readonly<Record<string, string>>
  readonly command: readonly string[]
  readonly env?: Readonly<Record<string, string>>
}

/** As in the tools' own documentation: comments, other providers and servers, settings this program has never heard of. */
const AGENTS: Readonly<Record<string, ToolTest>> = {
  'claude-code': {
    files: {
      '.claude/settings.json': `{
  "$schema": "https://json.schemastore.org/claude-code-settings.json",
  "model": "opus",
  "permissions": {
    "allow": ["Bash(npm run lint)", "Bash(npm run test *)"],
    "deny": ["WebFetch", "Read(./.env)", "Read(./secrets/**)"]
  },
  "env": {
    "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1"
  },
  "cleanupPeriodDays": 20
}
`,
    },
    command: ['claude', '-p', PROMPT],
  },
  codex: {
    files: {
      '.codex/config.toml': `# Codex
model = "gpt-5.2-codex" # the best there is
approval_policy = "on-request"
sandbox_mode = "workspace-write"

# Tools that run beside it
[mcp_servers.docs]
command = "true"
args = ["--port", "4000"]
enabled = false

[model_providers.azure]
name = "Azure"
base_url = "https://example.openai.azure.com/openai"
env_key = "AZURE_OPENAI_API_KEY"
wire_api = "responses"

[tui]
notifications = false`,
    },
    command: ['codex', 'exec', '--skip-git-repo-check', PROMPT],
  },
  opencode: {
    files: {
      '.config/opencode/opencode.jsonc': `{
  "$schema": "https://opencode.ai/config.json",
  // Theme configuration
  "theme": "opencode",
  "autoupdate": false, // by hand
  "permission": "allow",
  /* others */
  "provider": {
    "local": {
      "npm": "@ai-sdk/openai-compatible",
      "options": { "baseURL": "http://127.0.0.1:1/v1", },
      "models": { "tiny": {} },
    },
  },
}
`,
    },
    command: ['opencode', 'run', PROMPT],
  },
  continue: {
    files: {
      '.continue/config.yaml': `name: My Config
version: 0.0.1
schema: v1

# Models, the first is the default
models:
  # A local one
  - name: Local
    provider: ollama
    model: qwen2.5-coder:1.5b # small
    roles:
      - autocomplete
rules:
  - Always answer in "English"
`,
    },
    command: ['cn', '-p', PROMPT, '--auto'],
  },
}

const PYTHON_TOOLS: Readonly<Record<'aider' | 'llm', ToolTest>> = {
  aider: {
    files: {
      '.aider.conf.yml': `##########################################################
# Sample .aider.conf.yml
# Place in your home dir, or at the root of your git repo.
##########################################################

# Options:

## show this help message and exit
#help: xxx

#############
# Main model:

## Specify the model to use for the main chat
model: gpt-4o # was sonnet

check-update: false
analytics: false
git: false
show-model-warnings: false
show-release-notes: false
pretty: false
yes-always: true
detect-urls: false
edit-format: ask
alias:
  - "fast:gpt-4o-mini"
`,
    },
    command: ['aider', '--message', PROMPT],
  },
  llm: {
    files: {
      '.config/io.datasette.llm/keys.json':
        '{"// Note": "This file stores secret API credentials. Do not share!", "other": "sk-not-ours"}\n',
      '.config/io.datasette.llm/extra-openai-models.yaml': `# Models of mine
- model_id: orca  # local
  model_name: orca-mini
  api_base: "http://localhost:8080"
`,
    },
    command: ['llm', '-m', 'weir', PROMPT],
  },
}

const agents = await installAgents()
if ('reason' in agents) process.stdout.write(`left out: weir setup for agents: ${agents.reason}\n`)
const environments = {
  aider: await pythonEnvironment('aider'),
  llm: await pythonEnvironment('llm'),
}
for (const [name, environment] of Object.entries(environments)) {
  if ('reason' in environment) {
    process.stdout.write(`left out: weir setup ${name}: ${environment.reason}\n`)
  }
}

let upstreams: Upstreams
let weir: Weir
let home: string

beforeAll(async () => {
  home = mkdtempSync(join(tmpdir(), 'weir-setup-'))
  upstreams = startUpstreams()
  weir = await startWeir({ config: configuration(false), env: { HOME: home } })
}, SETUP_LIMIT_MS)

afterAll(async () => {
  expect(await weir.stop()).toBe(0)
  await upstreams.close()
  rmSync(home, { recursive: true, force: true })
})

/** Whether local callers need a key changes while the server runs. */
function configuration(isOpen: boolean): object {
  return {
    auth: { anonymous: isOpen ? 'loopback' : 'never' },
    providers: upstreams.providers,
    discovery: { environment: false, local: false },
  }
}

async function until(check: () => Promise<boolean>): Promise<void> {
  const limit = performance.now() + ROWS_LIMIT_MS * 2
  while (!(await check())) {
    if (performance.now() > limit) throw new Error('the configuration was not taken over')
    await Bun.sleep(10)
  }
}

function put(files: Readonly<Record<string, string>>): void {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(home, path)), { recursive: true })
    writeFileSync(join(home, path), text, { mode: 0o644 })
  }
}

function setup(...args: string[]) {
  return weir.runCli('setup', ...args)
}

/** Rows are written in groups: one is waited for. */
async function rowsSince(before: number): Promise<LogRow[]> {
  const limit = performance.now() + ROWS_LIMIT_MS
  for (;;) {
    const rows = weir.rows().slice(before)
    if (rows.length > 0 || performance.now() > limit) return rows
    await Bun.sleep(10)
  }
}

/** Set up with a new key or without one, asked, and set back. */
async function proveTool(
  name: string,
  tool: ToolTest,
  command: readonly string[],
  isOpen = false,
): Promise<void> {
  put(tool.files)
  weir.configure(configuration(isOpen))
  await until(async () => (await fetch(`${weir.url}/v1/models`)).status === (isOpen ? 200 : 401))
  const key = isOpen ? [] : ['--new-key']
  const made = await setup(name, '--url', weir.url, '--model', MODEL, '--yes', ...key)
  const words = isOpen ? expect.any(String) : expect.stringContaining(`Key '${name}' made`)
  expect([made.code, made.stderr]).toEqual([0, words])
  expect(made.stdout).toContain('Weir answers there with these settings.')
  expect(made.stdout).not.toMatch(/weir_[0-9A-Za-z]{20}/)
  const again = await setup(name, '--url', weir.url, '--model', MODEL, '--from-env', 'NO_SUCH')
  expect(again.code).toBe(2)
  const before = weir.rows().length
  const work = mkdtempSync(join(home, 'work-'))
  const env = { PATH: process.env['PATH'] ?? '', HOME: home, IS_SANDBOX: '1', ...tool.env }
  const { code, stderr, stdout } = await run([...command], { cwd: work, env })
  const rows = await rowsSince(before)
  const told = rows.map((row) => `${row['endpoint']} ${row['status']} ${row['error_text']}`)
  expect(`${stdout}\n${stderr}\n${told.join('\n')}`).toContain('kingfisher')
  expect([code, stderr]).toEqual([0, expect.any(String)])
  expect(rows.length).toBeGreaterThanOrEqual(1)
  for (const row of rows) expect(row).toMatchObject({ status: 200, provider_id: PROVIDER })

  // What the tool itself has written into its files since is not ours to take away.
  const undone = await setup(name, '--undo', '--yes')
  expect([undone.code, undone.stderr]).toEqual([0, expect.any(String)])
  expect((await setup(name, '--undo', '--yes')).stdout).toContain('There is nothing to take back')
  for (const [path, text] of Object.entries(tool.files)) {
    const now = readFileSync(join(home, path), 'utf8')
    if (!undone.stderr.includes('was edited since')) expect(now).toBe(text)
    expect(now).not.toContain(weir.url)
    expect(now).not.toContain('weir')
  }
  const left = readdirSync(join(weir.dataFolder, 'setup'))
  expect(left.filter((file) => file.startsWith(name))).toEqual([])
}

describe.skipIf('reason' in agents)('agents', () => {
  test.each(Object.entries(AGENTS))(
    '%s',
    async (name, tool) => {
      if ('reason' in agents) return
      const [command = '', ...args] = tool.command
      await proveTool(name, tool, [join(agents.bin, command), ...args])
    },
    RUN_LIMIT_MS,
  )

  test.each(['claude-code', 'codex'])(
    '%s where no key is needed',
    async (name) => {
      if ('reason' in agents) return
      const tool = AGENTS[name]!
      const [command = '', ...args] = tool.command
      await proveTool(name, tool, [join(agents.bin, command), ...args], true)
    },
    RUN_LIMIT_MS,
  )
})

for (const name of ['aider', 'llm'] as const) {
  const environment = environments[name]
  test.skipIf('reason' in environment)(
    name,
    async () => {
      if ('reason' in environment) return
      const tool = PYTHON_TOOLS[name]
      const [, ...args] = tool.command
      await proveTool(name, tool, [environment.python, '-m', name, ...args])
    },
    RUN_LIMIT_MS,
  )
}
