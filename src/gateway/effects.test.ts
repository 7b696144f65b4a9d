import { describe, expect, test } from 'bun:test'
import type { DialectName } from '../core/ir/request.ts'
import type { JsonObject } from '../core/json.ts'
import { hasEffects } from './effects.ts'

const MCP = { type: 'mcp', server_label: 'a', server_url: 'https://mcp.example.com' }

const CASES: readonly [string, DialectName, JsonObject, boolean][] = [
  ['a plain chat', 'openai-chat', { messages: [] }, false],
  [
    'a function of the client',
    'openai-responses',
    { tools: [{ type: 'function', name: 'mcp', parameters: {} }] },
    false,
  ],
  ['a web search', 'openai-responses', { tools: [{ type: 'web_search' }] }, false],
  ['an MCP server', 'openai-responses', { tools: [{ type: 'web_search' }, MCP] }, true],
  ['a run in the background', 'openai-responses', { background: true }, true],
  ['a foreground run', 'openai-responses', { background: false }, false],
  ['a conversation kept there', 'openai-responses', { conversation: 'conv_1' }, true],
  [
    'code that is run there',
    'anthropic',
    { tools: [{ type: 'code_execution_20250825', name: 'code_execution' }] },
    true,
  ],
  [
    'a tool of the client called bash',
    'anthropic',
    { tools: [{ name: 'bash', input_schema: {} }] },
    false,
  ],
  [
    'a shell of the client',
    'openai-responses',
    { tools: [{ type: 'local_shell' }, { type: 'shell' }] },
    false,
  ],
  [
    'a shell at the provider',
    'openai-responses',
    { tools: [{ type: 'shell', environment: { type: 'container_auto' } }] },
    true,
  ],
  [
    'patches that the client applies',
    'openai-responses',
    { tools: [{ type: 'apply_patch' }] },
    false,
  ],
  [
    'a shell that the client runs',
    'anthropic',
    { tools: [{ type: 'bash_20250124', name: 'bash' }] },
    false,
  ],
  ['MCP servers', 'anthropic', { mcp_servers: [{ url: 'https://mcp.example.com' }] }, true],
  [
    'members that are null',
    'anthropic',
    { mcp_servers: null, container: null, tools: null },
    false,
  ],
]

describe('hasEffects', () => {
  for (const [name, dialect, body, expected] of CASES) {
    test(name, () => expect(hasEffects({ dialect }, body)).toBe(expected))
  }
})
