// The page about providers, held against the code: every type has its section, each smallest configuration is one, the variables are those
// that are read, and the table is what `bun run docs` writes.

import { describe, expect, test } from 'bun:test'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { findInEnvironment, LOCAL_SERVERS } from '../config/environment.ts'
import { loadConfig } from '../config/load.ts'
import { parseScript } from '../providers/mock-script.ts'
import { plainMarkdown } from './part.ts'
import { PAGE_TYPES, withProvidersTable } from './providers-table.ts'

const page = readFileSync(join(import.meta.dir, '../../docs/providers.md'), 'utf8')
const VARIABLE = /`([A-Z][A-Z0-9_]{4,})`/g

/** The text of one type's section. */
function section(type: string): string {
  const [, text = ''] = page.split(`\n### ${type}\n`)
  return text.split(/\n##+ /)[0] ?? ''
}

/** What the variables of a section are set to, so that each is of its form. */
function sample(name: string): string {
  if (/ENDPOINT|BASE_URL|_URL/.test(name)) return 'https://example.test'
  if (name === 'OLLAMA_HOST') return '127.0.0.1:11434'
  return name === 'AWS_REGION' ? 'eu-central-1' : 'sample-0123456789'
}

function found(variables: readonly string[]): string[] {
  const environment = Object.fromEntries(variables.map((name) => [name, sample(name)]))
  const surroundings = {
    platform: 'linux',
    environment,
    home: '/nowhere',
    workingFolder: '/nowhere',
  } as const
  return findInEnvironment(surroundings, new Set()).providers.map(({ type }) => type)
}

describe('docs/providers.md', () => {
  test('its table is what `bun run docs` writes', () => {
    expect(plainMarkdown(page)).toBe(plainMarkdown(withProvidersTable(page)))
  })

  test.each([...PAGE_TYPES])('%s: its smallest configuration is one', (type) => {
    const [, block = ''] = /```yaml\n([\s\S]*?)```/.exec(section(type)) ?? []
    const folder = mkdtempSync(join(tmpdir(), 'weir-docs-'))
    const names = [...block.matchAll(/\$\{(\w+)\}/g)].map(([, name]) => name!)
    try {
      writeFileSync(join(folder, 'weir.yaml'), block)
      const { config, warnings } = loadConfig({
        surroundings: {
          platform: 'linux',
          environment: {
            ...Object.fromEntries(names.map((name) => [name, sample(name)])),
            WEIR_NO_ENV_PROVIDERS: '1',
          },
          home: folder,
          workingFolder: folder,
        },
      })
      expect(warnings).toEqual([])
      expect(config.providers.map((provider) => provider.type)).toContain(type)
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  })

  test.each([...PAGE_TYPES])('%s: it is found as the page says', (type) => {
    const line = /- Found by ([^]*?)\n- /.exec(section(type))?.[1] ?? ''
    const [needed = ''] = line.split(/[;,(.]/)
    const variables = [...needed.matchAll(VARIABLE)].map(([, name]) => name!)
    if (line.includes('by itself')) expect(LOCAL_SERVERS.map((one) => one.type)).toContain(type)
    if (variables.length === 0) return
    expect(found(variables)).toEqual([type])
    for (const left of variables) {
      expect(found(variables.filter((name) => name !== left))).toEqual([])
    }
  })

  test('every variable that is read stands there, and no other', () => {
    const folder = join(import.meta.dir, '../config')
    const source = readdirSync(folder)
      .filter((file) => file.endsWith('environment.ts'))
      .map((file) => readFileSync(join(folder, file), 'utf8'))
      .join('\n')
    const read = new Set([...source.matchAll(/'([A-Z][A-Z0-9_]{4,})'/g)].map(([, name]) => name!))
    const [types = ''] = page.split('\n## By API and UI')
    const told = new Set([...types.matchAll(VARIABLE)].map(([, name]) => name!))
    read.delete('WEIR_NO_ENV_PROVIDERS')
    expect([...read].filter((name) => !told.has(name))).toEqual([])
    expect([...told].filter((name) => !read.has(name))).toEqual([])
  })

  test('the scripts of the mock are there', () => {
    const [, list = ''] = /is the script: ([^]*)/.exec(section('mock')) ?? []
    const names = [...list.matchAll(/`([a-z0-9-]+)`/g)].map(([, name]) => name!)
    expect(names.length).toBeGreaterThan(12)
    for (const name of names) expect([name, parseScript(name) !== undefined]).toEqual([name, true])
  })
})
