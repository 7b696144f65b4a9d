// Makes the guide: every page of `docs/` as a file to be served under `/docs/guide`, with the list of everything, the page for what is not
// there, the search's index and the images that pages show. The build calls it, and development at the first look; the executable never.

import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { addressOf, fileOf, GUIDE_PATH } from './links.ts'
import { renderPage, type RenderedPage } from './markdown.ts'
import { NAVIGATION, type NavigationGroup } from './navigation.ts'
import { contentsHtml, framePage, missingHtml, type PageFiles } from './page.ts'
import { searchIndex } from './search-index.ts'

/** A file by the name it has under `/docs/guide/`. */
export interface GuideFile {
  readonly name: string
  readonly body: Uint8Array<ArrayBuffer>
}

export interface GuideOptions {
  /** Scripts and styles that the pages load, by the names they are served under. */
  readonly files: Omit<PageFiles, 'search'>
  /** Where the source can be read, if it can. */
  readonly sourceUrl?: string
}

/** A page of `docs/`, rendered. */
export interface GuidePage extends RenderedPage {
  /** `limits`, `decisions/relay` */
  readonly name: string
  /** `/docs/guide/limits` */
  readonly href: string
}

/** Names of the pages in a folder, without `.md`, in the order of the navigation and then of the alphabet. */
export function pageNames(folder: string): string[] {
  const there = readdirSync(folder, { recursive: true })
    .map((name) => String(name).replaceAll('\\', '/'))
    .filter((name) => name.endsWith('.md'))
    .map((name) => name.slice(0, -'.md'.length))
  const order = new Map(
    NAVIGATION.flatMap(({ pages }) => pages.map(([name]) => name)).map((name, at) => [name, at]),
  )
  return there.toSorted(
    (one, other) =>
      (order.get(one) ?? Infinity) - (order.get(other) ?? Infinity) || one.localeCompare(other),
  )
}

/**
 * Every page of a folder.
 * @throws RangeError naming the page that can't be one (`renderPage`)
 */
export function renderGuide(folder: string, sourceUrl?: string): GuidePage[] {
  return pageNames(folder).map((name) => ({
    name,
    href: addressOf(name),
    ...renderPage(readFileSync(join(folder, `${name}.md`), 'utf8'), {
      name,
      ...(sourceUrl === undefined ? {} : { sourceUrl }),
    }),
  }))
}

/**
 * The files of the guide.
 * @param folder `docs/`
 * @throws RangeError naming the page that can't be one
 */
export function guideFiles(folder: string, options: GuideOptions): GuideFile[] {
  const pages = renderGuide(folder, options.sourceUrl)
  const navigation = navigationOf(pages)
  const labels = new Map(navigation.flatMap(({ pages: listed }) => listed))
  const index = JSON.stringify(
    searchIndex(pages.map((page) => ({ ...page, title: labels.get(page.name) ?? page.title }))),
  )
  const search = `search-${Bun.hash(index).toString(16).padStart(16, '0').slice(-8)}.json`
  const files = { ...options.files, search }
  const own = (title: string, html: string) =>
    framePage({ name: undefined, title, html, headings: [] }, navigation, files)
  return [
    ...pages.map((page) => file(fileOf(page.name), framePage(page, navigation, files))),
    file('contents.html', own('Everything in the guide', contentsHtml(pages))),
    file('404.html', own('No such page', missingHtml())),
    file(search, index),
    ...imagesOf(pages).map((name) => ({
      name,
      body: new Uint8Array(readFileSync(join(folder, name))),
    })),
  ]
}

function file(name: string, text: string): GuideFile {
  return { name, body: new TextEncoder().encode(text) }
}

/** The navigation without what is not there: no link of it leads nowhere. */
function navigationOf(pages: readonly GuidePage[]): NavigationGroup[] {
  const there = new Set(pages.map(({ name }) => name))
  return NAVIGATION.map(({ pages: listed, title }) => ({
    title,
    pages: listed.filter(([name]) => there.has(name)),
  })).filter(({ pages: left }) => left.length > 0)
}

/** Images that pages show, each once, by their names in `docs/`. */
function imagesOf(pages: readonly GuidePage[]): string[] {
  const shown = pages.flatMap(({ links }) =>
    links.flatMap((link) =>
      link.kind === 'image' ? [link.href.slice(GUIDE_PATH.length + 1)] : [],
    ),
  )
  return [...new Set(shown)]
}
