// Tabs: one of several views of the same thing. Arrows walk them, and only the chosen one is in the way of the Tab key.

import type { ComponentChildren } from 'preact'
import { useRef } from 'preact/hooks'
import { navigate } from '../router.tsx'

export interface Tab<T extends string = string> {
  readonly id: T
  readonly title: string
  /** Behind the title: how many. */
  readonly count?: number
  /** Its own address; then choosing it goes there. */
  readonly href?: string
}

export interface TabsProps<T extends string> {
  /** What they are views of. */
  readonly label: string
  readonly tabs: readonly Tab<T>[]
  readonly current: T
  readonly onSelect?: (id: T) => void
  /** The chosen view. */
  readonly children?: ComponentChildren
}

export function Tabs<T extends string>({ children, current, label, onSelect, tabs }: TabsProps<T>) {
  const list = useRef<HTMLDivElement>(null)
  const choose = (tab: Tab<T> | undefined) => {
    if (tab === undefined) return
    if (tab.href === undefined) onSelect?.(tab.id)
    else navigate(tab.href)
    list.current?.querySelector<HTMLElement>(`#tab-${tab.id}`)?.focus()
  }
  const walk = (event: KeyboardEvent) => {
    const at = tabs.findIndex(({ id }) => id === current)
    const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: tabs.length - 1 }[event.key]
    if (to === undefined) return
    event.preventDefault()
    choose(tabs[(to + tabs.length) % tabs.length])
  }
  return (
    <div>
      <div ref={list} class="tabs" role="tablist" aria-label={label} onKeyDown={walk}>
        {tabs.map((tab) => (
          <button
            key={tab.id}
            id={`tab-${tab.id}`}
            type="button"
            role="tab"
            aria-selected={tab.id === current}
            aria-controls={`panel-${tab.id}`}
            tabIndex={tab.id === current ? 0 : -1}
            onClick={() => choose(tab)}
          >
            {tab.title}
            {tab.count !== undefined && <span class="tab-count">{tab.count}</span>}
          </button>
        ))}
      </div>
      <div
        id={`panel-${current}`}
        class="tab-panel"
        role="tabpanel"
        aria-labelledby={`tab-${current}`}
      >
        {children}
      </div>
    </div>
  )
}
