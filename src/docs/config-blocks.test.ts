// Every block of YAML, JSON and TOML in README and `docs/` is tried: what is Weir's configuration is loaded by the real loader, with the
// variables it names, and what is another program's is named here with whose it is, so that no block is passed over in silence.

import { afterAll, describe, expect, test } from 'bun:test'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { blocksIn, pages } from '../../tests/commands/blocks.ts'
import { loadConfig } from '../config/load.ts'
import { ConfigError } from '../config/problem.ts'
import { SCHEMA } from '../config/schema.ts'
import { asObject, isObject, type JsonObject } from '../core/json.ts'

const ROOT = join(import.meta.dir, '..', '..')

interface Snippet {
  readonly path: string
  /** The heading that it stands under. */
  readonly heading: string
  readonly text: string
}

/**
 * Blocks of YAML that are other programs' settings, by page and heading; every other block is Weir's and has to load.
 * With `config` the part of that name is Weir's, and loads too.
 */
const OTHERS: Readonly<Record<string, string>> = {
  'docs/clients.md#Continue': 'Continue: config.yaml',
  'docs/clients.md#llm': 'llm: extra-openai-models.yaml',
  'docs/kubernetes.md#Values that matter': 'Helm: values of the chart, with `config`',
  'docs/kubernetes.md#Autoscaling': 'Helm: values of the chart',
  'docs/monitoring.md#Metrics': 'Prometheus: scrape_configs',
}

/** Values that keys and passwords may have. */
const SECRET = 'sample-0123456789-of-forty-characters-0123'
const PEM = '-----BEGIN CERTIFICATE-----\nMA==\n-----END CERTIFICATE-----\n'
const VARIABLES: Readonly<Record<string, string>> = {
  ALERTS_URL: 'https://alerts.example.com/hook',
  WEIR_DATABASE_URL: 'postgres://weir:secret@db.example.com:5432/weir',
  WEIR_REDIS_URL: 'redis://redis.example.com:6379',
}
/** Files that a configuration may name: they have to be there. */
const NAMED_FILES = /[\w/.-]*\/?([\w-]+\.(?:pem|key))\b/g
/** So that a section alone finds the providers that it names. */
const PROVIDERS = { OPENAI_API_KEY: SECRET, ANTHROPIC_API_KEY: SECRET }

const folder = mkdtempSync(join(tmpdir(), 'weir-blocks-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const placeOf = ({ heading, path }: Snippet) => `${path}#${heading}`

/** Every block of one language with the heading above it. */
function snippets(language: string): Snippet[] {
  return pages().flatMap(({ path }) => {
    const markdown = readFileSync(join(ROOT, path), 'utf8')
    const lines = markdown.split('\n')
    return blocksIn(markdown, language).map(({ line, text }) => {
      const above = lines.slice(0, line - 1).findLast((each) => /^##+ /.test(each)) ?? ''
      return { path, heading: above.replace(/^#+ /, ''), text }
    })
  })
}

const yaml = snippets('yaml')
const ours = yaml.filter((snippet) => OTHERS[placeOf(snippet)] === undefined)

/** What is wrong with a configuration; empty where it loads. */
function problemsOf(text: string): string {
  const home = mkdtempSync(join(folder, 'home-'))
  mkdirSync(join(home, 'work'))
  const local = text.replaceAll(NAMED_FILES, (_path, name: string) => {
    writeFileSync(join(home, 'work', name), PEM)
    return name
  })
  writeFileSync(join(home, 'work', 'weir.yaml'), local)
  const named = [...text.matchAll(/\$\{([A-Z][A-Z0-9_]*)\}/g)].map(([, name = '']) => name)
  const environment: Record<string, string> = { ...PROVIDERS }
  for (const name of named) environment[name] = VARIABLES[name] ?? SECRET
  try {
    const { warnings } = loadConfig({
      surroundings: { environment, platform: 'linux', home, workingFolder: join(home, 'work') },
    })
    return warnings.join('\n')
  } catch (error) {
    if (error instanceof ConfigError) return error.message
    throw error
  }
}

describe('a block of YAML', () => {
  test('is Weir’s, or its owner is named; both are seen', () => {
    expect(ours.length).toBeGreaterThan(35)
    const seen = yaml.map(placeOf)
    expect(Object.keys(OTHERS).filter((place) => !seen.includes(place))).toEqual([])
    // Where one page names an owner for a heading, all of that heading's blocks are meant: none of Weir's is hidden there.
    for (const place of Object.keys(OTHERS))
      expect(seen.filter((each) => each === place)).toHaveLength(1)
    expect(ours.length + Object.keys(OTHERS).length).toBe(yaml.length)
  })

  test('of Weir’s configuration has its sections and no others', () => {
    const known = Object.keys(SCHEMA.keys)
    const strange = ours.flatMap(({ path, text }) =>
      Object.keys(asObject(Bun.YAML.parse(text) as JsonObject) ?? {})
        .filter((name) => !known.includes(name))
        .map((name) => `${path}: ${name}`),
    )
    expect(strange).toEqual([])
  })

  for (const [at, snippet] of ours.entries()) {
    test(`loads: ${placeOf(snippet)} (${at + 1})`, () => {
      expect(problemsOf(snippet.text)).toBe('')
    })
  }

  test('of another program is YAML, and what is Weir’s within it loads', () => {
    const within = yaml.flatMap((snippet) => {
      if (!OTHERS[placeOf(snippet)]?.includes('`config`')) return []
      const parsed = Bun.YAML.parse(snippet.text)
      return isObject(parsed as JsonObject) ? [asObject((parsed as JsonObject)['config'])] : []
    })
    expect(within).toHaveLength(1)
    for (const config of within) expect(problemsOf(JSON.stringify(config))).toBe('')
    for (const { text } of yaml) expect(() => Bun.YAML.parse(text)).not.toThrow()
  })

  test('with a setting that there is not does not load', () => {
    expect(problemsOf('limits:\n  - { per: key, requests_per_hours: 1 }')).toContain(
      'requests_per_hour',
    )
    expect(
      problemsOf('{ models: [ { id: a, targets: [ { provider: nobody, model: m } ] } ] }'),
    ).not.toBe('')
  })
})

describe('other blocks', () => {
  test('of JSON and TOML are that', () => {
    const json = snippets('json')
    const toml = snippets('toml')
    expect(json.length).toBeGreaterThan(3)
    expect(toml.length).toBeGreaterThan(0)
    for (const { text } of json) expect(() => JSON.parse(text)).not.toThrow()
    for (const { text } of toml) expect(() => Bun.TOML.parse(text)).not.toThrow()
  })

  test('are of a language that some test knows', () => {
    const known = ['sh', 'text', 'yaml', 'json', 'toml', 'python', 'ts', 'diff']
    const others = pages().flatMap(({ path }) =>
      [...readFileSync(join(ROOT, path), 'utf8').matchAll(/^ *```([^\n`]+)$/gm)]
        .map(([, language = '']) => language.trim())
        .filter((language) => !known.includes(language))
        .map((language) => `${path}: ${language}`),
    )
    expect(others).toEqual([])
  })

  test('of TypeScript are written without a fault', () => {
    const typescript = snippets('ts')
    expect(typescript.length).toBeGreaterThan(5)
    const transpiler = new Bun.Transpiler({ loader: 'ts' })
    for (const { path, text } of typescript) {
      expect(() => transpiler.transformSync(text), `${path}\n${text}`).not.toThrow()
    }
  })

  const python = Bun.which('python3')
  test.skipIf(python === null)('of Python are written without a fault', () => {
    const blocks = snippets('python')
    expect(blocks.length).toBeGreaterThan(1)
    for (const { text } of blocks) {
      const run = Bun.spawnSync(
        [python ?? '', '-c', 'import ast, sys; ast.parse(sys.stdin.read())'],
        {
          stdin: Buffer.from(text),
        },
      )
      expect(run.stderr.toString()).toBe('')
    }
  })
})
