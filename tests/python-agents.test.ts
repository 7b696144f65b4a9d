// The Python tools that people keep beside their editor, aider and llm, through the executable to providers of other
// protocols: as their pages in the documentation say, each in a home of its own. Left out, with the reason, where they
// cannot be installed.

import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pythonEnvironment, type PythonForks, startForks } from './harness/python.ts'
import { PERSON, WEATHER } from './harness/script.ts'
import {
  MODELS,
  PROVIDERS,
  type ProviderName,
  startUpstreams,
  type Upstreams,
} from './harness/upstreams.ts'
import { type LogRow, startWeir, type Weir } from './harness/weir.ts'

const RUN_LIMIT_MS = 90_000

/** It asks nobody, looks for nothing on the network and edits nothing. */
const AIDER = [
  '--yes-always',
  '--no-git',
  '--no-check-update',
  '--no-analytics',
  '--no-show-model-warnings',
  '--no-show-release-notes',
  '--no-pretty',
  '--no-detect-urls',
  '--edit-format',
  'ask',
]

const environments = {
  aider: await pythonEnvironment('aider'),
  llm: await pythonEnvironment('llm'),
}
type ToolName = keyof typeof environments
const TOOLS: readonly ToolName[] = ['aider', 'llm']
for (const [name, environment] of Object.entries(environments)) {
  if ('reason' in environment) process.stdout.write(`left out: ${name}: ${environment.reason}\n`)
}

let upstreams: Upstreams
let weir: Weir
let home: string
const tools = new Map<ToolName, PythonForks>()

/** Each in a process of its own for each run, but for what they import, which takes them longer than the rest. */
const MODULES = {
  aider: ['aider', 'aider.main', 'litellm', 'networkx', 'numpy', 'openai.resources', 'tiktoken'],
  llm: ['llm', 'llm.cli', 'openai.resources'],
} as const satisfies Record<ToolName, readonly [string, ...string[]]>

beforeAll(async () => {
  home = mkdtempSync(join(tmpdir(), 'weir-tools-'))
  upstreams = startUpstreams()
  weir = await startWeir({ config: { providers: upstreams.providers } })
  const env = {
    PATH: process.env['PATH'] ?? '',
    HOME: home,
    OPENAI_API_BASE: `${weir.url}/v1`,
    OPENAI_API_KEY: 'anonymous',
  }
  for (const name of TOOLS) {
    const environment = environments[name]
    if ('reason' in environment) continue
    tools.set(name, startForks(environment.python, MODULES[name], { cwd: home, env }))
  }
})

afterAll(async () => {
  for (const tool of tools.values()) await tool[Symbol.asyncDispose]()
  expect(await weir.stop()).toBe(0)
  await upstreams.close()
  rmSync(home, { recursive: true, force: true })
})

const ROWS_LIMIT_MS = 30_000

/** Rows are written in groups, a moment after the answer: so many are waited for. */
async function rowsSince(before: number, due: number): Promise<LogRow[]> {
  const limit = performance.now() + ROWS_LIMIT_MS
  for (;;) {
    const rows = weir.rows().slice(before)
    if (rows.length >= due || performance.now() > limit) return rows
    await Bun.sleep(10)
  }
}

/** Runs a tool and expects every request it made to have been answered by that provider. */
async function runTool(name: ToolName, provider: ProviderName, args: string[]): Promise<string> {
  const tool = tools.get(name)
  if (tool === undefined) throw new Error(`${name} is not there`)
  const asked = () =>
    upstreams.servers[provider].requests.filter(({ method }) => method === 'POST').length
  const before = { asked: asked(), rows: weir.rows().length }
  const { code, out, error } = await tool.run(args)
  if (code !== 0) throw new Error(`${name} ended with ${code}:\n${out}\n${error}`)
  const due = asked() - before.asked
  expect(due).toBeGreaterThanOrEqual(1)
  const rows = await rowsSince(before.rows, due)
  expect(rows.length).toBe(due)
  for (const row of rows) {
    expect(row).toMatchObject({
      endpoint: '/v1/chat/completions',
      status: 200,
      provider_id: provider,
    })
    expect(Number(row['input_tokens'])).toBeGreaterThan(0)
  }
  return out
}

describe.skipIf('reason' in environments.aider)('aider', () => {
  for (const provider of PROVIDERS) {
    test(
      `on ${provider}: its system message behind the last question is taken`,
      async () => {
        const model = `openai/${provider}/${MODELS[provider]}`
        const out = await runTool('aider', provider, [
          '--model',
          model,
          ...AIDER,
          '--message',
          'Say kingfisher.',
        ])
        expect(out).toContain('kingfisher')
      },
      RUN_LIMIT_MS,
    )
  }
})

describe.skipIf('reason' in environments.llm)('llm', () => {
  function configure(provider: ProviderName): void {
    const folder = join(home, '.config', 'io.datasette.llm')
    mkdirSync(folder, { recursive: true })
    writeFileSync(join(folder, 'keys.json'), JSON.stringify({ weir: 'anonymous' }))
    const lines = [
      '- model_id: weir',
      `model_name: ${provider}/${MODELS[provider]}`,
      `api_base: ${weir.url}/v1`,
      'api_key_name: weir',
      'supports_tools: true',
      'supports_schema: true',
    ]
    writeFileSync(join(folder, 'extra-openai-models.yaml'), lines.join('\n  '))
  }

  for (const provider of PROVIDERS) {
    test(
      `on ${provider}: text, a schema and a tool`,
      async () => {
        configure(provider)
        expect(await runTool('llm', provider, ['-m', 'weir', 'Say kingfisher.'])).toContain(
          'kingfisher',
        )
        const schema = ['-m', 'weir', '--schema', 'name, age int', '#json']
        expect(JSON.parse(await runTool('llm', provider, schema))).toEqual(PERSON)
        const code =
          'def get_weather(city: str) -> str:\n    "weather"\n    return "rain in " + city'
        const told = await runTool('llm', provider, ['-m', 'weir', '--functions', code, '#tool'])
        expect(told).toContain(`rain in ${String(WEATHER.input['city'])}`)
      },
      RUN_LIMIT_MS,
    )
  }
})
