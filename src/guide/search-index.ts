// What the search of the guide looks through: a row for each heading of each page, with the words under it. It is a file of its own that a
// browser asks for when somebody searches; it holds each word of a section once, which is enough to find it and half of the text.

import type { Heading } from './markdown.ts'
import { plainText } from './markdown.ts'

/** A section: where it is, what it is called, how it begins, and its words. Short names: there are a thousand of them. */
export interface SearchRow {
  /** Position of its page in `pages`. */
  readonly p: number
  /** Anchor; empty for the beginning of a page. */
  readonly a: string
  readonly h: string
  /** How it begins. */
  readonly t: string
  /** Its words, small, each once, with a space before each. */
  readonly w: string
  /** Those that it explains: what its tables and paragraphs begin with, likewise. */
  readonly d: string
}

export interface SearchIndex {
  readonly pages: readonly { readonly href: string; readonly title: string }[]
  readonly rows: readonly SearchRow[]
}

export interface SearchedPage {
  readonly href: string
  /** What it is called in the navigation. */
  readonly title: string
  readonly html: string
  readonly headings: readonly Heading[]
}

const BEGINNING_CHARS = 140

/** @param pages as `renderPage` made them, in the order of the navigation: of equal finds the first comes first */
export function searchIndex(pages: readonly SearchedPage[]): SearchIndex {
  const rows = pages.flatMap(({ headings, html }, p) =>
    sectionsOf(html).map(({ id, inside }, at): SearchRow => {
      const text = plainText(inside.replaceAll(/<\/(?:t[dh]|p|li|pre|h\d)>/g, ' $&'))
        .replaceAll(/\s+/g, ' ')
        .trim()
      const heading = headings.find((each) => each.id === id)?.text ?? ''
      return {
        p,
        a: at === 0 ? '' : id,
        h: heading,
        t: beginningOf(text),
        w: wordsOf(text),
        d: wordsOf(explainedIn(inside)),
      }
    }),
  )
  return { pages: pages.map(({ href, title }) => ({ href, title })), rows }
}

function sectionsOf(html: string): { id: string; inside: string }[] {
  return html
    .split(/(?=<h[1-4] id=")/)
    .filter((part) => part.startsWith('<h'))
    .map((part) => ({
      id: /^<h\d id="([^"]*)"/.exec(part)?.[1] ?? '',
      inside: part.replace(/^<h\d[\s\S]*?<\/h\d>/, ''),
    }))
}

/** Longer cells tell something and explain no name. */
const NAME_CHARS_MAX = 60

/** The first cell of each row of a table, and the bold words or names that a paragraph or a point of a list begins with. */
function explainedIn(html: string): string {
  const first =
    /<tr>\s*<td\b[^>]*>([\s\S]*?)<\/td>|<(?:p|li)>\s*<(?:strong|code(?: class="whole")?)>([\s\S]*?)<\/(?:strong|code)>/g
  return [...html.matchAll(first)]
    .map(([, cell, name]) => plainText(cell ?? name ?? ''))
    .filter((text) => text.length <= NAME_CHARS_MAX)
    .join(' ')
}

function beginningOf(text: string): string {
  if (text.length <= BEGINNING_CHARS) return text
  return `${text.slice(0, BEGINNING_CHARS).replace(/\s+\S*$/, '')} …`
}

/** Names like `first_byte` and `x-request-id` are found whole and by their parts. */
function wordsOf(text: string): string {
  const words = new Set<string>()
  for (const whole of text.toLowerCase().match(/[\p{L}\p{N}_.-]+/gu) ?? []) {
    const name = whole.replaceAll(/^[.-]+|[.-]+$/g, '')
    if (name.length > 1) words.add(name)
    for (const part of name.split(/[_.-]+/)) if (part.length > 1) words.add(part)
  }
  return [...words].map((word) => ` ${word}`).join('')
}
