// The line finder in the forms people write, and against generated documents: a wrong line or a false double is worse than none.

import { describe, expect, test } from 'bun:test'
import * as fc from 'fast-check'
import { childPath, findLines } from './lines.ts'

const YAML = `# head
server:
  host: "a: b # c"   # note
  'port': 1
text: |
  not: a key
  server: neither

  still: text
after: >-
   folded: text
quoted: "spans
  lines: here
  and: there"
list:
- id: one
  keys: [a, "b, c", {d: e}]
- id: two
  deep:
    - - x: 1
      - y
flow: { a: 1,
  b: [ 1,
    { c: 2 } ], "d": 'it''s' }
url: http://host:80/path
anchor: &x
  k: v
merged:
  <<: *x
  -dash: 1
last: end
`

test.each([
  ['server', 2],
  ['server.host', 3],
  ['server.port', 4],
  ['server.nope', 2],
  ['text', 5],
  ['after', 10],
  ['quoted', 12],
  ['list', 15],
  ['list[0]', 16],
  ['list[0].id', 16],
  ['list[0].keys', 17],
  ['list[0].keys[2].d', 17],
  ['list[1].id', 18],
  ['list[1].deep[0][0].x', 20],
  ['list[1].deep[0][1]', 21],
  ['flow.a', 22],
  ['flow.b', 23],
  ['flow.b[1].c', 24],
  ['flow.d', 24],
  ['url', 25],
  ['anchor.k', 27],
  ['merged.-dash', 30],
  ['last', 31],
])('YAML: %s stands on line %p', (path, line) => {
  const lines = findLines(YAML, 'yaml')
  expect(lines.duplicates).toEqual([])
  expect(lines.lineOf(path)).toBe(line)
})

test('TOML: tables, arrays of tables and keys', () => {
  const toml =
    '# c\n[server]\nport = 1\n\n[[providers]]\nid = "a"\n[providers.network]\nproxy = "x"\n[[providers]]\n"id" = "b"\ntimeouts.connect = "5s"\nlist = [\n  { a = 1 } ]\n'
  const lines = findLines(toml, 'toml')
  const wanted = {
    server: 2,
    'server.port': 3,
    'providers[0].id': 6,
    'providers[0].network.proxy': 8,
    'providers[1]': 9,
    'providers[1].id': 10,
    'providers[1].timeouts.connect': 11,
    'providers[1].list[0].a': 12,
    nope: undefined,
  }
  for (const [path, line] of Object.entries(wanted))
    expect([path, lines.lineOf(path)]).toEqual([path, line])
})

describe('doubles', () => {
  test.each([
    ['a: 1\nb: 2\na: 3', [{ path: 'a', line: 3 }]],
    ['a:\n  b: 1\n  c: 2\n  "b": 3', [{ path: 'a.b', line: 4 }]],
    ['- a: 1\n  a: 2\n- a: 1', [{ path: '[0].a', line: 2 }]],
    ['x: {a: 1, a: 2}', [{ path: 'x.a', line: 1 }]],
    ['a:\n  b: 1\nc:\n  b: 1\n', []],
    ['a: |\n  b: 1\n  b: 2\n', []],
    ['a:\n  <<: *x\n  <<: *y\n', []],
  ])('%p', (text, wanted) => {
    expect(findLines(text, 'yaml').duplicates).toEqual(wanted)
  })
})

test('JSON of any shape: every path has the line it was written on, and nothing stands twice', () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 4 }), (value) => {
      const text = JSON.stringify(value, null, 1)
      const lines = findLines(text, 'json')
      expect(lines.duplicates).toEqual([])
      const rows = text.split('\n')
      const walk = (node: unknown, path: string) => {
        if (typeof node !== 'object' || node === null) return
        for (const [key, member] of Object.entries(node)) {
          // Escapes and dots in keys are not told apart in a path.
          if (!/^[a-zA-Z0-9]*$/.test(key)) continue
          const next = childPath(path, Array.isArray(node) ? Number(key) : key)
          const line = lines.lineOf(next)
          if (!Array.isArray(node) && key !== '') {
            expect(rows[(line ?? 0) - 1]?.trimStart()).toStartWith(`${JSON.stringify(key)}:`)
          }
          walk(member, next)
        }
      }
      walk(value, '')
    }),
    { numRuns: 200 },
  )
})

test('YAML of any shape, as Bun writes it: no false doubles', () => {
  const word = fc.stringMatching(/^[a-z][a-z0-9_]{0,6}$/)
  const { tree } = fc.letrec((tie) => ({
    tree: fc.oneof(
      { depthSize: 'small' },
      fc.oneof(fc.string(), fc.integer(), fc.boolean(), fc.constant(null)),
      fc.array(tie('tree'), { maxLength: 4 }),
      fc.dictionary(word, tie('tree'), { maxKeys: 4 }),
    ),
  }))
  fc.assert(
    fc.property(tree, (value) => {
      const text = Bun.YAML.stringify(value, null, 2)
      expect(findLines(text, 'yaml').duplicates).toEqual([])
    }),
    { numRuns: 300 },
  )
})

test('any text is read to its end without failing', () => {
  const pieces = fc.constantFrom(
    'a',
    ':',
    ' ',
    '\n',
    '- ',
    '{',
    '}',
    '[',
    ']',
    '"',
    "'",
    '|',
    '>',
    '#',
    '&',
    ',',
    '\\',
    '  ',
  )
  fc.assert(
    fc.property(fc.string({ unit: pieces, maxLength: 60 }), (text) => {
      for (const format of ['yaml', 'json', 'toml'] as const) {
        expect(findLines(text, format).duplicates).toBeArray()
      }
    }),
    { numRuns: 1_000 },
  )
})
