import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { SEED } from '../testing/seed.ts'
import { anchors, linkTarget } from './links.ts'
import { escapeHtml, plainText, renderPage } from './markdown.ts'
import { searchIndex } from './search-index.ts'

const html = (markdown: string, name = 'page') =>
  renderPage(`# Title\n\n${markdown}\n`, { name }).html.replace('<h1 id="title">Title</h1>\n', '')

/** Everything that a page may be made of; nothing else may look like a mark. */
const MARKS = [
  /<\/?(?:p|ul|li|blockquote|em|strong|del|code|thead|tbody|tr|td|table|div)>/,
  /<ol(?: start="\d+")?>|<\/ol>|<hr \/>|<\/(?:h[1-6]|a|pre|th)>/,
  /<h[1-6] id="[^"<>]*">/,
  /<a class="anchor" href="#[^"<>]*" aria-label="Link to “[^"<>]*”">/,
  /<a href="[^"<>]*"(?: rel="noreferrer")?>/,
  /<img src="\/docs\/guide\/images\/[\w.-]+" alt="[^"<>]*" loading="lazy" \/>/,
  /<div class="(?:code|table)"(?: tabindex="0" role="group" aria-label="Table: [^"<>]*")?>/,
  /<pre tabindex="0">|<code class="language-[\w+-]+">|<th scope="col"(?: class="(?:right|center)")?>|<td class="(?:right|center)">/,
]
const MARK = new RegExp(MARKS.map((each) => each.source).join('|'), 'g')

describe('what a page says', () => {
  test('never becomes a mark of its own, whatever it is', () => {
    const piece = fc.oneof(
      fc.string({ unit: 'grapheme', maxLength: 12 }),
      fc.constantFrom(
        '<script>',
        '</a>',
        '<img src=x onerror=y>',
        '" onclick="z',
        '&lt;b&gt;',
        '&#60;i&#62;',
        '`<b>`',
        '# <b>',
        '| <i> |',
        '\n',
        '\n\n',
        '```sh" x="y\n<u>\n```\n',
        '[<b>](#x)',
        '[x](#"><b>)',
        '![<b>](images/x.png)',
        '**',
        '- [x] ',
        '1. ',
        '> ',
        '&quot;',
        '|---|\n',
        '    ',
      ),
    )
    let checked = 0
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
        let made: string
        try {
          made = html(pieces.join(''))
        } catch (thrown) {
          // Refused: raw HTML and addresses that lead nowhere good.
          expect(thrown).toBeInstanceOf(RangeError)
          return
        }
        checked += 1
        expect(made.replaceAll(MARK, '')).not.toMatch(/[<>]/)
      }),
      { seed: SEED, numRuns: 2_000 },
    )
    expect(checked).toBeGreaterThan(500)
  })

  test('is refused where it is raw HTML, and notes to the editor are left out', () => {
    expect(() => html('<div>x</div>')).toThrow('raw HTML')
    expect(() => html('<!-- a --><script>x</script>')).toThrow('raw HTML')
    expect(() => html('a <b>c</b>')).toThrow('raw HTML inside a line')
    expect(() => html('- a<br>b')).toThrow('raw HTML inside a line')
    expect(() => html('a <!-- c -->')).toThrow('raw HTML inside a line')
    expect(html('<!-- made by hand -->')).toBe('')
    expect(html('<http://127.0.0.1:9347/ui>')).toContain('<a href="http://127.0.0.1:9347/ui" rel')
    expect(() => html('<javascript:alert(1)>')).toThrow('may not lead to')
    expect(html('`--show-key` `a b-c`')).toBe(
      '<p><code class="whole">--show-key</code> <code>a b-c</code></p>\n',
    )
    expect(html('a `<b>` \\<c> 1 < 2')).toBe('<p>a <code>&lt;b&gt;</code> &lt;c&gt; 1 &lt; 2</p>\n')
  })

  test.each([
    'javascript:alert(1)',
    'JaVaScRiPt:x',
    'data:text/html,x',
    'ftp://x',
    '//evil.com',
    '/etc/passwd',
    'http://example.com/x',
  ])('leads nowhere by %s', (href) => {
    expect(() => html(`[x](<${href}>)`)).toThrow(RangeError)
  })

  test('shows images of its own alone', () => {
    expect(html('![A "b"](images/a.png)')).toContain(
      '<img src="/docs/guide/images/a.png" alt="A &quot;b&quot;" loading="lazy" />',
    )
    for (const src of ['https://example.com/a.png', '../deploy/a.png', 'a.png']) {
      expect(() => html(`![x](${src})`)).toThrow('docs/images')
    }
  })

  test('stands in tables that scroll and code that can be reached, with headings that can be linked', () => {
    const made = html(
      '## A `b`\n\n| | x |\n|---|--:|\n| `a\\|b` | 1 |\n\n```sh\na <b>\n```\n\n3. c',
    )
    expect(made).toContain('<h2 id="a-b">A <code>b</code> <a class="anchor" href="#a-b"')
    expect(made).toContain('role="group" aria-label="Table: A b"><table>')
    expect(made).toContain('<tr><td></td><th scope="col" class="right">x</th></tr>')
    expect(made).toContain('<td><code>a|b</code></td><td class="right">1</td>')
    expect(made).toContain('<pre tabindex="0"><code class="language-sh">a &lt;b&gt;\n</code></pre>')
    expect(made).toContain('<ol start="3">')
  })

  test('needs a title', () => {
    expect(() => renderPage('## Second', { name: 'x' })).toThrow('docs/x.md has no title')
  })

  test('comes back whole from escaping', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (text) => {
        expect(plainText(escapeHtml(text))).toBe(text)
      }),
      { seed: SEED },
    )
  })
})

describe('where a link leads', () => {
  test.each([
    ['limits.md', 'index', '/docs/guide/limits'],
    ['./limits.md#per-key', 'index', '/docs/guide/limits#per-key'],
    ['decisions/relay.md', 'index', '/docs/guide/decisions/relay'],
    ['../limits.md', 'decisions/relay', '/docs/guide/limits'],
    ['relay.md', 'decisions/index', '/docs/guide/decisions/relay'],
    ['index.md', 'limits', '/docs/guide'],
    ['decisions/index.md', 'limits', '/docs/guide/decisions'],
    ['decisions', 'limits', '/docs/guide/decisions'],
    ['../README.md', 'limits', '/docs/guide'],
    ['#here', 'decisions/relay', '/docs/guide/decisions/relay#here'],
    ['/docs', 'limits', '/docs'],
    ['https://example.com/a?b#c', 'limits', 'https://example.com/a?b#c'],
    ['http://127.0.0.1:9347/ui', 'limits', 'http://127.0.0.1:9347/ui'],
  ])('%s on %s: %s', (href, from, to) => {
    expect(linkTarget(href, from)).toMatchObject({ href: to })
  })

  test('a file of the source is named, and linked where the source has an address', () => {
    expect(linkTarget('../deploy/compose.yaml', 'team')).toEqual({
      kind: 'source',
      path: 'deploy/compose.yaml',
    })
    expect(html('[the file](../deploy/a.yaml)')).toBe(
      '<p>the file (<code>deploy/a.yaml</code>)</p>\n',
    )
    expect(html('[`deploy/a.yaml`](../deploy/a.yaml)')).toBe('<p><code>deploy/a.yaml</code></p>\n')
    const sourceUrl = 'https://example.com/weir/blob/main'
    const made = renderPage('# T\n\n[x](../deploy/a.yaml)', { name: 'team', sourceUrl }).html
    expect(made).toContain(`<a href="${sourceUrl}/deploy/a.yaml" rel="noreferrer">x</a>`)
  })
})

describe('an anchor', () => {
  test.each([
    ['Hello, World!', 'hello-world'],
    ['`providers[]`', 'providers'],
    ['a_b-c  d', 'a_b-c--d'],
    ['Größe & Maß', 'größe--maß'],
    ['C++ / C#', 'c--c'],
    ['x.y: z', 'xy-z'],
  ])('of %p is %p', (heading, anchor) => {
    expect(anchors()(heading)).toBe(anchor)
  })

  test('is one of its own in a page, whatever its headings', () => {
    const heading = fc.constantFrom('a', 'a', 'A', 'a-1', 'a 1', '', '!', 'b')
    fc.assert(
      fc.property(fc.array(heading, { maxLength: 20 }), (headings) => {
        const make = anchors()
        const made = headings.map((each) => make(each))
        expect(new Set(made).size).toBe(made.length)
      }),
      { seed: SEED },
    )
    const make = anchors()
    expect(['a', 'a', 'a-1', 'a'].map(make)).toEqual(['a', 'a-1', 'a-1-1', 'a-2'])
  })
})

test('the index of the search has a row for each heading, and each word under it once', () => {
  const page = renderPage(
    '# Top\n\nIntro **with `first_byte`** word word.\n\n**Bold** word.\n\n- `code`: word **later**\n\n## Sub\n\n| a | b |\n|---|---|\n| one | two |\n',
    { name: 'top' },
  )
  const { pages, rows } = searchIndex([{ ...page, href: '/docs/guide/top' }])
  expect(pages).toEqual([{ href: '/docs/guide/top', title: 'Top' }])
  expect(rows).toEqual([
    {
      p: 0,
      a: '',
      h: 'Top',
      t: 'Intro with first_byte word word. Bold word. code: word later',
      w: ' intro with first_byte first byte word bold code later',
      d: ' bold code',
    },
    { p: 0, a: 'sub', h: 'Sub', t: 'a b one two', w: ' one two', d: ' one' },
  ])
})
