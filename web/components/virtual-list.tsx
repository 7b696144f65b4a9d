// A list of any length of which only what is in sight is drawn: rows of one height, more asked for at either end, a cursor that the arrows move.
// It is a grid for those who hear it, and tells how many rows it knows of.

import { useSignal } from '@preact/signals'
import type { ComponentChildren } from 'preact'
import { useEffect, useId, useLayoutEffect, useRef } from 'preact/hooks'

export interface ListColumn<R> {
  readonly id: string
  readonly title: string
  readonly cell: (row: R) => ComponentChildren
  /** Of CSS grid: `8rem`, `minmax(6rem, 1fr)`. */
  readonly width: string
  readonly align?: 'start' | 'end'
  /** Left out where the window is narrow. */
  readonly wideOnly?: boolean
}

export interface VirtualListProps<R> {
  readonly label: string
  readonly rows: readonly R[]
  readonly columns: readonly ListColumn<R>[]
  readonly keyOf: (row: R) => string
  /** In CSS pixels. */
  readonly rowHeight?: number
  /** Of the list; without, it takes the room there is. */
  readonly height?: number | string
  /** Enter or a click on a row. */
  readonly onOpen?: (row: R) => void
  /** The end is near, and there is more. */
  readonly onEnd?: () => void
  /** The top is reached: new ones may be there. */
  readonly onTop?: () => void
  /** Below the last row: that more comes, that it was the last, how far was looked. */
  readonly foot?: ComponentChildren
  readonly empty?: ComponentChildren
  readonly selected?: string | undefined
  readonly toneOf?: (row: R) => 'bad' | 'warn' | undefined
}

/** Rows drawn beyond what is in sight. */
const OVERSCAN = 8
const HEAD_PX = 34

export function VirtualList<R>(props: VirtualListProps<R>) {
  const {
    columns,
    empty,
    foot,
    height,
    keyOf,
    label,
    onEnd,
    onOpen,
    onTop,
    rowHeight = 36,
    rows,
    selected,
    toneOf,
  } = props
  const id = useId()
  const box = useRef<HTMLDivElement>(null)
  const top = useSignal(0)
  const seen = useSignal(600)
  const cursor = useSignal<string | undefined>(undefined)

  useEffect(() => {
    const element = box.current
    if (element === null) return undefined
    const observer = new ResizeObserver(() => (seen.value = element.clientHeight))
    observer.observe(element)
    return () => observer.disconnect()
  }, [])
  useKeptPlace(box, rows, keyOf, rowHeight)

  const first = Math.max(0, Math.floor(top.value / rowHeight) - OVERSCAN)
  const last = Math.min(rows.length, Math.ceil((top.value + seen.value) / rowHeight) + OVERSCAN)
  useEffect(() => {
    if (rows.length > 0 && last >= rows.length - OVERSCAN) onEnd?.()
  }, [last, rows.length])

  if (rows.length === 0 && empty !== undefined) return <>{empty}</>
  const at = rows.findIndex((row) => keyOf(row) === cursor.value)
  const go = (to: number) => {
    const row = rows[Math.max(0, Math.min(rows.length - 1, to))]
    const element = box.current
    if (row === undefined || element === null) return
    cursor.value = keyOf(row)
    const y = rows.indexOf(row) * rowHeight
    const room = element.clientHeight - HEAD_PX
    if (y < element.scrollTop) element.scrollTop = y
    else if (y + rowHeight > element.scrollTop + room) element.scrollTop = y + rowHeight - room
  }
  const page = Math.max(1, Math.floor(seen.value / rowHeight) - 2)
  const walk = (event: KeyboardEvent) => {
    if (event.target !== event.currentTarget) return
    const to = {
      ArrowDown: at + 1,
      ArrowUp: at - 1,
      PageDown: at + page,
      PageUp: at - page,
      Home: 0,
      End: rows.length - 1,
    }[event.key]
    const row = rows[at]
    if (to !== undefined) go(to)
    else if (event.key === 'Enter' && row !== undefined) onOpen?.(row)
    else return
    event.preventDefault()
  }
  return (
    <div
      ref={box}
      class="virtual-list"
      role="grid"
      aria-label={label}
      aria-rowcount={rows.length + 1}
      aria-activedescendant={at >= first && at < last ? `${id}-${at}` : undefined}
      tabIndex={0}
      style={{
        '--row': `${rowHeight}px`,
        '--tracks-wide': tracks(columns),
        '--tracks-narrow': tracks(columns.filter(({ wideOnly }) => wideOnly !== true)),
        ...(height === undefined
          ? {}
          : { height: typeof height === 'number' ? `${height}px` : height }),
      }}
      onKeyDown={walk}
      onScroll={(event) => {
        top.value = event.currentTarget.scrollTop
        if (top.value === 0) onTop?.()
      }}
    >
      <div class="list-row list-head" role="row" aria-rowindex={1}>
        {columns.map(({ align, id: column, title, wideOnly }) => (
          <span key={column} role="columnheader" class={cellClass(align, wideOnly)}>
            {title}
          </span>
        ))}
      </div>
      <div class="list-body" role="rowgroup" style={{ height: `${rows.length * rowHeight}px` }}>
        {rows.slice(first, last).map((row, offset) => {
          const index = first + offset
          const key = keyOf(row)
          return (
            <div
              key={key}
              id={`${id}-${index}`}
              class={`list-row ${toneOf?.(row) === undefined ? '' : `tone-${toneOf(row)}`} ${key === cursor.value ? 'list-cursor' : ''}`}
              role="row"
              aria-rowindex={index + 2}
              aria-selected={key === selected}
              style={{ transform: `translateY(${index * rowHeight}px)` }}
              onClick={(event) => {
                cursor.value = key
                if ((event.target as Element).closest('a, button') === null) onOpen?.(row)
              }}
            >
              {columns.map(({ align, cell, id: column, wideOnly }) => (
                <span key={column} role="gridcell" class={cellClass(align, wideOnly)}>
                  {cell(row)}
                </span>
              ))}
            </div>
          )
        })}
      </div>
      {foot !== undefined && (
        <div class="list-foot" role="row" aria-rowindex={rows.length + 2}>
          <span role="gridcell">{foot}</span>
        </div>
      )}
    </div>
  )
}

/** Rows that come in above what one reads must not move it: the place is kept by the first row there was. */
function useKeptPlace<R>(
  box: { readonly current: HTMLDivElement | null },
  rows: readonly R[],
  keyOf: (row: R) => string,
  rowHeight: number,
): void {
  const before = useRef<string | undefined>(undefined)
  useLayoutEffect(() => {
    const element = box.current
    const known = before.current
    before.current = rows[0] === undefined ? undefined : keyOf(rows[0])
    if (element === null || known === undefined || element.scrollTop === 0) return
    const moved = rows.findIndex((row) => keyOf(row) === known)
    if (moved > 0) element.scrollTop += moved * rowHeight
  }, [rows])
}

/** Of a CSS grid. */
function tracks<R>(columns: readonly ListColumn<R>[]): string {
  return columns.map(({ width }) => width).join(' ')
}

function cellClass(align: 'start' | 'end' | undefined, wideOnly: boolean | undefined): string {
  return `${align === 'end' ? 'cell-end' : ''} ${wideOnly === true ? 'wide-only' : ''}`.trim()
}
