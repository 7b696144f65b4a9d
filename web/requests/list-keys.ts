// `j` and `k` walk a list as the arrows do, wherever the focus is; Enter then opens. Never while somebody types, nor under a dialog.

import { useEffect } from 'preact/hooks'

const KEYS: Readonly<Record<string, string>> = { j: 'ArrowDown', k: 'ArrowUp' }

export function useListKeys(listOf: () => HTMLElement | null): void {
  useKeys((key) => {
    const list = listOf()
    const arrow = KEYS[key]
    if (list === null || arrow === undefined) return false
    list.focus({ preventScroll: true })
    list.dispatchEvent(new KeyboardEvent('keydown', { key: arrow }))
    return true
  })
}

/** @param take says whether the key was for it */
export function useKeys(take: (key: string) => boolean): void {
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      const { altKey, ctrlKey, defaultPrevented, key, metaKey, target } = event
      if (defaultPrevented || altKey || ctrlKey || metaKey) return
      const isTyping = target instanceof Element && target.matches('input, textarea, select')
      if (isTyping || document.querySelector('dialog[open]') !== null) return
      if (take(key)) event.preventDefault()
    }
    addEventListener('keydown', onKey)
    return () => removeEventListener('keydown', onKey)
  })
}
