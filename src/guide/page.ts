// The frame of a page of the guide: header, navigation, what is on the page, the way on. It is whole without JavaScript; what a script adds
// (search, copying, the theme) it makes itself or finds hidden. Nothing stands inline: the policy of every page refuses that.

import { addressOf, GUIDE_PATH } from './links.ts'
import { escapeHtml, type Heading } from './markdown.ts'
import type { NavigationGroup } from './navigation.ts'

/** Names of the files that every page loads, with what is in them in their names. */
export interface PageFiles {
  readonly early: string
  readonly script: string
  readonly style: string
  /** Asked for by the first search. */
  readonly search: string
}

export interface FramedPage {
  /** Name in `docs/`, without `.md`; of none for pages that the guide makes itself. */
  readonly name: string | undefined
  readonly title: string
  readonly html: string
  readonly headings: readonly Heading[]
}

/**
 * A page as it is served.
 * @param navigation of the pages that there are, no others: it becomes links
 */
export function framePage(
  page: FramedPage,
  navigation: readonly NavigationGroup[],
  files: PageFiles,
): string {
  const title = page.title === 'Weir' ? 'Weir' : `${escapeHtml(page.title)} · Weir`
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8" />
<meta name="viewport" content="width=device-width, initial-scale=1" />
<meta name="color-scheme" content="light dark" />
<title>${title}</title>
<link rel="icon" href="/ui/icon.svg" />
<script src="${GUIDE_PATH}/${files.early}"></script>
<link rel="stylesheet" href="${GUIDE_PATH}/${files.style}" />
<script src="${GUIDE_PATH}/${files.script}" defer></script>
</head>
<body>
<a class="skip" href="#content">Skip to the text</a>
${header(page, files)}
<div class="frame">
${sideNavigation(page, navigation)}
<main id="content" tabindex="-1">
${onThisPage(page)}
<article>
${page.html}</article>
${wayOn(page, navigation)}
</main>
</div>
<footer><p>This guide is part of the program: it tells of the version that runs here. <a href="${GUIDE_PATH}/contents">Everything in it</a></p></footer>
</body>
</html>
`
}

function header({ name }: FramedPage, files: PageFiles): string {
  const home = name === 'index' ? ' aria-current="page"' : ''
  return `<header class="bar">
<a class="brand" href="${GUIDE_PATH}"${home}>Weir</a>
<a class="to-pages" href="#pages">Pages</a>
<div id="search" role="search" data-index="${GUIDE_PATH}/${files.search}" hidden>
<input type="search" id="query" placeholder="Search" aria-label="Search the guide" aria-controls="found" autocomplete="off" spellcheck="false" />
<div id="found" hidden></div>
<p id="found-count" class="unseen" role="status"></p>
</div>
<noscript><a href="${GUIDE_PATH}/contents">Everything in it</a></noscript>
<nav class="places" aria-label="Weir"><a href="/ui">Web UI</a><a href="/docs">API</a></nav>
<button type="button" id="theme" hidden>Theme</button>
</header>`
}

function sideNavigation({ name }: FramedPage, navigation: readonly NavigationGroup[]): string {
  const groups = navigation.map(({ pages, title }) => {
    const links = pages.map(([each, label]) => {
      const current = each === name ? ' aria-current="page"' : ''
      return `<li><a href="${addressOf(each)}"${current}>${escapeHtml(label)}</a></li>`
    })
    return `<p>${escapeHtml(title)}</p>\n<ul>${links.join('')}</ul>`
  })
  return `<nav id="pages" class="pages" aria-label="Pages" tabindex="-1">\n${groups.join('\n')}\n</nav>`
}

function onThisPage({ headings }: FramedPage): string {
  const shown = headings.filter(({ level }) => level === 2 || level === 3)
  if (shown.length < 2) return ''
  const links = shown.map(
    ({ id, level, text }) =>
      `<li class="level-${level}"><a href="#${id}">${escapeHtml(text)}</a></li>`,
  )
  return `<nav class="contents" aria-label="On this page"><details id="contents"><summary>On this page</summary><ul>${links.join('')}</ul></details></nav>`
}

function wayOn({ name }: FramedPage, navigation: readonly NavigationGroup[]): string {
  const pages = navigation.flatMap(({ pages: each }) => each)
  const at = pages.findIndex(([each]) => each === name)
  if (at < 0) return ''
  const link = (to: readonly [string, string] | undefined, rel: string, word: string) =>
    to === undefined
      ? ''
      : `<a rel="${rel}" href="${addressOf(to[0])}"><span>${word}</span> ${escapeHtml(to[1])}</a>`
  return `<nav class="way" aria-label="Before and after">${link(pages[at - 1], 'prev', 'Before')}${link(pages[at + 1], 'next', 'Next')}</nav>`
}

/** The body of the page that lists every page and every heading: the search of whoever has no script. */
export function contentsHtml(
  pages: readonly {
    readonly href: string
    readonly title: string
    readonly headings: readonly Heading[]
  }[],
): string {
  const lists = pages.map(({ headings, href, title }) => {
    const links = headings
      .filter(({ level }) => level === 2 || level === 3)
      .map(({ id, text }) => `<li><a href="${href}#${id}">${escapeHtml(text)}</a></li>`)
    return `<h2><a href="${href}">${escapeHtml(title)}</a></h2>\n<ul class="all">${links.join('')}</ul>`
  })
  return `<h1>Everything in the guide</h1>\n${lists.join('\n')}\n`
}

/** The body of the page for what is not there. */
export function missingHtml(): string {
  return `<h1>There is no such page</h1>
<p>It may have another name now: <a href="${GUIDE_PATH}/contents">everything in the guide</a>, or its <a href="${GUIDE_PATH}">beginning</a>.</p>
`
}
