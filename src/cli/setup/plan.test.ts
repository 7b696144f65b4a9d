// What is written when somebody else writes at the same time, or the disk says no: all of it or nothing, and never over another's edit.

import { afterEach, beforeEach, expect, test } from 'bun:test'
import {
  chmodSync,
  chownSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { checkParameters } from '../../testing/seed.ts'
import type { Change } from './change.ts'
import { FileProblem } from './files.ts'
import { applyFile, planDiff, planFiles, planReturn, recordOf } from './plan.ts'
import { type FormatName, put } from './tool.ts'
import { FORMATS } from './tools.ts'

let folder: string
beforeEach(() => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), 'weir-plan-')))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const file = () => join(folder, 'settings.json')

const FORMS: readonly {
  readonly format: FormatName
  /** Parts in the order they may stand in. */
  readonly parts: readonly string[]
  readonly changes: (model: string) => readonly Change[]
  /** What somebody puts behind it later. */
  readonly theirs: string
}[] = [
  {
    format: 'yaml',
    parts: [
      '# head',
      'model: gpt # mine',
      'base: &b { k: 1 }\nmerged:\n  <<: *b\n  own: "yes"',
      'models:\n  - name: Local\n    model: x',
      'text: |\n  two\n  lines',
      'end: ~',
    ],
    changes: (model) => [
      put(['models', { key: 'name', is: 'Weir', isFirst: true }], { name: 'Weir', model }),
      put(['model'], model),
    ],
    theirs: 'theirs: 1\n',
  },
  {
    format: 'toml',
    parts: [
      '# head',
      'model = "gpt" # mine',
      'site."a b".c = 1',
      'text = """\n[model_providers.weir]\n"""',
      'inline = { a = 1, b = [1, 2] }',
      '[model_providers.other]\nname = "o"',
      '[[many]]\na = 1\n[[many]]\na = 2',
    ],
    changes: (model) => [
      put(['model'], model),
      put(['model_providers', 'weir'], { name: 'Weir', url: model }),
      put(['model_providers', 'weir', 'auth'], { args: [model] }),
    ],
    theirs: '[theirs]\na = 1\n',
  },
  {
    format: 'env',
    parts: ['# head', 'export A="x y"', "B='q' # no comment", 'WEIR_KEY=old', 'C='],
    changes: (model) => [put(['WEIR_KEY'], model)],
    theirs: 'THEIRS=1\n',
  },
]

function plan(model = 'a/b') {
  const changes = [put(['env'], { MODEL: model }), put(['more', 'deep'], true)]
  const [planned] = planFiles([{ path: file(), format: 'jsonc', changes, holdsKey: false }])
  return planned!
}

test('an edit between the plan and the write is not written over', () => {
  writeFileSync(file(), '{ "a": 1 }')
  const planned = plan()
  writeFileSync(file(), '{ "a": 2 }')
  expect(() => applyFile(planned)).toThrow(FileProblem)
  expect(readFileSync(file(), 'utf8')).toBe('{ "a": 2 }')
})

test('a file that came, or went, between the two is an edit as well', () => {
  const absent = plan()
  writeFileSync(file(), '{}')
  expect(() => applyFile(absent)).toThrow('changed meanwhile')
  const present = plan()
  rmSync(file())
  expect(() => applyFile(present)).toThrow('changed meanwhile')
  expect(readdirSync(folder)).toEqual([])
})

test('a place that cannot be a file leaves nothing behind', () => {
  const planned = plan()
  mkdirSync(file())
  expect(() => applyFile(planned)).toThrow()
  expect(readdirSync(folder)).toEqual(['settings.json'])
})

test('undo of setup is the same bytes, whatever stood there, and however often it was set up', () => {
  fc.assert(
    fc.property(
      fc.dictionary(fc.constantFrom('a', 'b', 'env', 'ü'), fc.dictionary(fc.string(), fc.string())),
      fc.constantFrom('', '\ufeff'),
      fc.constantFrom(undefined, 1, 4, '\t'),
      fc.constantFrom('', '\n', '\r\n', '\n// end\n\n'),
      fc.array(fc.constantFrom('a/b', 'c'), { minLength: 1, maxLength: 3 }),
      (value, mark, indent, end, models) => {
        const text = `${mark}${JSON.stringify(value, undefined, indent)}${end}`
        writeFileSync(file(), text)
        let record: ReturnType<typeof recordOf> | undefined
        for (const model of models) {
          const planned = plan(model)
          record = recordOf(planned, record)
          applyFile(planned)
        }
        const { file: back, isExact } = planReturn(record!)
        applyFile(back)
        expect([isExact, readFileSync(file(), 'utf8')]).toEqual([true, text])
      },
    ),
    checkParameters(100),
  )
})

test.each([...FORMS])('of $format as well, and what somebody put in since stays', (form) => {
  const { changes, format, parts, theirs } = form
  const codec = FORMATS[format]
  fc.assert(
    fc.property(
      fc.subarray([...parts]),
      fc.constantFrom('\n', '\r\n'),
      fc.constantFrom('', '\ufeff'),
      fc.boolean(),
      fc.array(fc.constantFrom('a/b', "it's"), { minLength: 1, maxLength: 3 }),
      (chosen, eol, mark, isEnded, models) => {
        const bare = chosen.join('\n').replaceAll('\n', eol) + (isEnded ? eol : '')
        const text = mark + bare
        const made = () => {
          writeFileSync(file(), text)
          let record: ReturnType<typeof recordOf> | undefined
          for (const model of models) {
            const [planned] = planFiles([
              { path: file(), format, changes: changes(model), holdsKey: false },
            ])
            record = recordOf(planned!, record)
            applyFile(planned!)
          }
          return record!
        }
        applyFile(planReturn(made()).file)
        expect(readFileSync(file(), 'utf8')).toBe(text)

        const record = made()
        const now = readFileSync(file(), 'utf8')
        const gap = now.endsWith('\n') ? '' : eol
        writeFileSync(file(), now + gap + theirs.replaceAll('\n', eol))
        const { file: back, isExact, kept } = planReturn(record)
        applyFile(back)
        expect([isExact, kept]).toEqual([false, []])
        const wanted = codec.parse(`${bare}${isEnded || bare === '' ? '' : eol}${theirs}`)
        expect(codec.parse(readFileSync(file(), 'utf8').replace(/^\ufeff/, ''))).toEqual(wanted!)
      },
    ),
    checkParameters(60),
  )
})

test('a setup that was cut off before its write leaves the first bytes to come back', () => {
  writeFileSync(file(), '{ "a": 1 }')
  const cut = recordOf(plan('first'), undefined)
  const planned = plan('second')
  const record = recordOf(planned, cut)
  applyFile(planned)
  applyFile(planReturn(record).file)
  expect(readFileSync(file(), 'utf8')).toBe('{ "a": 1 }')

  rmSync(file())
  const first = plan('first')
  const made = recordOf(first, undefined)
  applyFile(first)
  rmSync(file())
  const again = plan('second')
  const later = recordOf(again, made)
  applyFile(again)
  applyFile(planReturn(later).file)
  expect(readdirSync(folder)).toEqual([])
})

test('a file that somebody made read-only stays as it is', () => {
  writeFileSync(file(), '{ "a": 1 }')
  chmodSync(file(), 0o444)
  expect(() => applyFile(plan())).toThrow('read-only')
  expect(readFileSync(file(), 'utf8')).toBe('{ "a": 1 }')
})

test.skipIf(process.getuid?.() !== 0)('what root makes in a home is of whose home it is', () => {
  chownSync(folder, 4711, 4712)
  const path = join(folder, '.tool', 'deep', 'settings.json')
  const changes = [put(['a'], 'b')]
  const [planned] = planFiles([{ path, format: 'jsonc', changes, holdsKey: true }])
  applyFile(planned!)
  for (const place of [path, join(folder, '.tool'), join(folder, '.tool', 'deep')]) {
    expect([statSync(place).uid, statSync(place).gid]).toEqual([4711, 4712])
  }
})

test('files of secrets show none, whatever their form, whoever’s they are', () => {
  const keys = join(folder, 'keys.json')
  const key = join(folder, 'tool.key')
  const env = join(folder, '.env')
  writeFileSync(keys, '{\n  "mistral": "plainlookingone",\n  "weir": "oldweirvalue"\n}\n')
  writeFileSync(key, 'oldweirvalue\n')
  writeFileSync(env, 'MISTRAL=plainlookingone\nPRIVATE=MULTI\n')
  const files = planFiles([
    { path: keys, format: 'jsonc', changes: [put(['weir'], 'newweirvalue')], holdsKey: true },
    { path: key, format: 'whole', changes: [put(['text'], 'newweirvalue\n')], holdsKey: true },
    { path: env, format: 'env', changes: [put(['WEIR_KEY'], 'newweirvalue')], holdsKey: true },
  ])
  const shown = planDiff(files, [])
  expect(shown).toContain('mistral')
  for (const secret of ['plainlookingone', 'oldweirvalue', 'newweirvalue']) {
    expect(shown).not.toContain(secret)
  }
})
