// Laws of the editors, on files of any shape: what no change names has its value, every comment is there, the same setup again changes nothing,
// and taking back gives every value back. And the ways of writing that broke an editor once, by themselves.

import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { checkParameters } from '../../testing/seed.ts'
import { type Change, CannotEdit, edited, type FileFormat, takenBack } from './change.ts'
import { ENV_FILE } from './env-file.ts'
import { JSONC } from './jsonc.ts'
import { put } from './tool.ts'
import { TOML } from './toml.ts'
import { YAML } from './yaml.ts'

const RUNS = 100

const names = fc.constantFrom('alpha', 'beta', 'a b', 'ключ', 'model_x', 'x-y', '0', 'toString')
const words = fc.constantFrom(
  '',
  'plain',
  'two words',
  '#no comment',
  '// none',
  'true',
  '12',
  'é"\\',
  'a: b',
)
const scalars = fc.oneof(words, fc.integer({ min: -9, max: 999 }), fc.boolean())
const comment = fc.constantFrom('mine', 'keep "this"', '', '{ [ ,', 'model = no')
/** Of each: whether a comment stands there, and what. */
const noted = fc.option(comment, { nil: undefined })

interface Entry {
  readonly name: string
  readonly value: Value
  readonly above: string | undefined
  readonly beside: string | undefined
}
type Value = string | number | boolean | readonly Entry[] | { readonly list: readonly Value[] }

const { entries } = fc.letrec<{ entries: readonly Entry[]; value: Value }>((tie) => ({
  entries: fc.uniqueArray(
    fc.record({ name: names, value: tie('value'), above: noted, beside: noted }),
    { maxLength: 4, selector: ({ name }) => name },
  ),
  value: fc.oneof(
    { maxDepth: 2 },
    scalars,
    tie('entries'),
    fc.record({ list: fc.array(scalars, { maxLength: 3 }) }),
  ),
}))

function isEntries(value: Value): value is readonly Entry[] {
  return Array.isArray(value)
}

interface Style {
  readonly indent: string
  readonly eol: string
  readonly comma: boolean
  readonly end: boolean
}

const style = fc.record({
  indent: fc.constantFrom('  ', '    ', '\t'),
  eol: fc.constantFrom('\n', '\r\n'),
  comma: fc.boolean(),
  end: fc.boolean(),
})

function jsonc(all: readonly Entry[], how: Style, depth = 0): string {
  if (all.length === 0) return '{}'
  const inside = how.indent.repeat(depth + 1)
  const lines = all.flatMap(({ above, beside, name, value }, at) => {
    const written = isEntries(value)
      ? jsonc(value, how, depth + 1)
      : JSON.stringify(typeof value === 'object' ? value.list : value)
    const comma = at < all.length - 1 || how.comma ? ',' : ''
    return [
      ...(above === undefined ? [] : [`${inside}/* ${above} */`]),
      `${inside}${JSON.stringify(name)}: ${written}${comma}${beside === undefined ? '' : ` // ${beside}`}`,
    ]
  })
  return ['{', ...lines, `${how.indent.repeat(depth)}}`].join(how.eol)
}

function yaml(all: readonly Entry[], how: Style, depth = 0): string {
  const inside = '  '.repeat(depth)
  return all
    .map(({ above, beside, name, value }) => {
      const note = above === undefined ? '' : `${inside}# ${above}${how.eol}`
      const own = beside === undefined ? '' : ` # ${beside}`
      const key = `${inside}${JSON.stringify(name)}:`
      if (isEntries(value) && value.length > 0) {
        return `${note}${key}${own}${how.eol}${yaml(value, how, depth + 1)}`
      }
      if (typeof value === 'object' && 'list' in value && value.list.length > 0 && how.comma) {
        const items = value.list.map((item) => `${inside}- ${JSON.stringify(item)}${how.eol}`)
        return `${note}${key}${own}${how.eol}${items.join('')}`
      }
      const flow = isEntries(value)
        ? '{}'
        : JSON.stringify(typeof value === 'object' ? value.list : value)
      return `${note}${key} ${flow}${own}${how.eol}`
    })
    .join('')
}

function toml(all: readonly Entry[], how: Style, path: readonly string[] = []): string {
  const key = (name: string) => JSON.stringify(name)
  const isTable = ({ value }: Entry) => isEntries(value)
  const pairs = all.filter((entry) => !isTable(entry))
  const tables = all.filter(isTable)
  const line = ({ above, beside, name, value }: Entry) =>
    `${above === undefined ? '' : `# ${above}${how.eol}`}${key(name)} = ${JSON.stringify(
      typeof value === 'object' ? (value as { list: readonly Value[] }).list : value,
    )}${beside === undefined ? '' : ` # ${beside}`}${how.eol}`
  return [
    ...pairs.map(line),
    ...tables.map(({ above, beside, name, value }) => {
      const inner = [...path, name]
      const head = `[${inner.map(key).join('.')}]${beside === undefined ? '' : ` # ${beside}`}`
      const note = above === undefined ? '' : `${how.eol}# ${above}${how.eol}`
      return `${note}${head}${how.eol}${toml(value as readonly Entry[], how, inner)}`
    }),
  ].join('')
}

const item = { key: 'name', is: 'Weir', isFirst: true } as const

const CASES: readonly {
  readonly name: string
  readonly format: FileFormat
  readonly write: (all: readonly Entry[], how: Style) => string
  readonly changes: readonly Change[]
}[] = [
  {
    name: 'JSON with comments',
    format: JSONC,
    write: (all, how) => `${jsonc(all, how)}${how.end ? how.eol : ''}`,
    changes: [
      put(['env'], { ONE: '1', TWO: 'zwei' }),
      put(['alpha', 'weir'], { options: { url: 'http://x' }, models: { 'a/b': { deep: [1, 2] } } }),
      put(['list', { key: 'id', is: 'w' }], { id: 'w', more: true }),
      put(['model'], 'team/fast'),
    ],
  },
  {
    name: 'YAML',
    format: YAML,
    write: yaml,
    changes: [
      put(['models', item], { name: 'Weir', model: 'a/b', apiKey: '${{ secrets.X }}' }),
      put(['model'], 'openai/a'),
      put(['beta', 'inner'], 'v'),
    ],
  },
  {
    name: 'TOML',
    format: TOML,
    write: (all, how) => `${toml(all, how)}${how.end ? '# the end' : ''}`,
    changes: [
      put(['model_provider'], 'weir'),
      put(['model'], 'a/b'),
      put(['model_providers', 'weir'], { name: 'Weir', base_url: 'http://x/v1' }),
      put(['model_providers', 'weir', 'auth'], { command: 'cat', args: ['a', 'b c'] }),
    ],
  },
]

describe.each([...CASES])('$name', ({ changes, format, write }) => {
  /** A value that is no object cannot hold settings: such files are refused, and that is another law. */
  const fits = (all: readonly Entry[]) =>
    all.every(({ name, value }) => !['alpha', 'beta'].includes(name) || isEntries(value))

  test('all else stays; twice is once; back is back', () => {
    let tried = 0
    fc.assert(
      fc.property(entries, style, (all, how) => {
        fc.pre(fits(all))
        tried += 1
        const text = write(all, how)
        const before = format.parse(text)
        const { done, text: after } = edited(format, text, changes)
        for (const each of format.comments(text)) expect(format.comments(after)).toContain(each)
        const now = format.parse(after)
        expect(now).toMatchObject((before ?? {}) as object)
        expect(edited(format, after, changes)).toEqual({ text: after, done: [] })
        const { changes: backward, kept } = takenBack(now, done)
        expect(kept).toEqual([])
        expect(format.parse(edited(format, after, backward).text) ?? {}).toEqual(before ?? {})
      }),
      checkParameters(RUNS),
    )
    expect(tried).toBeGreaterThan(10)
  })

  test('lines that a person wrote stay as they wrote them', () => {
    fc.assert(
      fc.property(entries, style, (all, how) => {
        fc.pre(fits(all))
        const text = write(all, how)
        const after = edited(format, text, changes).text
        // A comma may be put behind what was the last.
        const bare = (line: string) => line.replaceAll(',', '').trim()
        const left = after.split(/\r?\n/).map(bare)
        for (const line of text.split(/\r?\n/).map(bare)) {
          if (/^\S*: ?\{\}|^\{\}$/.test(line) || line.includes(': {}')) continue
          expect(left).toContain(line)
        }
        if (text.includes('\r\n')) expect(after.replaceAll('\r\n', '')).not.toContain('\n')
      }),
      checkParameters(RUNS),
    )
  })

  test('what somebody changed meanwhile is theirs; the rest is taken back', () => {
    const { done, text } = edited(format, '', changes)
    const theirs = edited(format, text, [put(['model'], 'theirs'), put(['new'], 'kept')])
    const { changes: backward, kept } = takenBack(format.parse(theirs.text), done)
    expect(kept).toEqual(['model'])
    const back = edited(format, theirs.text, backward).text
    expect(format.parse(back)).toEqual({ model: 'theirs', new: 'kept' })
  })
})

test.each([
  ['JSON', JSONC, '{"env": ["a"]}', ['env', 'ONE']],
  ['JSON', JSONC, '"text"', ['env', 'ONE']],
  ['YAML', YAML, 'models: text\n', ['models', 'a']],
  ['YAML', YAML, 'base: &b {x: 1}\nmodels: *b\n', ['models', 'a']],
  ['TOML', TOML, 'model_providers = "x"\n', ['model_providers', 'weir']],
  ['TOML', TOML, '[[model_providers]]\na = 1\n', ['model_providers', 'weir']],
] as const)('%s of another kind than a tool knows is refused: %#', (_, format, text, path) => {
  expect(() => edited(format, text, [put(path, { a: 'b' })])).toThrow(CannotEdit)
})

test.each([
  ['JSON', JSONC, '{"a": 1,, }'],
  ['JSON', JSONC, '{"a": 1, "a": 2}'],
  ['JSON', JSONC, '{"a": '],
  ['YAML', YAML, 'a: [1\nb: 2\n'],
  ['YAML', YAML, 'a: 1\n---\nb: 2\n'],
  ['YAML', YAML, 'a: 1\na: 2\n'],
  ['YAML', YAML, 'a: *nothing\n'],
  ['TOML', TOML, 'a = \n'],
  ['TOML', TOML, '[a]\nx = 1\n[a]\ny = 2\n'],
] as const)('%s that does not parse is refused with words: %#', (_, format, text) => {
  expect(() => edited(format, text, [put(['b'], 'c')])).toThrow(SyntaxError)
})

test.each([
  // A head with a comment, a table further down, an array of tables behind it.
  ['model = "a"\n[model_providers.weir] # mine\nname = "x"\n\n[[x]]\ny = 1\n'],
  ['model_providers.weir = { name = "x", env_key = "Y" } # mine\n'],
  ['model_providers = { weir = { name = "x" }, other = { name = "o, }" } }\n'],
  ['[model_providers]\nweir = { name = "x" }\n'],
  ['[model_providers]\nother.name = "x"\n'],
  ['model_providers.other.name = "o"\nmodel_providers.weir.name = "x"\n[t]\n'],
  ['a = """\n[model_providers.weir]\nmodel = "no"\n"""\n\n# c\n[t]\nb = [\n  1, # one\n  2,\n]\n'],
  ["'model' = 'a' # quoted\n"],
])('each of the ways to write TOML: %j', (text) => {
  const changes = CASES[2]!.changes
  const after = edited(TOML, text, changes).text
  expect(Bun.TOML.parse(after)).toMatchObject({
    model: 'a/b',
    model_provider: 'weir',
    model_providers: { weir: { name: 'Weir', auth: { args: ['a', 'b c'] } } },
  })
  expect(edited(TOML, after, changes).text).toBe(after)
})

test('.env: one line is ours', () => {
  const text = '# keys\nexport OTHER="x y"\nWEIR_KEY=old\nLAST=1'
  const { done, text: after } = edited(ENV_FILE, text, [put(['WEIR_KEY'], 'weir_new')])
  expect(after).toBe('# keys\nexport OTHER="x y"\nWEIR_KEY=weir_new\nLAST=1')
  const { changes } = takenBack(ENV_FILE.parse(after), done)
  expect(edited(ENV_FILE, after, changes).text).toBe(text)
})

test.each([
  ["a'b$c", "KEY=`a'b$c`\n"],
  ['a"b`c', "KEY='a\"b`c'\n"],
  ['weir_a-b', 'KEY=weir_a-b\n'],
])('.env: %j stands in quotes that it has not', (value, text) => {
  expect(edited(ENV_FILE, '', [put(['KEY'], value)]).text).toBe(text)
})

test.each(["a'b`c", 'a\nB=c'])('.env: %j has no quotes', (value) => {
  expect(() => edited(ENV_FILE, '', [put(['KEY'], value)])).toThrow(CannotEdit)
})

test.each(['yes', 'on', '12:30', '1_000', '0o7', 'null'])(
  'YAML 1.1 reads the text %j, too',
  (name) => {
    const { text } = edited(YAML, '', [put(['model'], name)])
    expect(text).toMatch(/^model: ["'].*["']\n$/)
    expect(YAML.parse(text)).toEqual({ model: name })
  },
)

test('names such as __proto__ are names', () => {
  const text = '{ "__proto__": { "x": 1 }, "constructor": 2 }'
  const after = edited(JSONC, text, [put(['env'], { A: '1' })]).text
  expect(after).toContain('"__proto__": { "x": 1 }')
  expect(({} as Record<string, unknown>)['x']).toBeUndefined()
})
