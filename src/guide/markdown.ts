// One page of `docs/` as HTML, by the parser of the runtime. Everything that a page says is escaped and nothing it holds reaches the browser
// as markup of its own: raw HTML is refused, addresses are checked, and what is made needs no style or script of its own.

import { anchors, linkTarget, type LinkTarget } from './links.ts'

export interface Heading {
  readonly level: number
  readonly id: string
  readonly text: string
}

export interface RenderedPage {
  /** Text of the first heading. */
  readonly title: string
  readonly html: string
  readonly headings: readonly Heading[]
  /** Where its links and images lead. */
  readonly links: readonly LinkTarget[]
}

export interface RenderOptions {
  /** Name of the page, without `.md`, from `docs/`. */
  readonly name: string
  /** Where the source can be read (`https://host/owner/name/blob/main`); without it files of the source are named and not linked. */
  readonly sourceUrl?: string
}

const RAW_SHOWN_CHARS = 120

/** Names of up to so many characters are kept on one line. */
const WHOLE_CHARS_MAX = 24

/** Notes to whoever edits the page. */
const COMMENT = /^\s*<!--(?:(?!-->)[\s\S])*-->\s*$/

/**
 * @param markdown GitHub Flavored Markdown with one heading of the first level
 * @throws RangeError for raw HTML, for a link that a page may not have, and for a page without a title
 */
export function renderPage(markdown: string, options: RenderOptions): RenderedPage {
  const raw = rawInline(markdown)
  if (raw !== undefined) {
    throw new RangeError(
      `docs/${options.name}.md: raw HTML inside a line, to be written as code: ${raw}`,
    )
  }
  const state: State = { options, headings: [], links: [], anchor: anchors() }
  const html = Bun.markdown.render(markdown, {
    ...blocks(state),
    ...tables(state),
    ...inlines(state),
  })
  const title = state.headings.find(({ level }) => level === 1)?.text
  if (title === undefined) throw new RangeError(`docs/${options.name}.md has no title`)
  return { title, html, headings: state.headings, links: state.links }
}

/** CommonMark §6.5: an address between angle brackets is a link and no tag. */
const AUTOLINK = /<([a-z][a-z0-9+.-]{1,31}:[^\s<>]*|[\w.+-]+@[\w.-]+)>/gi

/**
 * The line that has raw HTML in it, if there is one. The parser hands such tags on as text, which would be shown, but a code host makes
 * marks of them: what is a tag to either has no place.
 */
function rawInline(markdown: string): string | undefined {
  const plain = markdown.replaceAll(AUTOLINK, '$1')
  const lines = Bun.markdown.html(plain).split('\n')
  const without = Bun.markdown.html(plain, { noHtmlSpans: true }).split('\n')
  return lines.find((line, at) => line !== without[at])?.slice(0, RAW_SHOWN_CHARS)
}

interface State {
  readonly options: RenderOptions
  readonly headings: Heading[]
  readonly links: LinkTarget[]
  readonly anchor: (heading: string) => string
}

function blocks({ anchor, headings, options }: State) {
  return {
    heading(children: string, { level }: { level: number }) {
      const text = plainText(children)
      const id = anchor(text)
      headings.push({ level, id, text })
      if (level === 1) return `<h1 id="${id}">${children}</h1>\n`
      const link = `<a class="anchor" href="#${id}" aria-label="Link to “${escapeHtml(text)}”">#</a>`
      return `<h${level} id="${id}">${children} ${link}</h${level}>\n`
    },
    paragraph: (children: string) => `<p>${children}</p>\n`,
    blockquote: (children: string) => `<blockquote>\n${children}</blockquote>\n`,
    code(children: string, meta?: { language?: string }) {
      const language = /^[\w+-]+/.exec(meta?.language ?? '')?.[0]
      const kind = language === undefined ? '' : ` class="language-${language}"`
      // What scrolls must be reachable by keyboard.
      return `<div class="code"><pre tabindex="0"><code${kind}>${children}</code></pre></div>\n`
    },
    list(children: string, { ordered, start }: { ordered: boolean; start?: number }) {
      if (!ordered) return `<ul>\n${children}</ul>\n`
      return `<ol${start === undefined || start === 1 ? '' : ` start="${start}"`}>\n${children}</ol>\n`
    },
    listItem(children: string, { checked }: { checked?: boolean }) {
      const mark = checked === undefined ? '' : checked ? '☑ ' : '☐ '
      return `<li>${mark}${children}</li>\n`
    },
    hr: () => '<hr />\n',
    html(children: string) {
      const raw = unescapeHtml(children)
      if (COMMENT.test(raw)) return ''
      throw new RangeError(`docs/${options.name}.md: raw HTML: ${raw.trim().slice(0, 60)}`)
    },
  }
}

function tables({ headings }: State) {
  const cell = (tag: string, children: string, align: string | undefined) =>
    `<${tag}${align === 'right' || align === 'center' ? ` class="${align}"` : ''}>${children}</${tag.split(' ')[0]}>`
  return {
    table(children: string) {
      const under = escapeHtml(headings.at(-1)?.text ?? '')
      return `<div class="table" tabindex="0" role="group" aria-label="Table: ${under}"><table>\n${children}</table></div>\n`
    },
    thead: (children: string) => `<thead>${children}</thead>\n`,
    tbody: (children: string) => `<tbody>\n${children}</tbody>\n`,
    tr: (children: string) => `<tr>${children}</tr>\n`,
    // A corner that heads nothing is no heading.
    th: (children: string, meta?: { align?: string }) =>
      children.trim() === '' ? '<td></td>' : cell('th scope="col"', children, meta?.align),
    td: (children: string, meta?: { align?: string }) => cell('td', children, meta?.align),
  }
}

function inlines({ links, options }: State) {
  return {
    text: (children: string) => escapeHtml(children),
    // A name that would be cut at its hyphens at the end of a line stays whole; a long one may be parted.
    codespan: (children: string) =>
      /^\S*-\S*$/.test(children) && children.length <= WHOLE_CHARS_MAX
        ? `<code class="whole">${children}</code>`
        : `<code>${children}</code>`,
    strong: (children: string) => `<strong>${children}</strong>`,
    emphasis: (children: string) => `<em>${children}</em>`,
    strikethrough: (children: string) => `<del>${children}</del>`,
    link(children: string, { href }: { href: string }) {
      const target = linkTarget(href, options.name)
      links.push(target)
      if (target.kind !== 'source') {
        const elsewhere = target.kind === 'outside' ? ' rel="noreferrer"' : ''
        return `<a href="${escapeHtml(target.href)}"${elsewhere}>${children}</a>`
      }
      if (options.sourceUrl !== undefined) {
        const address = escapeHtml(`${options.sourceUrl}/${target.path}`)
        return `<a href="${address}" rel="noreferrer">${children}</a>`
      }
      // The executable has no source to show: it says where it stands.
      const named = plainText(children)
      if (named.includes(target.path)) return children
      return `${children} (<code>${escapeHtml(target.path)}</code>)`
    },
    image(children: string, { src }: { src: string }) {
      const target = linkTarget(src, options.name)
      if (target.kind !== 'image') {
        throw new RangeError(`docs/${options.name}.md: an image stands in docs/images, not ${src}`)
      }
      links.push(target)
      const words = escapeHtml(plainText(children))
      return `<img src="${escapeHtml(target.href)}" alt="${words}" loading="lazy" />`
    },
  }
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
}
const CHARACTERS = new Map(Object.entries(ENTITIES).map(([plain, escaped]) => [escaped, plain]))

/** Text as it stands in HTML, in an attribute between double quotes too. */
export function escapeHtml(text: string): string {
  return text.replaceAll(/[&<>"]/g, (character) => ENTITIES[character] ?? character)
}

function unescapeHtml(html: string): string {
  return html.replaceAll(/&(?:amp|lt|gt|quot);/g, (entity) => CHARACTERS.get(entity) ?? entity)
}

/** What a reader sees of HTML that `renderPage` made, without its marks. */
export function plainText(html: string): string {
  return unescapeHtml(html.replaceAll(/<[^>]*>/g, ''))
}
