// Real coding agents through the executable to providers of other protocols: each is asked to read a file, the model calls the
// agent's own tool for it, the agent runs it, and the model gets and repeats what stood there. Everything is streamed.

import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { AGENTS, type AgentName, type Agents, installAgents, runAgent } from './harness/agents.ts'
import { MODELS, PROVIDERS, startUpstreams, type Upstreams } from './harness/upstreams.ts'
import { type LogRow, startWeir, type Weir } from './harness/weir.ts'

const AGENT_LIMIT_MS = 450_000
const SETUP_LIMIT_MS = 10 * 60_000

/** Which path each agent talks on; one that talks on another is not the agent this test knows. */
const ENDPOINTS: Readonly<Record<AgentName, string>> = {
  'Claude Code': '/v1/messages',
  Codex: '/v1/responses',
  opencode: '/v1/chat/completions',
  Continue: '/v1/chat/completions',
}

/** What an agent cannot do with a provider, whoever stands between them. */
const NOT_POSSIBLE: Readonly<Record<string, string>> = {
  'Continue on vllm':
    'Continue reads no text from a chunk that tells usage, and this provider tells it in each',
}

const ROWS_LIMIT_MS = 20_000

/** What this agent asked of this provider: rows are written in groups, so at least two are waited for. */
async function rowsSince(
  weir: Weir,
  before: number,
  name: AgentName,
  provider: string,
): Promise<LogRow[]> {
  const limit = performance.now() + ROWS_LIMIT_MS
  for (;;) {
    const rows = weir
      .rows()
      .slice(before)
      .filter((row) => row['endpoint'] === ENDPOINTS[name] && row['provider_id'] === provider)
    if (rows.length >= 2 || performance.now() > limit) return rows
    await Bun.sleep(10)
  }
}

const agents: Agents = await installAgents()
if ('reason' in agents) process.stdout.write(`left out: coding agents: ${agents.reason}\n`)

describe.skipIf('reason' in agents)('coding agents', () => {
  let upstreams: Upstreams
  let weir: Weir

  beforeAll(async () => {
    upstreams = startUpstreams()
    const { providers } = upstreams
    weir = await startWeir({ config: { providers } })
  }, SETUP_LIMIT_MS)

  afterAll(async () => {
    expect(await weir.stop()).toBe(0)
    await upstreams.close()
  })

  for (const name of Object.keys(AGENTS) as AgentName[]) {
    for (const provider of PROVIDERS) {
      const reason = NOT_POSSIBLE[`${name} on ${provider}`]
      if (reason !== undefined) {
        process.stdout.write(`left out: ${name} on ${provider}: ${reason}\n`)
        continue
      }
      test(
        `${name} on ${provider}`,
        async () => {
          if ('reason' in agents) throw new Error(agents.reason)
          const before = weir.rows().length
          const model = `${provider}/${MODELS[provider]}`
          const asked = { url: weir.url, model, prompt: '#read-file secret.txt and tell the word.' }
          const files = { 'secret.txt': 'the word is kingfisher\n' }
          const { code, stdout, stderr } = await runAgent(agents.bin, name, asked, files)
          const rows = await rowsSince(weir, before, name, provider)
          const told = rows.map((row) => `${row['endpoint']} ${row['status']} ${row['error_text']}`)
          expect(`${stdout}\n${stderr}\n${told.join('\n')}`).toContain('the word is kingfisher')
          expect(code).toBe(0)
          expect(rows.length).toBeGreaterThanOrEqual(2)
          for (const row of rows) {
            expect(row).toMatchObject({ status: 200, error_kind: null })
            expect(Number(row['input_tokens'])).toBeGreaterThan(0)
          }
        },
        AGENT_LIMIT_MS,
      )
    }
  }
})
