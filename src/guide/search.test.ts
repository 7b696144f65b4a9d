// The search of the guide on the guide's own pages: what people type when something went wrong, or when they look a name up, leads to the
// page that explains it, and what only mentions it comes after.

import { beforeAll, describe, expect, test } from 'bun:test'
import { join } from 'node:path'
import { look, type Index } from '../../web/docs/guide/search.ts'
import { guideBundle } from '../web-bundle.ts'

const ROOT = join(import.meta.dir, '..', '..')
let index: Index

beforeAll(async () => {
  const files = await guideBundle(join(ROOT, 'web'), join(ROOT, 'docs'))
  const file = files.find(({ name }) => name.endsWith('.json'))
  index = JSON.parse(new TextDecoder().decode(file?.body)) as Index
})

/** `errors#price_unknown`, the best first. */
function found(text: string): string[] {
  return look(index, text, 12).map(({ a, p }) => {
    const page = (index.pages[p]?.href ?? '').replace(/^\/docs\/guide\/?/, '')
    return a === '' ? page : `${page}#${a}`
  })
}

const row = (h: string, w: string, d = '', a = 'x') => ({ p: 0, a, h, t: '', w, d })
const made = (...rows: Index['rows']): Index => ({ pages: [{ href: '/p', title: 'Page' }], rows })

describe('what went wrong', () => {
  const statuses = [400, 401, 403, 404, 408, 413, 415, 429, 431, 499, 500, 502, 503, 504]
  test.each(statuses)('a status, %i, is found in the errors first', (status) => {
    expect(found(`${status}`)[0]).toStartWith('errors')
  })

  const codes = ['price_unknown', 'model_not_found', 'invalid_api_key', 'ambiguous_credentials']
    .concat(['insufficient_quota', 'overloaded', 'not_cached', 'declared_in_file'])
    .concat(['changed_meanwhile', 'too_many_failures', 'upstream_timeout'])
  test.each(codes)('a code, %s, is found in the errors first', (code) => {
    expect(found(code)[0]).toStartWith('errors')
  })
})

describe('what is looked up', () => {
  test.each([
    ['unknown_price', 'configuration'],
    ['x-weir-losses', 'api'],
    ['retry-after', 'errors#header-fields'],
    ['keys create', 'commands#weir-keys-create'],
    ['claude code', 'clients#claude-code'],
    ['timeout', 'errors'],
    ['docker', 'containers'],
    ['restore', 'commands#weir-db-restore'],
    ['budget', 'budgets'],
    ['guardrails', 'guardrails'],
    ['install', 'install'],
    ['weirdown', 'monitoring#alerts'],
    ['sigterm', 'operating#stop'],
    ['entra', 'entra-id'],
  ])('%s', (text, place) => {
    expect(found(text)[0]).toStartWith(place)
  })

  test('a word with an ending that no page writes', () => {
    expect(found('streaming').length).toBeGreaterThan(5)
    expect(found('zzqqxxing')).toEqual([])
  })
})

describe('the order', () => {
  const order = (text: string, ...rows: Index['rows']) =>
    look(made(...rows), text, 9).map(({ a }) => a)

  test('heading before what is explained before text; whole words before beginnings', () => {
    const rows = [
      row('Other', ' limitless', '', 'begins'),
      row('Other', ' limit', '', 'text'),
      row('Other', ' limit', ' limit', 'explained'),
      row('Limitless', ' x', '', 'heading begins'),
      row('upstream_limit', ' x', '', 'heading part'),
      row('Limit', ' x', '', 'heading'),
    ]
    expect(order('limit', ...rows)).toEqual([
      'heading',
      'heading part',
      'explained',
      'heading begins',
      'text',
      'begins',
    ])
  })

  test('every word counts; of equals the shorter comes first', () => {
    expect(order('one two', row('A', ' one'), row('B', ' one two', '', 'both'))).toEqual(['both'])
    const rows = [row('A', ' one two three', '', 'long'), row('B', ' one', '', 'short')]
    expect(order('one', ...rows)).toEqual(['short', 'long'])
  })

  test('nothing is found by nothing', () => {
    for (const text of ['', '  ', '()<>', '💥']) expect(look(index, text, 9)).toEqual([])
  })
})
