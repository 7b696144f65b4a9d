import { expect, test } from 'bun:test'
import * as fc from 'fast-check'
import { checkParameters } from '../testing/seed.ts'
import type { JsonValue } from './json.ts'
import { rewriteStrings, rewriteValue, visitNames, visitStrings } from './json-strings.ts'

const encoder = new TextEncoder()
const decoder = new TextDecoder()
const bytesOf = (text: string) => encoder.encode(text)

/** JSON text with blanks, escapes that nobody needs and numbers of any length. */
function written(value: JsonValue, blanks: () => string): string {
  if (typeof value === 'string') {
    const escaped = JSON.stringify(value)
    return escaped.replace(/[A-Ca-c/]/g, (sign) =>
      sign === '/' ? '\\/' : `\\u${sign.charCodeAt(0).toString(16).padStart(4, '0')}`,
    )
  }
  if (Array.isArray(value)) {
    return `[${blanks()}${value.map((item) => written(item, blanks)).join(`${blanks()},`)}]`
  }
  if (typeof value === 'object' && value !== null) {
    const members = Object.keys(value).map(
      (name) => `${blanks()}${written(name, blanks)}${blanks()}:${written(value[name]!, blanks)}`,
    )
    return `{${members.join(',')}${blanks()}}`
  }
  return JSON.stringify(value)
}

const json = () => fc.jsonValue({ maxDepth: 4 }) as fc.Arbitrary<JsonValue>

test('a document in which nothing changes is the very same bytes', () => {
  fc.assert(
    fc.property(json(), fc.infiniteStream(fc.constantFrom('', ' ', '\n\t')), (value, blanks) => {
      const bytes = bytesOf(written(value, () => blanks.next().value))
      expect(rewriteStrings(bytes, (text) => text)).toBe(bytes)
    }),
    checkParameters(100),
  )
})

test('what is rewritten in bytes is what is rewritten in the value, and the rest stays as it was written', () => {
  fc.assert(
    fc.property(json(), fc.infiniteStream(fc.constantFrom('', ' ')), (value, blanks) => {
      const rewrite = (text: string, key: string | undefined) =>
        text.length % 2 === 1 ? `<${key ?? ''}"\u{1f600}\n${text}>` : text
      const text = written(value, () => blanks.next().value)
      const after = decoder.decode(rewriteStrings(bytesOf(text), rewrite))
      expect(JSON.parse(after)).toEqual(rewriteValue(JSON.parse(text) as JsonValue, rewrite))
    }),
    checkParameters(100),
  )
})

test('names stay, members named twice are both rewritten, and numbers keep every digit', () => {
  const text =
    '{"a@b.c":"a@b.c", "x" : ["a@b.c",{"x":"\\u0061@b.c"}],"n":12345678901234567890.10e+2,"x":"a@b.c"}'
  const after = rewriteStrings(bytesOf(text), (value) => value.replace('a@b.c', 'M'))
  expect(decoder.decode(after)).toBe(
    '{"a@b.c":"M", "x" : ["M",{"x":"M"}],"n":12345678901234567890.10e+2,"x":"M"}',
  )
})

test('a string knows the member it stands in, within lists too', () => {
  const seen: (string | undefined)[][] = []
  const text = '{"a":"1","b":["2",["3"],{"c":"4"},"5"],"d":{"e":["6"]}}'
  rewriteStrings(bytesOf(text), (value, key) => {
    seen.push([value, key])
    return value
  })
  const visited: (string | undefined)[][] = []
  visitStrings(JSON.parse(text) as JsonValue, (value, key) => visited.push([value, key]))
  expect(seen).toEqual(visited)
  expect(seen).toEqual([
    ['1', 'a'],
    ['2', 'b'],
    ['3', 'b'],
    ['4', 'c'],
    ['5', 'b'],
    ['6', 'e'],
  ])
  const names: string[] = []
  visitNames(JSON.parse(text) as JsonValue, (name) => names.push(name))
  expect(names).toEqual(['a', 'b', 'c', 'd', 'e'])
})
