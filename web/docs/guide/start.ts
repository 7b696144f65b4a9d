// What a script adds to a page of the guide: search, a button to copy each block of code, the choice of the theme, and an open list of what
// is on the page where there is room. Every page reads well without it; it asks the server for nothing but the search's index.

import { keep, kept } from '../../kept.ts'
import { look, type Index, type Row } from './search.ts'

const FOUND_MAX = 12
const COPIED_MS = 1500
const THEME_KEY = 'weir-theme'
const THEMES = ['system', 'light', 'dark'] as const

const byId = (id: string) => document.getElementById(id)

const search = byId('search')
const query = byId('query') as HTMLInputElement | null
const found = byId('found')
const count = byId('found-count')

let index: Promise<Index> | undefined

function loadIndex(): Promise<Index> {
  return (index ??= fetch(search?.dataset['index'] ?? '').then((answer) => {
    if (!answer.ok) throw new Error(`${answer.status}`)
    return answer.json() as Promise<Index>
  }))
}

async function show(): Promise<void> {
  if (query === null || found === null || count === null) return
  const text = query.value
  let made: Index
  try {
    made = await loadIndex()
  } catch {
    index = undefined
    count.textContent = 'The search could not be loaded.'
    return
  }
  if (text !== query.value) return
  const finds = look(made, text, FOUND_MAX)
  found.replaceChildren(...finds.map((row) => linkTo(row, made)))
  if (finds.length === 0) found.textContent = 'Nothing found.'
  found.hidden = text.trim() === ''
  count.textContent = found.hidden ? '' : `${finds.length} found`
}

function linkTo(row: Row, { pages }: Index): HTMLElement {
  const page = pages[row.p]
  const link = document.createElement('a')
  link.href = `${page?.href ?? ''}${row.a === '' ? '' : `#${row.a}`}`
  const where = document.createElement('strong')
  const title = page?.title ?? ''
  where.textContent = row.a === '' ? title : `${title} › ${row.h}`
  const how = document.createElement('span')
  how.textContent = row.t
  link.append(where, how)
  return link
}

function close(): void {
  if (found !== null) found.hidden = true
}

/** Arrows go through what was found, from the field and back to it. */
function walk(event: KeyboardEvent): void {
  if (found === null || query === null) return
  if (event.key === 'Escape') {
    close()
    query.focus()
    return
  }
  if (event.key === 'Enter' && event.target === query) {
    found.querySelector<HTMLElement>('a')?.click()
    return
  }
  const step = event.key === 'ArrowDown' ? 1 : event.key === 'ArrowUp' ? -1 : 0
  if (step === 0 || found.hidden) return
  event.preventDefault()
  const stops: HTMLElement[] = [query, ...found.querySelectorAll<HTMLElement>('a')]
  const at = stops.findIndex((each) => each === document.activeElement)
  stops[(at + step + stops.length) % stops.length]?.focus()
}

function beginSearch(): void {
  if (search === null || query === null) return
  search.hidden = false
  query.addEventListener('focus', () => void loadIndex().catch(() => (index = undefined)))
  query.addEventListener('input', () => void show())
  search.addEventListener('keydown', walk)
  search.addEventListener('focusout', ({ relatedTarget }) => {
    if (!(relatedTarget instanceof Node) || !search.contains(relatedTarget)) close()
  })
  document.addEventListener('keydown', (event) => {
    const isTyping = event.target instanceof HTMLInputElement
    if (event.key !== '/' || isTyping || event.ctrlKey || event.metaKey || event.altKey) return
    event.preventDefault()
    query.focus()
  })
}

function addCopyButtons(): void {
  // Only a page that came safely may write to the clipboard; of loopback every browser says it did.
  if (!('clipboard' in navigator)) return
  for (const block of document.querySelectorAll('.code')) {
    const button = document.createElement('button')
    button.type = 'button'
    button.textContent = 'Copy'
    button.addEventListener('click', () => {
      const text = block.querySelector('code')?.textContent ?? ''
      const say = (word: string) => {
        button.textContent = word
        setTimeout(() => (button.textContent = 'Copy'), COPIED_MS)
      }
      navigator.clipboard.writeText(text.replace(/\n$/, '')).then(
        () => say('Copied'),
        () => say('Not allowed'),
      )
    })
    block.append(button)
  }
}

function beginTheme(): void {
  const button = byId('theme')
  if (button === null) return
  const chosen = () => THEMES.find((each) => each === kept('localStorage', THEME_KEY)) ?? 'system'
  const draw = () => {
    const theme = chosen()
    if (theme === 'system') delete document.documentElement.dataset['theme']
    else document.documentElement.dataset['theme'] = theme
    button.textContent = `Theme: ${theme}`
  }
  button.hidden = false
  button.addEventListener('click', () => {
    const next = THEMES[(THEMES.indexOf(chosen()) + 1) % THEMES.length]
    keep('localStorage', THEME_KEY, next === 'system' ? undefined : next)
    draw()
  })
  draw()
}

function openContents(): void {
  const contents = byId('contents')
  if (contents instanceof HTMLDetailsElement && matchMedia('(min-width: 75rem)').matches) {
    contents.open = true
  }
  // The page one is on, also where the list is long.
  const current = document.querySelector('.pages [aria-current]')
  const list = byId('pages')
  if (current instanceof HTMLElement && list !== null && list.scrollHeight > list.clientHeight) {
    list.scrollTop = current.offsetTop - list.clientHeight / 2
  }
}

beginSearch()
beginTheme()
addCopyButtons()
openContents()
