// The parts every page is made of: its heading with what can be done, and the panels under it.

import type { ComponentChildren } from 'preact'
import { useEffect, useId, useRef } from 'preact/hooks'
import { Icon } from '../icons.tsx'
import { arrival, Link, settle } from '../router.tsx'

export interface PageHeaderProps {
  readonly title: string
  /** One sentence: what is here. */
  readonly children?: ComponentChildren
  /** Buttons, at its end. */
  readonly actions?: ComponentChildren
  /** The page this one belongs to. */
  readonly back?: { readonly href: string; readonly label: string }
  /** Badges behind the title. */
  readonly badges?: ComponentChildren
}

/** Every page has one, first. The window is called like it, and it has the focus when one comes from another page. */
export function PageHeader({ actions, back, badges, children, title }: PageHeaderProps) {
  const heading = useRef<HTMLHeadingElement>(null)
  useEffect(() => {
    document.title = `${title} · Weir`
  }, [title])
  useEffect(() => settle(heading.current), [arrival.value.count])
  return (
    <header class="page-header">
      <div class="page-title">
        {back !== undefined && (
          <Link class="back-link" href={back.href}>
            <Icon name="left" size={14} /> {back.label}
          </Link>
        )}
        <h1 ref={heading} tabIndex={-1}>
          {title}
          {badges !== undefined && <span class="page-badges">{badges}</span>}
        </h1>
        {children !== undefined && <p>{children}</p>}
      </div>
      {actions !== undefined && <div class="page-actions">{actions}</div>}
    </header>
  )
}

export interface PanelProps {
  readonly title?: string
  /** Beside the title. */
  readonly hint?: ComponentChildren
  readonly actions?: ComponentChildren
  /** Without room around what is inside: tables. */
  readonly flush?: boolean
  readonly children: ComponentChildren
}

export function Panel({ actions, children, flush = false, hint, title }: PanelProps) {
  const id = useId()
  return (
    <section
      class={flush ? 'panel panel-flush' : 'panel'}
      aria-labelledby={title === undefined ? undefined : id}
    >
      {(title !== undefined || actions !== undefined) && (
        <header class="panel-head">
          <div>
            {title !== undefined && <h2 id={id}>{title}</h2>}
            {hint !== undefined && <p class="soft">{hint}</p>}
          </div>
          {actions !== undefined && <div class="panel-actions">{actions}</div>}
        </header>
      )}
      <div class="panel-body">{children}</div>
    </section>
  )
}

/** Names and values of one thing. @param items those that are undefined are left out */
export function Facts({
  items,
}: {
  items: readonly (readonly [string, ComponentChildren] | undefined)[]
}) {
  return (
    <dl class="facts">
      {items.map((item) =>
        item === undefined ? null : (
          <div key={item[0]}>
            <dt>{item[0]}</dt>
            <dd>{item[1]}</dd>
          </div>
        ),
      )}
    </dl>
  )
}

/** Filters and a search above a list. */
export function Toolbar({
  children,
  label = 'Filters',
}: {
  children: ComponentChildren
  label?: string
}) {
  return (
    <div class="toolbar" role="search" aria-label={label}>
      {children}
    </div>
  )
}

/** A search that `/` goes to. */
export function SearchInput({
  label,
  onValue,
  placeholder,
  value,
}: {
  label: string
  value: string
  onValue: (value: string) => void
  placeholder?: string
}) {
  return (
    <span class="search">
      <Icon name="search" />
      <input
        class="input"
        type="search"
        data-search
        aria-label={label}
        aria-keyshortcuts="/"
        placeholder={placeholder ?? label}
        value={value}
        autocomplete="off"
        spellcheck={false}
        onInput={(event) => onValue(event.currentTarget.value)}
      />
      <kbd aria-hidden="true">/</kbd>
    </span>
  )
}
