import { beforeAll, describe, expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { extname, join } from 'node:path'
import { Glob } from 'bun'
import { WITHOUT_TENANT } from '../web/tenantless.ts'
import { ROUTE_RULES } from './server/route-actions.ts'
import { bundleWeb, docsFiles, type BundledFile } from './web-bundle.ts'

const WEB = join(import.meta.dir, '..', 'web')

/** What everybody has to load at most, packed, were they to look at every page. */
const UI_BYTES_MAX = 150 * 1024

let files: readonly BundledFile[]
let docs: readonly BundledFile[]

beforeAll(async () => {
  files = await bundleWeb(WEB)
  docs = await docsFiles(WEB)
})

function textOf({ body }: BundledFile): string {
  return new TextDecoder().decode(body)
}

function named(extension: string, among: readonly BundledFile[] = files): readonly BundledFile[] {
  return among.filter(({ name }) => extname(name) === extension)
}

describe('the files of the web UI', () => {
  test('are small: all of them together within their budget', () => {
    const sizes = files.map(({ body, gzip, name }) => ({ name, bytes: (gzip ?? body).byteLength }))
    const total = sizes.reduce((sum, { bytes }) => sum + bytes, 0)
    const list = sizes.map(({ bytes, name }) => `${name} ${bytes}`).join('\n')
    if (total >= UI_BYTES_MAX) throw new Error(`${total} bytes:\n${list}`)
    expect(total).toBeGreaterThan(20_000)
  })

  test('are named once each, and what changes is named by what is in it', () => {
    const names = [...files, ...docs].map(({ name }) => name)
    expect(new Set(names).size).toBe(names.length)
    for (const { name } of [...named('.js'), ...named('.css')]) {
      expect(name).toMatch(/^[\w-]+-[a-z0-9]{8}\.(js|css)$/)
    }
  })

  test('unpack to what they are', () => {
    const packed = [...files, ...docs].filter(({ gzip }) => gzip !== undefined)
    expect(packed.length).toBeGreaterThan(8)
    for (const { body, gzip } of packed) {
      expect(Buffer.from(Bun.gunzipSync(gzip as Uint8Array<ArrayBuffer>)).equals(body)).toBe(true)
    }
  })

  test('name nothing that is not there, and nothing of elsewhere', () => {
    const there = new Set(files.map(({ name }) => name))
    for (const file of [...named('.html'), ...named('.css')]) {
      expect(`${file.name}: ${/(?:https?:)?\/\/[\w-]+\.\w+/.exec(textOf(file))?.[0] ?? ''}`).toBe(
        `${file.name}: `,
      )
    }
    const loads =
      /(?:\bfrom|\bimport\(?|fetch\(|Worker\(|\b(?:src|href)=)\s*["'`]((?:https?:)?\/\/[^"'`]+)/
    for (const file of named('.js')) expect(loads.exec(textOf(file))?.[1]).toBeUndefined()
    let links = 0
    for (const file of [...named('.html'), ...named('.js')]) {
      for (const [, name = ''] of textOf(file).matchAll(
        /["']\/ui\/([\w.-]+\.(?:js|css|svg))["']/g,
      )) {
        links += 1
        expect([name, there.has(name)]).toEqual([name, true])
      }
    }
    expect(links).toBeGreaterThan(10)
  })

  test('have nothing inline: the policy of the pages would refuse it', () => {
    const pages = named('.html', [...files, ...docs])
    expect(pages.length).toBeGreaterThan(2)
    for (const page of pages) {
      const html = textOf(page)
      expect(html).not.toMatch(/<style|\sstyle=|\son\w+=|javascript:/i)
      for (const [, attributes, inside] of html.matchAll(/<script([^>]*)>([^<]*)<\/script>/g)) {
        expect(attributes).toContain('src=')
        expect(inside?.trim()).toBe('')
      }
    }
  })

  test('load the charts with the first chart alone', () => {
    const index = textOf(files.find(({ name }) => name === 'index.html')!)
    const entry = /src="\/ui\/(app-\w+\.js)"/.exec(index)?.[1]
    const first = files.find(({ name }) => name === entry)
    expect(first).toBeDefined()
    expect(textOf(first!)).not.toContain('uplot')
  })
})

test('no two areas mean something else by one class', () => {
  const homes = new Map<string, string>()
  const clashes: string[] = []
  const sheets = [...new Glob('**/*.css').scanSync(WEB)].filter((path) => !path.startsWith('docs/'))
  for (const path of sheets) {
    const css = readFileSync(join(WEB, path), 'utf8').replaceAll(/\/\*[\s\S]*?\*\//g, '')
    // What stands alone as a selector says what the class is; `.own .shared` is about one place.
    for (const [, name = ''] of css.matchAll(/(?:^|,)\s*\.([\w-]+)\s*(?=[,{])/gm)) {
      const home = homes.get(name)
      if (home !== undefined && home !== path) clashes.push(`${name}: ${home} and ${path}`)
      homes.set(name, path)
    }
  }
  expect(homes.size).toBeGreaterThan(50)
  expect(clashes).toEqual([])
})

describe('the colours', () => {
  const css = readFileSync(join(WEB, 'styles', 'tokens.css'), 'utf8')
  const colours = new Map(
    [...css.matchAll(/--([\w-]+): light-dark\((#\w{6}), (#\w{6})\)/g)].map(
      ([, name, light, dark]) => [name!, [light!, dark!] as const],
    ),
  )

  const GROUNDS = ['ground', 'panel', 'raised', 'sunken', 'hover']
  const TEXT: readonly (readonly [string, string])[] = [
    ...['ink', 'ink-soft', 'accent', 'bad', 'good', 'warn', 'info'].flatMap((ink) =>
      GROUNDS.map((ground) => [ink, ground] as const),
    ),
    ...['good', 'warn', 'bad', 'info'].map((tone) => [tone, `${tone}-soft`] as const),
    ...['good', 'warn', 'bad', 'info', 'accent'].map((tone) => ['ink', `${tone}-soft`] as const),
    ['accent', 'accent-soft'],
    ['accent-ink', 'accent'],
    ['accent-ink', 'accent-hover'],
    ['bad-ink', 'bad'],
  ]
  /** Edges of controls and lines of charts: WCAG 1.4.11. */
  const SHAPES: readonly (readonly [string, string])[] = [
    ['line-strong', 'panel'],
    ['line-strong', 'ground'],
    ['accent', 'panel'],
    ...['0', '1', '2', '3', '4', '5', '6', '7', 'bad'].map(
      (each) => [`chart-${each}`, 'panel'] as const,
    ),
  ]

  test.each([
    ['text', TEXT, 4.5],
    ['shapes', SHAPES, 3],
  ] as const)('%s stand out in both themes', (_, pairs, least) => {
    const weak: string[] = []
    for (const [ink, ground] of pairs) {
      for (const theme of [0, 1] as const) {
        const [front, back] = [colours.get(ink)?.[theme], colours.get(ground)?.[theme]]
        if (front === undefined || back === undefined)
          throw new Error(`no colour ${ink} or ${ground}`)
        const ratio = contrast(front, back)
        if (ratio < least)
          weak.push(`${ink} on ${ground}, ${theme === 0 ? 'light' : 'dark'}: ${ratio.toFixed(2)}`)
      }
    }
    expect(weak).toEqual([])
  })
})

test('the client names a tenant to the routes that take one, and to no other', () => {
  const admin = ROUTE_RULES.filter(({ path }) => path.startsWith('/admin/'))
  expect(admin.length).toBeGreaterThan(20)
  const refusing = admin.filter(({ subject }) => subject === 'own' || subject === 'process')
  const wrong = refusing.filter(({ path }) => !WITHOUT_TENANT.test(path))
  expect(wrong.map(({ method, path }) => `${method} ${path}`)).toEqual([])
  // A list of tenants is of all that one may see.
  const taking = admin.filter(
    ({ path }) =>
      // Where a change is of the whole installation, a look at it before is too.
      !refusing.some((rule) => rule.path === path) && !path.startsWith('/admin/tenants'),
  )
  const left = taking.filter(({ path }) => WITHOUT_TENANT.test(path))
  expect(left.map(({ method, path }) => `${method} ${path}`)).toEqual([])
})

/** Of two colours `#rrggbb`, 1 to 21 (WCAG 2.2, "contrast ratio"). */
function contrast(one: string, other: string): number {
  const [light, dark] = [luminance(one), luminance(other)].toSorted((a, b) => b - a) as [
    number,
    number,
  ]
  return (light + 0.05) / (dark + 0.05)
}

function luminance(colour: string): number {
  const [red, green, blue] = [1, 3, 5].map((at) => {
    const part = Number.parseInt(colour.slice(at, at + 2), 16) / 255
    return part <= 0.040_45 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4
  }) as [number, number, number]
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue
}
