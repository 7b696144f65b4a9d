// The official Python clients (openai, anthropic, ollama, langchain-openai) against a provider of each protocol, through the
// executable. Python runs once; each of its scenarios is a test case here. Left out, with the reason, where there is no Python.

import { afterAll, expect, test } from 'bun:test'
import { join } from 'node:path'
import { pythonEnvironment, runPython } from './harness/python.ts'
import { NOW, PERSON, USAGE, vectorOf, WEATHER, WEATHER_TOO } from './harness/script.ts'
import { TOOLS } from './harness/tools.ts'
import { MODELS, PROVIDER_KEYS, PROVIDERS, startUpstreams } from './harness/upstreams.ts'
import { startWeir } from './harness/weir.ts'

const CLIENTS = ['openai', 'anthropic', 'ollama', 'langchain']
const KEY = 'weir-test-key-of-the-python-clients-00001'
const RUN_LIMIT_MS = 120_000
const PNG = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
  'base64',
)
/** 32-bit floats hold these exactly, so that base64 and JSON give the same. */
const TEXTS = ['one', 'zwei 世界']

interface Line {
  readonly name: string
  readonly ok: boolean
  readonly detail?: string
}

interface Run {
  readonly lines: readonly Line[]
  readonly code: number
  readonly error: string
  /** Held streams whose provider was not told that the client left. */
  readonly notCancelled: number
  readonly held: number
  readonly stopCode: number
  readonly failures: readonly unknown[]
}

async function runClients(python: string): Promise<Run> {
  const upstreams = startUpstreams({ retries: { max: 0 } })
  try {
    const spare = CLIENTS.flatMap((client) =>
      PROVIDERS.map((provider, at) => ({
        ...upstreams.providers[at],
        id: `spare-${provider}-${client}`,
        keys: [`${PROVIDER_KEYS[provider]}-${client}`],
      })),
    )
    const weir = await startWeir({
      config: {
        auth: { anonymous: 'never' },
        keys: [{ name: 'python', key: KEY }],
        providers: [...upstreams.providers, ...spare],
        models: PROVIDERS.map((provider) => ({
          id: `alias-${provider}`,
          targets: [{ provider, model: MODELS[provider] }],
        })),
      },
    })
    const settings = {
      url: weir.url,
      key: KEY,
      log: join(weir.dataFolder, 'weir-log.db'),
      models: MODELS,
      usage: USAGE,
      tools: TOOLS,
      person: PERSON,
      calls: { '#tool': [WEATHER], '#tools': [WEATHER, WEATHER_TOO], '#empty': [NOW] },
      png: { base64: PNG.toString('base64'), bytes: PNG.length },
      vectors: Object.fromEntries(TEXTS.map((text) => [text, vectorOf(text)])),
    }
    let stopCode: number | undefined
    try {
      const { code, out, error } = await runPython(python, 'clients.py', {
        args: CLIENTS,
        env: { WEIR_TEST: JSON.stringify(settings) },
        timeoutMs: RUN_LIMIT_MS,
      })
      const lines = out
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => JSON.parse(line) as Line)
      const asked = PROVIDERS.flatMap((provider) => upstreams.servers[provider].requests)
      const held = asked.filter((request) => request.text.includes('#hold'))
      const left = await Promise.all(
        held.map((request) =>
          Promise.race([request.disconnected.then(() => 0), Bun.sleep(2_000).then(() => 1)]),
        ),
      )
      stopCode = await weir.stop()
      return {
        lines,
        code,
        error,
        stopCode,
        held: held.length,
        notCancelled: left.filter((late) => late === 1).length,
        failures: PROVIDERS.flatMap((provider) => upstreams.servers[provider].failures),
      }
    } finally {
      if (stopCode === undefined) await weir.stop('SIGKILL')
    }
  } finally {
    await upstreams.close()
  }
}

const environment = await pythonEnvironment('clients')
if ('reason' in environment) {
  process.stdout.write(`left out: the official Python clients: ${environment.reason}\n`)
  test.skip('official Python clients', () => undefined)
} else {
  const started = performance.now()
  const run = await runClients(environment.python)
  for (const { name, ok, detail } of run.lines) {
    test(`python ${name}`, () => {
      if (!ok) throw new Error(detail)
    })
  }
  test('python: every client was run to its end', () => {
    expect(run.error).toBe('')
    expect(run.code).toBe(0)
    for (const client of CLIENTS) {
      for (const provider of PROVIDERS) {
        const cell = run.lines.filter(({ name }) => name.startsWith(`${client} × ${provider}:`))
        expect(cell.length).toBeGreaterThan(18)
      }
    }
  })
  test('python: a client that leaves ends the work of its provider', () => {
    expect(run.held).toBe(CLIENTS.length * PROVIDERS.length)
    expect(run.notCancelled).toBe(0)
    expect(run.failures).toEqual([])
    expect(run.stopCode).toBe(0)
  })
  afterAll(() => {
    for (const client of CLIENTS) {
      for (const provider of PROVIDERS) {
        const cell = run.lines.filter(({ name }) => name.startsWith(`${client} × ${provider}:`))
        const passed = cell.filter(({ ok }) => ok).length
        process.stdout.write(
          `matrix: ${client} (Python) × ${provider}: ${passed} of ${cell.length} passed\n`,
        )
      }
    }
    const seconds = ((performance.now() - started) / 1_000).toFixed(1)
    process.stdout.write(`python clients: ${seconds} s\n`)
  })
}
