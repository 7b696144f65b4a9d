// Where one is: the address as signals, links that change it without loading the page anew, and what a browser would do at a new page
// (title, scroll, focus) done by hand. It knows nothing of the pages but how a path is matched.

import { signal } from '@preact/signals'
import type { ComponentChildren, JSX } from 'preact'

/** `/ui/requests/abc`, without a slash at its end. */
export const path = signal(cleaned(location.pathname))

/** Of the address; never written to: `navigate` and `setParam` change it. */
export const search = signal(new URLSearchParams(location.search))

/** Counts the ways to a page, each with whether the place on it was kept. */
export const arrival = signal({ count: 0, isBack: false })

/** Asked before a page with unsaved work is left; a text says what is lost. */
const guards = new Set<() => string | undefined>()

addEventListener('popstate', () => {
  sync(true)
})

/** Goes to a path of the UI. @param to `/ui/keys?state=active` */
export function navigate(to: string, options: { readonly replace?: boolean } = {}): void {
  const url = new URL(to, location.origin)
  const target = `${url.pathname}${url.search}${url.hash}`
  if (!mayLeave()) return
  history.replaceState({ ...history.state, scroll: scrollY }, '')
  if (options.replace === true) history.replaceState(null, '', target)
  else history.pushState(null, '', target)
  sync(false)
}

/** Changes parameters of the address without a new place in the history; undefined and '' take one away. */
export function setParams(values: Readonly<Record<string, string | undefined>>): void {
  const next = new URLSearchParams(search.peek())
  for (const [name, value] of Object.entries(values)) {
    if (value === undefined || value === '') next.delete(name)
    else next.set(name, value)
  }
  const text = next.toString()
  history.replaceState(history.state, '', `${location.pathname}${text === '' ? '' : `?${text}`}`)
  search.value = next
}

/** A parameter of the address; reading it in a component draws that anew when it changes. */
export function param(name: string): string | undefined {
  return search.value.get(name) ?? undefined
}

/** Asks before the page is left. @returns takes the question back */
export function guardLeaving(question: () => string | undefined): () => void {
  guards.add(question)
  return () => guards.delete(question)
}

addEventListener('beforeunload', (event) => {
  if ([...guards].some((guard) => guard() !== undefined)) event.preventDefault()
})

function mayLeave(): boolean {
  for (const guard of guards) {
    const question = guard()
    // eslint-disable-next-line no-alert -- the browser's own is what it asks on closing too
    if (question !== undefined && !confirm(question)) return false
  }
  return true
}

function sync(isBack: boolean): void {
  const next = cleaned(location.pathname)
  const isElsewhere = next !== path.peek()
  search.value = new URLSearchParams(location.search)
  path.value = next
  if (isElsewhere) arrival.value = { count: arrival.peek().count + 1, isBack }
}

function cleaned(pathname: string): string {
  return pathname.replace(/\/+$/, '') || '/ui'
}

/** Puts the page where it belongs after it was drawn: at its top with the heading in focus, or where one was before. */
export function settle(heading: HTMLElement | null): void {
  const { count, isBack } = arrival.peek()
  if (count === 0) return
  const kept = (history.state as { scroll?: number } | null)?.scroll
  scrollTo(0, isBack ? (kept ?? 0) : 0)
  heading?.focus({ preventScroll: true })
}

/**
 * The parameters of a path that a pattern matches: `:name` stands for one part, `:name?` at the end for one or none.
 * @returns undefined where it does not match
 */
export function matchPath(pattern: string, actual: string): Record<string, string> | undefined {
  const wanted = pattern.split('/')
  const parts = actual.split('/')
  if (parts.length > wanted.length) return undefined
  const params: Record<string, string> = {}
  for (const [index, part] of wanted.entries()) {
    const found = parts[index]
    const name = /^:(\w+)(\??)$/.exec(part)
    if (name === null) {
      if (found !== part) return undefined
    } else if (found !== undefined) {
      const value = decoded(found)
      if (value === undefined) return undefined
      params[name[1] ?? ''] = value
    } else if (name[2] !== '?') return undefined
  }
  return params
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text)
  } catch (thrown) {
    if (thrown instanceof URIError) return undefined
    throw thrown
  }
}

interface LinkProps extends Omit<JSX.IntrinsicElements['a'], 'href' | 'ref'> {
  readonly href: string
  readonly children?: ComponentChildren
}

/** A link within the UI; anything a browser does with a link (a new tab, saving it) still works. */
export function Link({ href, onClick, ...rest }: LinkProps) {
  return (
    <a
      href={href}
      onClick={(event) => {
        onClick?.(event)
        const isPlain =
          event.button === 0 && !event.metaKey && !event.ctrlKey && !event.shiftKey && !event.altKey
        if (event.defaultPrevented || !isPlain || !href.startsWith('/ui')) return
        event.preventDefault()
        navigate(href)
      }}
      {...(rest as object)}
    />
  )
}
