// The page about the API, held against the program: every header field of Weir's own stands there and no other, and so does the first path
// of every protocol.

import { expect, test } from 'bun:test'
import { Glob } from 'bun'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { openApiDocument } from '../server/openapi/document.ts'
import { GEMINI_PREFIXES, MODEL_ROUTES } from '../server/routes.ts'

const page = readFileSync(join(import.meta.dir, '../../docs/api.md'), 'utf8')

/** Not a header field: a mark in `/openapi.json`. */
const MARKS: ReadonlySet<string> = new Set(['x-weir-action'])

async function fieldsInSource(): Promise<Set<string>> {
  const folder = join(import.meta.dir, '..')
  const found = new Set<string>()
  for await (const file of new Glob('**/*.ts').scan(folder)) {
    if (/\.test\.ts$|^(?:testing|docs|cli)[/\\]/.test(file)) continue
    const text = await Bun.file(join(folder, file)).text()
    for (const [, name = ''] of text.matchAll(/'(x-weir-[a-z-]+)'/g)) {
      if (!MARKS.has(name)) found.add(name)
    }
  }
  return found
}

test('has every header field of ours, and no other', async () => {
  const source = await fieldsInSource()
  const told = new Set([...page.matchAll(/x-weir-[a-z-]+/g)].map(([name]) => name))
  expect(source.size).toBeGreaterThan(12)
  expect([...told].toSorted()).toEqual([...source].toSorted())
})

test('its paths of models are routes', () => {
  const [, table = ''] = page.split('\n## Where models are asked\n')
  const [rows = ''] = table.split('\n## ')
  const known = MODEL_ROUTES.map(({ path }) => path)
  const told = [...rows.matchAll(/`(\/(?:v1|v2|api)\/[a-z_/]+)`/g)].map(([, path]) => path!)
  const others = ['/v1/models', '/api/tags', '/api/show', '/api/ps', '/api/version']
  expect(told.length).toBeGreaterThan(12)
  expect(told.filter((path) => !known.includes(path) && !others.includes(path))).toEqual([])
  expect(GEMINI_PREFIXES).toContain('/v1beta')
})

test('every path of `/openapi.json` where models are asked is told, here or among the operations', () => {
  const operations = readFileSync(join(import.meta.dir, '../../docs/operations.md'), 'utf8')
  const told = `${page}\n${operations}`
  const paths = Object.keys(openApiDocument([])['paths'] as object).filter(
    (path) => !/^\/(?:admin|auth|ui|docs|readyz|metrics)(?:\/|$)|^\/$/.test(path),
  )
  expect(paths.length).toBeGreaterThan(100)
  // The same paths under other names: Azure's, Anthropic's own prefix, Gemini's versions.
  const plain = (path: string) =>
    path
      .replace(/^\/openai\/deployments\/\{model\}(?:\/\{rest\})?/, '/v1')
      .replace(/^\/openai(?:\/v1)?(?=\/)/, '/v1')
      .replace(/^\/anthropic(?=\/)/, '')
      .replace(/^\/v1alpha(?=\/)/, '/v1beta')
      .replace('/proxy/{provider}/{path}', '/proxy/{provider}')
      .replace(/^.*\{model\}:/, ':')
  const untold = new Set(paths.map(plain).filter((path) => !told.includes(path)))
  expect([...untold]).toEqual([])
})
