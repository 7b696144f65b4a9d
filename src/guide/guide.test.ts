// The guide as it is built from the real `docs/`, and every link of the pages, of README and of the other pages at the top: to files, to
// anchors, to images. What leads elsewhere can't be asked from here; it is held to be a whole, safe address of a known place.

import { beforeAll, describe, expect, test } from 'bun:test'
import { existsSync, readFileSync, statSync } from 'node:fs'
import { dirname, extname, join, relative } from 'node:path'
import { guideBundle, type BundledFile } from '../web-bundle.ts'
import { renderGuide, type GuidePage } from './guide.ts'
import { anchors, GUIDE_PATH } from './links.ts'
import { plainText } from './markdown.ts'
import { NAVIGATION } from './navigation.ts'

const ROOT = join(import.meta.dir, '..', '..')
const DOCS = join(ROOT, 'docs')

/** What the guide adds to the executable at most, packed as it is embedded. */
const GUIDE_BYTES_MAX = 512 * 1024
/** What one page may weigh on its way, but for the references that are made from the code. */
const PAGE_BYTES_MAX = 40 * 1024

/** Places that pages may name. A new one is added here by whoever looked at the address. */
const ELSEWHERE =
  /^(?:github\.com|docs\.litellm\.ai|docs\.getbifrost\.ai|portkey\.ai|docs\.newapi\.pro|bun\.com|bun\.sh|www\.standardwebhooks\.com|www\.apache\.org|semver\.org|keepachangelog\.com|www\.conventionalcommits\.org|slsa\.dev|cyclonedx\.org|learn\.microsoft\.com|www\.keycloak\.org|opentelemetry\.io|kubernetes\.io|helm\.sh|ollama\.com|lmstudio\.ai|platform\.openai\.com|docs\.anthropic\.com|ai\.google\.dev)$/

let pages: GuidePage[]
let files: Map<string, BundledFile>

beforeAll(async () => {
  pages = renderGuide(DOCS)
  files = new Map((await guideBundle(join(ROOT, 'web'), DOCS)).map((each) => [each.name, each]))
})

const textOf = (name: string) => new TextDecoder().decode(files.get(name)?.body)

const built = () => [...files.keys()].filter((name) => name.endsWith('.html'))

/** File of an address of the guide. */
function fileAt(path: string): string {
  const name = path.slice(GUIDE_PATH.length).replace(/^\//, '')
  return `docs/guide/${extname(name) === '' ? `${name === '' ? 'index' : name}.html` : name}`
}

describe('the navigation', () => {
  test('has every page of docs/ once, and none that is not there', () => {
    const listed = NAVIGATION.flatMap(({ pages: each }) => each.map(([name]) => name))
    expect(listed.filter((name, at) => listed.indexOf(name) !== at)).toEqual([])
    expect(pages.length).toBeGreaterThan(30)
    const there = pages.map(({ name }) => name)
    expect({
      unlisted: there.filter((name) => !listed.includes(name)),
      missing: listed.filter((name) => !there.includes(name)),
    }).toEqual({ unlisted: [], missing: [] })
  })

  test('calls no two pages the same', () => {
    const labels = NAVIGATION.flatMap(({ pages: each }) => each.map(([, label]) => label))
    expect(new Set(labels).size).toBe(labels.length)
  })

  test('the list of decisions has every one of them', () => {
    const list = pages.find(({ name }) => name === 'decisions/index')
    const linked = list?.links.map((link) => (link.kind === 'page' ? link.href : ''))
    const decisions = pages.filter(({ name }) => /^decisions\/(?!index$)/.test(name))
    expect(decisions.length).toBeGreaterThan(5)
    for (const { href } of decisions) expect(linked).toContain(href)
  })
})

describe('every page', () => {
  test('has one title, headings that are told apart, and no step left out between them', () => {
    const wrong: string[] = []
    for (const { headings, name } of pages) {
      const ids = headings.map(({ id }) => id)
      if (new Set(ids).size !== ids.length) wrong.push(`${name}: two headings of one anchor`)
      if (ids.some((id) => id === '')) wrong.push(`${name}: a heading without an anchor`)
      if (headings.filter(({ level }) => level === 1).length !== 1 || headings[0]?.level !== 1) {
        wrong.push(`${name}: not one title at its top`)
      }
      // Under the same heading; "Traps" of two providers are two things.
      const seen = new Set<string>()
      const path: string[] = []
      headings.forEach(({ level, text }, at) => {
        path.length = level - 1
        path[level - 1] = text
        const whole = path.join(' › ')
        if (seen.has(whole)) wrong.push(`${name}: twice ${whole}`)
        seen.add(whole)
        if (level > (headings[at - 1]?.level ?? 0) + 1) wrong.push(`${name}: ${text} skips a level`)
      })
    }
    expect(wrong).toEqual([])
  })

  test('has nothing inline: the policy of the pages would refuse it', () => {
    expect(built().length).toBe(pages.length + 2)
    for (const name of built()) {
      const html = textOf(name)
      expect(html).not.toMatch(/<style|<[^>]*\s(?:style|on\w+)=|javascript:/i)
      for (const [, attributes, inside] of html.matchAll(/<script([^>]*)>([^<]*)<\/script>/g)) {
        expect(attributes).toContain(`src="${GUIDE_PATH}/`)
        expect(inside).toBe('')
      }
    }
  })

  test('loads what is there, and nothing of elsewhere', () => {
    let loads = 0
    for (const name of built()) {
      for (const [, address = ''] of textOf(name).matchAll(
        /<(?:script|img|link)[^>]*\s(?:src|href)="([^"]*)"/g,
      )) {
        loads += 1
        if (address === '/ui/icon.svg') continue
        expect([name, address, files.has(fileAt(address))]).toEqual([name, address, true])
      }
    }
    expect(loads).toBeGreaterThan(pages.length * 3)
  })

  test('leads to pages and anchors that are there', () => {
    const ids = new Map(
      built().map((name) => [
        name,
        new Set([...textOf(name).matchAll(/\sid="([^"]*)"/g)].map(([, id]) => id)),
      ]),
    )
    const dead: string[] = []
    let links = 0
    for (const name of built()) {
      for (const [, href = ''] of textOf(name).matchAll(/<a [^>]*href="([^"]*)"/g)) {
        if (!href.startsWith('#') && !href.startsWith(GUIDE_PATH)) continue
        links += 1
        const [path = '', fragment] = href.split('#')
        const to = path === '' ? name : fileAt(path)
        const there = ids.get(to)
        if (there === undefined) dead.push(`${name}: ${href}: no such page`)
        else if (fragment !== undefined && !there.has(fragment))
          dead.push(`${name}: ${href}: no such anchor`)
      }
    }
    expect(dead).toEqual([])
    expect(links).toBeGreaterThan(2_000)
  })

  test('is found by the search, by its title and by its headings', () => {
    const name = [...files.keys()].find((each) => /\/search-\w{8}\.json$/.test(each)) ?? ''
    const index = JSON.parse(textOf(name)) as {
      pages: { href: string; title: string }[]
      rows: { p: number; a: string; h: string }[]
    }
    expect(index.pages.map(({ href }) => href)).toEqual(pages.map(({ href }) => href))
    for (const [at, { headings }] of pages.entries()) {
      const rows = index.rows.filter(({ p }) => p === at)
      expect(rows[0]).toMatchObject({ a: '', h: headings[0]?.text ?? '' })
      const shown = headings.filter(({ level }) => level <= 4)
      expect(rows.map(({ h }) => h)).toEqual(shown.map(({ text }) => text))
    }
    expect(textOf(built()[0] ?? '')).toContain(`data-index="/${name}"`)
  })
})

test('the guide is small: all of it within its budget, and each page too', () => {
  const sizes = [...files.values()].map(({ body, gzip, name }) => ({
    name,
    bytes: (gzip ?? body).byteLength,
  }))
  const total = sizes.reduce((sum, { bytes }) => sum + bytes, 0)
  expect(total).toBeGreaterThan(100_000)
  expect(total).toBeLessThan(GUIDE_BYTES_MAX)
  const large = sizes.filter(({ bytes, name }) => name.endsWith('.html') && bytes > PAGE_BYTES_MAX)
  expect(large).toEqual([])
})

test('it is made the same twice', async () => {
  const again = await guideBundle(join(ROOT, 'web'), DOCS)
  expect(again.map(({ body, name }) => [name, Bun.hash(body)])).toEqual(
    [...files.values()].map(({ body, name }) => [name, Bun.hash(body)]),
  )
})

/** The pages as people read them on a code host. */
const TOP = ['README.md', 'CONTRIBUTING.md', 'SECURITY.md', 'CHANGELOG.md'].filter((name) =>
  existsSync(join(ROOT, name)),
)

/** Addresses of links and images, without what stands in code. */
function linksOf(markdown: string): string[] {
  const found: string[] = []
  const take = (_: string, meta: { href?: string; src?: string }) => {
    found.push(meta.href ?? meta.src ?? '')
    return ''
  }
  Bun.markdown.render(markdown, { link: take, image: take })
  return found
}

function anchorsOf(file: string): Set<string> {
  const found = new Set<string>()
  const make = anchors()
  Bun.markdown.render(readFileSync(file, 'utf8'), {
    heading: (children: string) => {
      found.add(make(plainText(children)))
      return ''
    },
  })
  return found
}

describe('on a code host', () => {
  test('every link of README, of the pages beside it and of docs/ leads to a file and to an anchor', () => {
    const all = [...TOP, ...pages.map(({ name }) => `docs/${name}.md`)]
    const dead: string[] = []
    const elsewhere = new Set<string>()
    let links = 0
    for (const name of all) {
      for (const href of linksOf(readFileSync(join(ROOT, name), 'utf8'))) {
        if (/^[a-z]+:/i.test(href)) {
          elsewhere.add(href)
          continue
        }
        // Of the running server: there is one only where the guide is read.
        if (/^\/(?:ui|docs|openapi\.json)/.test(href)) continue
        links += 1
        const [path = '', fragment] = href.split('#')
        const file = path === '' ? join(ROOT, name) : join(ROOT, dirname(name), path)
        if (!existsSync(file) || relative(ROOT, file).startsWith('..')) {
          dead.push(`${name}: ${href}: no such file`)
        } else if (
          fragment !== undefined &&
          (!file.endsWith('.md') || !anchorsOf(file).has(fragment))
        )
          dead.push(`${name}: ${href}: no such anchor`)
      }
    }
    expect(dead).toEqual([])
    expect(links).toBeGreaterThan(60)
    // They can't be asked from a test that runs offline: whole addresses of known places is what can be said of them.
    const odd = [...elsewhere].filter((address) => {
      if (/^http:\/\/(?:127\.0\.0\.1|localhost):\d+(?:\/|$)/.test(address)) return false
      if (!address.startsWith('https://') || !URL.canParse(address)) return true
      const { hash, hostname, password, port, search, username } = new URL(address)
      return (
        !ELSEWHERE.test(hostname) ||
        [username, password, port, search].some(Boolean) ||
        /\s/.test(hash)
      )
    })
    expect(odd).toEqual([])
  })

  test('README shows pictures that are small and have words', () => {
    const readme = readFileSync(join(ROOT, 'README.md'), 'utf8')
    const pictures = [...readme.matchAll(/!\[([^\]]*)\]\(([^)]+)\)/g)]
    expect(pictures.length).toBeGreaterThan(0)
    for (const [, words = '', path = ''] of pictures) {
      expect(words.length).toBeGreaterThan(20)
      expect(path).toMatch(/^docs\/images\/[\w-]+\.png$/)
      expect(statSync(join(ROOT, path)).size).toBeLessThan(200 * 1024)
    }
  })

  test('README begins with the two commands: others rely on them', () => {
    const [first = ''] =
      /```sh\n[\s\S]*?```/.exec(readFileSync(join(ROOT, 'README.md'), 'utf8')) ?? []
    const lines = first.split('\n').slice(1, -1).filter(Boolean)
    expect(lines).toHaveLength(2)
    expect(lines[0]).toStartWith('npx -y bun@1.4.5 start')
    expect(lines[1]).toStartWith('npx -y bun@1.4.5 run test')
  })

  test('the pages beside README hold no HTML', () => {
    for (const name of TOP) {
      const text = readFileSync(join(ROOT, name), 'utf8').replaceAll(/<!--[\s\S]*?-->/g, '')
      const without = Bun.markdown.html(text, { noHtmlBlocks: true, noHtmlSpans: true })
      expect([name, Bun.markdown.html(text) === without]).toEqual([name, true])
    }
  })

  test('the licence is whole', () => {
    const licence = readFileSync(join(ROOT, 'LICENSE'), 'utf8')
    expect(licence).toContain('Version 2.0, January 2004')
    for (const part of [
      '1. Definitions.',
      '9. Accepting Warranty',
      'END OF TERMS AND CONDITIONS',
      'APPENDIX',
    ])
      expect(licence).toContain(part)
  })
})
