// Descriptions are made of the schema table: they name every key and hold for real
// configurations.

import { describe, expect, test } from 'bun:test'
import { z } from 'zod'
import { describeJsonSchema, describeMarkdown } from './describe.ts'
import type { Node } from './node.ts'
import { SCHEMA } from './schema.ts'

const schema = z.fromJSONSchema(describeJsonSchema() as never)

describe('JSON Schema', () => {
  test.each([
    { serverr: {} },
    { server: { prot: 1 } },
    { server: { port: 70_000 } },
    { server: { keepalive: 5 } },
    { redis: { uri: 'redis://x' } },
    { network: { min_tls_version: '1.1' } },
    { network: { verify: 'no' } },
    { log: { level: 'loud' } },
    { providers: [{ id: 'a' }] },
    { providers: [{ id: 'a', type: 'later' }] },
    { providers: [{ id: 'a', type: 'openai', base_url: 'ftp://x' }] },
    { keys: [{ name: 'a', key: 'short' }] },
    { models: [{ id: 'a', targets: [] }] },
  ])('refuses %p', (document) => {
    expect(schema.safeParse(document).success).toBe(false)
  })

  test.each([
    {},
    { $schema: './weir.schema.json', server: null },
    { server: { port: 80, keepalive: '5s', max_body_size: '32MiB' } },
    { server: { port: '${PORT}' }, log: { level: '${LEVEL:-info}' } },
    { keys: [{ name: 'ci', key: '${CI_KEY}' }] },
    {
      providers: [
        {
          id: 'a',
          type: 'openai',
          keys: ['${A}'],
          timeouts: { connect: '5s' },
          headers: { a: 'b' },
        },
      ],
    },
    {
      models: [
        { id: 'a', targets: [{ provider: 'a', model: 'b', weight: 0 }], defaults: { x: [1] } },
      ],
    },
  ])('accepts %p', (document) => {
    const result = schema.safeParse(document)
    expect(result.error?.message ?? '').toBe('')
  })

  test('says draft, description and default of every key', () => {
    const text = JSON.stringify(describeJsonSchema())
    expect(text).toContain('https://json-schema.org/draft/2020-12/schema')
    expect(text).toContain('"default":9347')
    expect(text).toContain('"default":"32MiB"')
    expect(text).toContain('"default":true')
  })
})

/** Names of all keys. */
function keysOf(node: Node, names = new Set<string>()) {
  if (node.kind === 'list') keysOf(node.item, names)
  if (node.kind !== 'section') return names
  for (const [name, child] of Object.entries(node.keys)) {
    // Its members have no name of their own here.
    if (child.kind === 'free' && child.rest === true) continue
    names.add(name)
    keysOf(child, names)
  }
  return names
}

test('Markdown names every key', () => {
  const text = describeMarkdown()
  const names = keysOf(SCHEMA)
  expect(names.size).toBeGreaterThan(50)
  for (const name of names) expect(text).toMatch(new RegExp(`[\`.]${name}[\`.[]`))
  const [settings = ''] = text.split('\n## Variables\n')
  const rows = settings.split('\n').filter((line) => line.startsWith('|'))
  for (const row of rows) expect(row.replaceAll('\\|', '').match(/\|/g)).toHaveLength(5)
})

test('every node has a sentence for people', () => {
  const walk = (node: Node, path: string) => {
    expect([path, node.doc.endsWith('.') || node.doc.endsWith(').')]).toEqual([path, true])
    if (node.kind === 'list') walk(node.item, `${path}[]`)
    if (node.kind === 'section') {
      for (const [key, child] of Object.entries(node.keys)) walk(child, `${path}.${key}`)
    }
  }
  walk(SCHEMA, '')
})
