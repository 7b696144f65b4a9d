// Keys that work anywhere: `/` to the search of the page, `g` and a letter to another page, `?` for what there is. Never while somebody types,
// nor under a dialog.

import { navigate } from './router.tsx'

interface Keys {
  /** Letter → path. */
  readonly jumps: () => ReadonlyMap<string, string>
  readonly showHelp: () => void
}

/** The second key of a jump must come before this. */
const JUMP_MS = 1_500

/** @returns takes them away */
export function installKeys({ jumps, showHelp }: Keys): () => void {
  let jumpUntilMs = 0
  const onKey = (event: KeyboardEvent) => {
    if (event.defaultPrevented || event.metaKey || event.ctrlKey || event.altKey) return
    if (isTyping(event.target) || document.querySelector('dialog[open]') !== null) return
    const target = event.timeStamp < jumpUntilMs ? jumps().get(event.key) : undefined
    jumpUntilMs = 0
    if (target !== undefined) navigate(target)
    else if (event.key === 'g') {
      jumpUntilMs = event.timeStamp + JUMP_MS
      return
    } else if (event.key === '?') showHelp()
    else if (event.key === '/') {
      const search = document.querySelector<HTMLElement>('[data-search]')
      if (search === null) return
      search.focus()
    } else return
    event.preventDefault()
  }
  addEventListener('keydown', onKey)
  return () => removeEventListener('keydown', onKey)
}

function isTyping(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false
  return target.isContentEditable || /^(?:INPUT|TEXTAREA|SELECT)$/.test(target.tagName)
}
