// A table for up to some hundreds of rows: sorted by any column that can be, its head in sight, cards in place of rows on a phone, and for each
// row what can be done with it. More rows than that are a `VirtualList`'s.

import { useSignal } from '@preact/signals'
import type { ComponentChildren } from 'preact'
import { Icon } from '../icons.tsx'
import { navigate } from '../router.tsx'
import { Menu, type MenuItem } from './menu.tsx'

export interface Column<R> {
  readonly id: string
  readonly title: string
  readonly cell: (row: R) => ComponentChildren
  /** What it is sorted by; without, it can't be. null and undefined come last. */
  readonly sort?: (row: R) => string | number | null | undefined
  /** Numbers stand at the end. */
  readonly align?: 'start' | 'end'
  /** On a phone: the heading of the card, or left out. */
  readonly card?: 'title' | 'hide'
  /** CSS width. */
  readonly width?: string
}

export interface TableProps<R> {
  /** What it lists, for those who hear it. */
  readonly caption: string
  readonly rows: readonly R[]
  readonly columns: readonly Column<R>[]
  readonly keyOf: (row: R) => string
  /** In the menu at the end of each row. */
  readonly actions?: (row: R) => readonly (MenuItem | undefined)[]
  /** A name for the row, in its menu's label. */
  readonly nameOf?: (row: R) => string
  /** Where a click on a row goes; a cell should hold a real link there too. */
  readonly hrefOf?: (row: R) => string
  readonly onOpen?: (row: R) => void
  /** Column and direction at first: `name`, or `-created` for the greatest first. */
  readonly initialSort?: string
  /** In place of rows where there are none. */
  readonly empty?: ComponentChildren
  /** Dimmed, as what is revoked. */
  readonly isMuted?: (row: R) => boolean
}

export function Table<R>(props: TableProps<R>) {
  const {
    actions,
    caption,
    columns,
    empty,
    hrefOf,
    initialSort = '',
    isMuted,
    keyOf,
    nameOf,
    onOpen,
    rows,
  } = props
  const sortedBy = useSignal(initialSort)
  if (rows.length === 0 && empty !== undefined) return <>{empty}</>
  const isClickable = hrefOf !== undefined || onOpen !== undefined
  const open = (event: MouseEvent, row: R) => {
    const target = event.target as Element
    if (target.closest('a, button, input, select, label, summary, [role="menu"]') !== null) return
    if ((getSelection()?.toString() ?? '') !== '') return
    if (hrefOf === undefined) onOpen?.(row)
    else navigate(hrefOf(row))
  }
  return (
    <div class="table-wrap" tabIndex={0} role="region" aria-label={caption}>
      <table class="table">
        <caption class="visually-hidden">{caption}</caption>
        <thead>
          <tr>
            {columns.map((column) => (
              <Head
                key={column.id}
                column={column}
                sortedBy={sortedBy.value}
                onSort={(next) => (sortedBy.value = next)}
              />
            ))}
            {actions !== undefined && (
              <th class="cell-actions">
                <span class="visually-hidden">Actions</span>
              </th>
            )}
          </tr>
        </thead>
        <tbody>
          {sorted(rows, columns, sortedBy.value).map((row) => (
            <tr
              key={keyOf(row)}
              class={`${isClickable ? 'clickable' : ''} ${isMuted?.(row) === true ? 'muted' : ''}`}
              onClick={isClickable ? (event) => open(event, row) : undefined}
            >
              {columns.map(({ align, card, cell, id, title }) => (
                <td key={id} class={cellClass(align, card)} data-label={title}>
                  {cell(row)}
                </td>
              ))}
              {actions !== undefined && (
                <td class="cell-actions">
                  <RowMenu items={actions(row)} name={nameOf?.(row)} />
                </td>
              )}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  )
}

function RowMenu({
  items,
  name,
}: {
  items: readonly (MenuItem | undefined)[]
  name: string | undefined
}) {
  if (items.every((item) => item === undefined)) return null
  return (
    <Menu
      icon="more"
      size="small"
      label={name === undefined ? 'Actions' : `Actions for ${name}`}
      items={items}
    />
  )
}

interface HeadProps<R> {
  readonly column: Column<R>
  readonly sortedBy: string
  readonly onSort: (next: string) => void
}

function Head<R>({ column, onSort, sortedBy }: HeadProps<R>) {
  const { align, card, id, sort, title, width } = column
  const direction = sortedBy === id ? 'ascending' : sortedBy === `-${id}` ? 'descending' : undefined
  return (
    <th
      scope="col"
      class={cellClass(align, card)}
      aria-sort={direction}
      style={width === undefined ? {} : { width }}
    >
      {sort === undefined ? (
        title
      ) : (
        <button type="button" onClick={() => onSort(direction === 'ascending' ? `-${id}` : id)}>
          {title}
          <Icon
            name={direction === 'ascending' ? 'up' : direction === 'descending' ? 'down' : 'sort'}
            size={12}
          />
        </button>
      )}
    </th>
  )
}

function cellClass(align: Column<never>['align'], card: Column<never>['card']): string {
  return `${align === 'end' ? 'cell-end' : ''} ${card === undefined ? '' : `card-${card}`}`.trim()
}

function sorted<R>(rows: readonly R[], columns: readonly Column<R>[], by: string): readonly R[] {
  const isDown = by.startsWith('-')
  const valueOf = columns.find(({ id }) => id === (isDown ? by.slice(1) : by))?.sort
  if (valueOf === undefined) return rows
  return rows.toSorted((one, other) => {
    const a = valueOf(one)
    const b = valueOf(other)
    if (a === b) return 0
    if (a === null || a === undefined) return 1
    if (b === null || b === undefined) return -1
    const order =
      typeof a === 'string' || typeof b === 'string'
        ? String(a).localeCompare(String(b), undefined, { numeric: true })
        : a - b
    return isDown ? -order : order
  })
}
