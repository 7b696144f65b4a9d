// The lines that the UI tells people to paste, run as they are: each library's whole program in its own language, curl in a shell, against the
// executable. What could not be had here is left out, with the reason.

import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pythonEnvironment } from './harness/python.ts'
import { startWeir, type Weir } from './harness/weir.ts'

const KEY = 'weir-test-key-of-the-snippets-00000000001'
const repository = join(import.meta.dir, '..')

interface Snippet {
  readonly tool: string
  readonly parts: readonly {
    readonly where: string
    readonly language: string
    readonly text: string
  }[]
}

let weir: Weir
let folder: string
let snippets: readonly Snippet[]

beforeAll(async () => {
  weir = await startWeir({
    config: {
      auth: { anonymous: 'never' },
      keys: [{ name: 'snippets', key: KEY }],
      models: [{ id: 'team/hello', targets: [{ provider: 'mock', model: 'echo' }] }],
    },
  })
  folder = mkdtempSync(join(tmpdir(), 'weir-snippets-'))
  symlinkSync(join(repository, 'node_modules'), join(folder, 'node_modules'))
  const answer = await fetch(`${weir.url}/admin/snippets?model=team/hello`, {
    headers: { authorization: `Bearer ${KEY}` },
  })
  expect(answer.status).toBe(200)
  const told = (await answer.json()) as { data: Snippet[]; key_placeholder: string }
  // What the page does with the key.
  snippets = told.data.map(({ parts, tool }) => ({
    tool,
    parts: parts.map((part) => ({
      ...part,
      text: part.text.replaceAll(told.key_placeholder, KEY),
    })),
  }))
})

afterAll(async () => {
  rmSync(folder, { recursive: true, force: true })
  expect(await weir.stop()).toBe(0)
})

function linesOf(tool: string, language: string): string {
  const part = snippets
    .find((snippet) => snippet.tool === tool)
    ?.parts.find((each) => each.language === language && !/^(?:pip|npm) install/.test(each.text))
  if (part === undefined) throw new Error(`There are no lines of ${language} for ${tool}.`)
  return part.text
}

async function output(command: string[]): Promise<string> {
  const child = Bun.spawn(command, {
    cwd: folder,
    env: { PATH: process.env['PATH'] ?? '', HOME: folder, NO_COLOR: '1' },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const [out, error] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
  ])
  expect([await child.exited, error.trim()]).toEqual([0, expect.any(String)])
  return out
}

/** Far above what a program takes to load its libraries on a busy machine. */
const RUN_LIMIT_MS = 180_000

/** What the mock's echo says to the question in all of them. */
const SAID = /Say hello\./

test('curl, as it is pasted into a shell', async () => {
  const out = await output(['sh', '-c', linesOf('curl', 'sh')])
  const { choices } = JSON.parse(out) as { choices: { message: { content: string } }[] }
  expect(choices[0]?.message.content).toMatch(SAID)
})

describe('JavaScript', () => {
  test.each(['openai-js', 'anthropic-js', 'langchain-js', 'ollama-js', 'gemini-js', 'cohere-js'])(
    '%s',
    async (tool) => {
      const file = join(folder, `${tool}.mjs`)
      writeFileSync(file, linesOf(tool, 'javascript'))
      expect(await output([process.execPath, 'run', file])).toMatch(SAID)
    },
    RUN_LIMIT_MS,
  )
})

const environment = await pythonEnvironment('clients')
if ('reason' in environment) {
  process.stdout.write(`left out: Python snippets: ${environment.reason}\n`)
}

describe.skipIf('reason' in environment)('Python', () => {
  test.each([
    'openai-python',
    'anthropic-python',
    'langchain-python',
    'ollama-python',
    'gemini-python',
    'cohere-python',
  ])(
    '%s',
    async (tool) => {
      if ('reason' in environment) return
      const file = join(folder, `${tool}.py`)
      writeFileSync(file, linesOf(tool, 'python'))
      expect(await output([environment.python, file])).toMatch(SAID)
    },
    RUN_LIMIT_MS,
  )
})

test('the address for programs that want an Ollama carries the key', async () => {
  const address = linesOf('ollama', 'text')
  expect((await fetch(`${address}/api/version`)).status).toBe(200)
  const { models } = (await (await fetch(`${address}/api/tags`)).json()) as {
    models: { model: string }[]
  }
  expect(models.map(({ model }) => model)).toContain('team/hello')
  const editor = JSON.parse(linesOf('vscode', 'json')) as Record<string, string>
  expect(editor['github.copilot.chat.byok.ollamaEndpoint']).toBe(address)
})

test('the files of coding tools are what the tools read', () => {
  const codex = Bun.TOML.parse(linesOf('codex', 'toml'))
  expect(codex).toMatchObject({
    model: 'team/hello',
    model_provider: 'weir',
    model_providers: {
      weir: { base_url: `${weir.url}/v1`, wire_api: 'responses', env_key: 'WEIR_KEY' },
    },
  })
  const config = Bun.YAML.parse(linesOf('continue', 'yaml')) as { models: object[] }
  expect(config.models[0]).toEqual({
    name: 'Weir',
    provider: 'openai',
    model: 'team/hello',
    apiBase: `${weir.url}/v1`,
    apiKey: KEY,
  })
  const shell = linesOf('claude-code', 'sh')
  expect(shell).toContain(`export ANTHROPIC_BASE_URL=${weir.url}\n`)
  expect(shell).toContain('claude --model team/hello')
  expect(linesOf('aider', 'sh')).toContain('aider --model openai/team/hello')
})
