// Where a link of a page in `docs/` leads inside the guide, and the anchors of its headings as code hosts make them, so that one link works
// in both places. It reads no files: whoever builds the guide says which there are.

import { posix } from 'node:path'

/** Where the guide is served. */
export const GUIDE_PATH = '/docs/guide'

/** What a link is in the guide. */
export type LinkTarget =
  | { readonly kind: 'page' | 'image' | 'outside' | 'server'; readonly href: string }
  /** A file of the source, which the executable has not: its path from the top of the repository. */
  | { readonly kind: 'source'; readonly path: string }

/** Schemes that a page may link to. `javascript:` and the like are nobody's. */
const OUTSIDE = /^(?:https:\/\/|http:\/\/(?:127\.0\.0\.1|localhost)(?=[:/]|$)|mailto:)/

/** Pages of the running server. */
const SERVER = /^\/(?:ui|docs|openapi\.json|metrics|health|readyz)(?=[/?#]|$)/

/**
 * @param href as it is written in the page
 * @param from name of the page, without `.md`, from `docs/` (`decisions/relay`)
 * @throws RangeError for an address that a page may not lead to
 */
export function linkTarget(href: string, from: string): LinkTarget {
  if (OUTSIDE.test(href)) return { kind: 'outside', href }
  if (SERVER.test(href)) return { kind: 'server', href }
  if (/^(?:[a-z][a-z0-9+.-]*:|\/)/i.test(href)) {
    throw new RangeError(`docs/${from}.md: a link may not lead to ${href}`)
  }
  const [, path = '', fragment = ''] = /^([^#?]*)(#.*)?$/.exec(href) ?? []
  if (path === '') return { kind: 'page', href: `${addressOf(from)}${fragment}` }
  const file = posix.normalize(posix.join('docs', posix.dirname(from), path))
  if (file === 'README.md') return { kind: 'page', href: `${GUIDE_PATH}${fragment}` }
  const name = /^docs\/(.+)\.md$/.exec(file)?.[1]
  if (name !== undefined) return { kind: 'page', href: `${addressOf(name)}${fragment}` }
  const image = /^docs\/(images\/[\w.-]+)$/.exec(file)?.[1]
  if (image !== undefined) return { kind: 'image', href: `${GUIDE_PATH}/${image}` }
  if (file === 'docs/decisions') return { kind: 'page', href: addressOf('decisions/index') }
  return { kind: 'source', path: file }
}

/** `/docs/guide/limits` of the page `limits`; an `index` is its folder. */
export function addressOf(name: string): string {
  const path = name.replace(/(?:^|\/)index$/, '')
  return path === '' ? GUIDE_PATH : `${GUIDE_PATH}/${path}`
}

/** File of the executable that answers for a page: `limits.html`, `decisions.html`, `index.html`. */
export function fileOf(name: string): string {
  return `${name.replace(/\/index$/, '')}.html`
}

/**
 * Makes the anchors of one page: small letters, no punctuation, hyphens for spaces, a number for each repetition. That is what GitHub,
 * Gitea and Forgejo do.
 */
export function anchors(): (heading: string) => string {
  const seen = new Map<string, number>()
  return (heading) => {
    const plain = heading
      .trim()
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{M}\p{N}\p{Pc}\- ]/gu, '')
      .replaceAll(' ', '-')
    let slug = plain
    while (seen.has(slug)) {
      const count = (seen.get(plain) ?? 0) + 1
      seen.set(plain, count)
      slug = `${plain}-${count}`
    }
    seen.set(slug, 0)
    return slug
  }
}
