// The page about operations beyond chat, held against the program: its table and its numbers are what the code says.

import { expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { ProviderType } from '../core/catalog.ts'
import { LIMITS } from '../core/limits.ts'
import type { RelayedOperation } from '../providers/provider.ts'
import { providerKind } from '../providers/registry.ts'
import { testProvider } from '../testing/gateway.ts'

const page = readFileSync(join(import.meta.dir, '../../docs/operations.md'), 'utf8')
const TYPES: readonly ProviderType[] = [
  'openai',
  'azure',
  'mistral',
  'cohere',
  'openrouter',
  'custom',
]
const OTHERS: readonly ProviderType[] = [
  'anthropic',
  'ollama',
  'gemini',
  'lmstudio',
  'nemo',
  'bedrock',
  'mock',
]

function has(type: ProviderType, operation: RelayedOperation): boolean {
  const provider = testProvider({ id: 'p', type, baseUrl: 'https://x.test/v1' })
  return providerKind(type)!.relayed?.({ provider, operation, model: 'm' }) !== undefined
}

function cells(line: string): string[] {
  return line
    .split('|')
    .slice(1, -1)
    .map((cell) => cell.trim())
}

const lines = page.split('\n')
const at = lines.findIndex((line) => line.startsWith('| operation'))
const rows = lines.slice(at + 2, lines.indexOf('', at)).map(cells)

test('the table has every operation, and says who has it', () => {
  expect(cells(lines[at]!).slice(2)).toEqual(TYPES.map((type) => `\`${type}\``))
  expect(rows).toHaveLength(11)
  for (const [operation, , ...told] of rows) {
    const real = TYPES.map((type) => (has(type, operation as RelayedOperation) ? 'yes' : ''))
    expect({ operation, told }).toEqual({ operation: operation!, told: real })
    for (const type of OTHERS) expect(has(type, operation as RelayedOperation)).toBe(false)
  }
})

test('the numbers are the limits', () => {
  const gib = LIMITS.uploadDiskBytesMax / 1024 ** 3
  expect(page).toContain(`${gib} GiB, then 503`)
  expect(page).toContain(
    `${LIMITS.uploadBytesMax / 1024 ** 2} MiB; beyond ${LIMITS.uploadMemoryBytesMax / 1024 ** 2} MiB`,
  )
  const idle = LIMITS.uploadIdleTimeoutMs / 1_000
  expect(page).toContain(`${idle} s, ${LIMITS.uploadTotalTimeoutMs / 60_000} min, then 408`)
  expect(page).toContain(`${LIMITS.proxyTargetCharsMax / 1024} KiB`)
  expect(page).toContain(`at most ${LIMITS.ownedListPagesMax} pages`)
  expect(page).toContain(`newest ${LIMITS.keptRowsMax.toLocaleString('en')} files`)
})
