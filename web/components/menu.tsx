// A button with a list of things to do or places to go. The list lies over everything, wherever the button stands; arrows walk it.

import { useSignal } from '@preact/signals'
import type { ComponentChildren } from 'preact'
import { useEffect, useId, useRef } from 'preact/hooks'
import { Icon, type IconName } from '../icons.tsx'
import { navigate } from '../router.tsx'
import { Button, IconButton } from './button.tsx'

export interface MenuItem {
  readonly label: string
  readonly icon?: IconName
  /** Where it goes; or `onSelect`: what it does. */
  readonly href?: string
  readonly onSelect?: () => void
  readonly danger?: boolean
  /** Why it can't be chosen now; shown beside it. */
  readonly disabled?: string | undefined
  /** One of several that is so now. */
  readonly checked?: boolean
}

export interface MenuProps {
  /** What the button says. */
  readonly label: string
  readonly items: readonly (MenuItem | undefined)[]
  /** An icon alone, with the label for those who hear it. */
  readonly icon?: IconName
  /** In place of the label on the button. */
  readonly children?: ComponentChildren
  readonly size?: 'small' | 'normal'
  /** Above the items. */
  readonly head?: ComponentChildren
}

export function Menu({ children, head, icon, items, label, size = 'normal' }: MenuProps) {
  const id = useId()
  const isOpen = useSignal(false)
  const anchor = useRef<HTMLSpanElement>(null)
  const list = useRef<HTMLDivElement>(null)
  const shown = items.filter((item) => item !== undefined)

  useEffect(() => {
    const element = list.current
    if (element === null || !isOpen.value) return undefined
    element.showPopover()
    place(element, anchor.current)
    entriesOf(element)[0]?.focus()
    const close = (event: Event) => {
      if (event.target instanceof Node && element.contains(event.target)) return
      if (event.target instanceof Node && anchor.current?.contains(event.target)) return
      isOpen.value = false
    }
    addEventListener('mousedown', close, true)
    addEventListener('scroll', close, true)
    addEventListener('resize', close)
    return () => {
      removeEventListener('mousedown', close, true)
      removeEventListener('scroll', close, true)
      removeEventListener('resize', close)
    }
  }, [isOpen.value])

  const close = () => {
    isOpen.value = false
    anchor.current?.querySelector('button')?.focus()
  }
  const choose = ({ disabled, href, onSelect }: MenuItem) => {
    if (disabled !== undefined) return
    close()
    if (href === undefined) onSelect?.()
    else if (href.startsWith('/ui')) navigate(href)
    else location.assign(href)
  }
  const walk = (event: KeyboardEvent) => {
    const entries = entriesOf(list.current)
    const at = entries.indexOf(document.activeElement as HTMLElement)
    if (event.key === 'ArrowDown') entries[(at + 1) % entries.length]?.focus()
    else if (event.key === 'ArrowUp') entries.at(at - 1)?.focus()
    else if (event.key === 'Home') entries[0]?.focus()
    else if (event.key === 'End') entries.at(-1)?.focus()
    else if (event.key === 'Escape') close()
    else if (event.key === 'Tab') isOpen.value = false
    else return
    if (event.key === 'Tab') return
    event.preventDefault()
    event.stopPropagation()
  }
  const attributes = {
    'aria-haspopup': 'menu' as const,
    'aria-expanded': isOpen.value,
    'aria-controls': isOpen.value ? id : undefined,
    onClick: (event: MouseEvent) => {
      event.stopPropagation()
      isOpen.value = !isOpen.peek()
    },
    size,
  }
  return (
    <span ref={anchor} class="menu-anchor">
      {icon !== undefined && children === undefined ? (
        <IconButton icon={icon} label={label} {...attributes} />
      ) : (
        <Button
          {...(icon === undefined ? {} : { icon })}
          variant="ghost"
          {...attributes}
          aria-label={children === undefined ? undefined : label}
        >
          {children ?? label}
        </Button>
      )}
      {isOpen.value && (
        <div ref={list} class="menu" popover="manual" onKeyDown={walk}>
          {head !== undefined && <div class="menu-head">{head}</div>}
          <div id={id} role="menu" aria-label={label}>
            {shown.map((item) => (
              <MenuEntry key={item.label} item={item} onChoose={() => choose(item)} />
            ))}
          </div>
        </div>
      )}
    </span>
  )
}

function MenuEntry({ item, onChoose }: { item: MenuItem; onChoose: () => void }) {
  const { checked, danger = false, disabled, icon, label } = item
  return (
    <button
      type="button"
      role={checked === undefined ? 'menuitem' : 'menuitemradio'}
      aria-checked={checked}
      aria-disabled={disabled === undefined ? undefined : true}
      tabIndex={-1}
      class={danger ? 'menu-item menu-danger' : 'menu-item'}
      onClick={(event) => {
        event.stopPropagation()
        onChoose()
      }}
    >
      {icon === undefined ? <span class="icon-room" /> : <Icon name={icon} />}
      <span class="menu-label">
        {label}
        {disabled !== undefined && <small>{disabled}</small>}
      </span>
      {checked === true && <Icon name="check" size={14} />}
    </button>
  )
}

function entriesOf(list: HTMLElement | null): HTMLElement[] {
  return [...(list?.querySelectorAll<HTMLElement>('.menu-item') ?? [])]
}

/** Below the button, or above where there is no room; within the window. */
function place(list: HTMLElement, anchor: HTMLElement | null): void {
  const box = anchor?.getBoundingClientRect()
  if (box === undefined) return
  const { height, width } = list.getBoundingClientRect()
  const isBelow = box.bottom + height + 8 < innerHeight || box.top < height
  const left = box.left + width + 8 > innerWidth ? box.right - width : box.left
  list.style.left = `${Math.max(8, left)}px`
  list.style.top = `${isBelow ? box.bottom + 4 : box.top - height - 4}px`
}
