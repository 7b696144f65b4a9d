// Aligned columns for a terminal and for pipes. Cells are data from anywhere, so each is made harmless first; lines are cut
// only where a terminal would break them, never in a pipe, where nothing may be lost.

import type { Output } from './command.ts'
import { printable } from './format.ts'

export interface Column {
  readonly header: string
  readonly align?: 'left' | 'right'
  /** Longest cell shown on a terminal; the rest is cut off. */
  readonly maxWidth?: number
}

export interface TableStyle {
  /** Columns of the terminal; undefined cuts nothing. */
  readonly width?: number
  readonly color: boolean
}

const GAP = '  '
const CUT = '…'

/** How tables look on an output. */
export function tableStyle(output: Output): TableStyle {
  return { color: output.color, ...(output.isTerminal ? { width: output.columns } : {}) }
}

/** Rows of one set of columns, in one go or in several with the same widths (`logs --follow`). Text ends with a line end. */
export class Table {
  private readonly columns: readonly Column[]
  private readonly style: TableStyle
  private widths: readonly number[]

  constructor(columns: readonly Column[], style: TableStyle) {
    this.columns = columns
    this.style = style
    this.widths = columns.map((column) => Bun.stringWidth(column.header))
  }

  /** The header and the first rows. */
  start(rows: readonly (readonly string[])[]): string {
    const cells = this.measure(rows)
    const header = this.line(this.columns.map((column) => column.header))
    return `${this.style.color ? `\u001b[1m${header}\u001b[0m` : header}\n${this.lines(cells)}`
  }

  /** More rows; columns grow where they must and never shrink. */
  more(rows: readonly (readonly string[])[]): string {
    return this.lines(this.measure(rows))
  }

  private measure(rows: readonly (readonly string[])[]): string[][] {
    const cells = rows.map((row) => this.columns.map((column, at) => this.cell(column, row[at])))
    this.widths = this.widths.map((width, at) =>
      Math.max(width, ...cells.map((row) => Bun.stringWidth(row[at] ?? ''))),
    )
    return cells
  }

  private cell(column: Column, text = ''): string {
    const clean = printable(text)
    const { maxWidth } = column
    return maxWidth === undefined || this.style.width === undefined
      ? clean
      : cutToWidth(clean, maxWidth)
  }

  private lines(rows: readonly (readonly string[])[]): string {
    return rows.map((row) => `${this.line(row)}\n`).join('')
  }

  private line(cells: readonly string[]): string {
    const parts = this.columns.map((column, at) => {
      const text = cells[at] ?? ''
      const space = ' '.repeat(Math.max(0, (this.widths[at] ?? 0) - Bun.stringWidth(text)))
      return column.align === 'right' ? `${space}${text}` : `${text}${space}`
    })
    const line = parts.join(GAP).trimEnd()
    return this.style.width === undefined ? line : cutToWidth(line, this.style.width)
  }
}

/** A whole table. */
export function renderTable(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  style: TableStyle,
): string {
  return new Table(columns, style).start(rows)
}

/** Text cut to a number of terminal columns, `…` included, never inside a character people see as one. */
export function cutToWidth(text: string, width: number): string {
  if (Bun.stringWidth(text) <= width) return text
  let kept = ''
  let used = 0
  for (const { segment } of new Intl.Segmenter().segment(text)) {
    const wide = Bun.stringWidth(segment)
    if (used + wide > width - 1) break
    kept += segment
    used += wide
  }
  return width < 1 ? '' : `${kept}${CUT}`
}
