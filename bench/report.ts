// The figures of a run as a table for people and as JSON for tools. A goal is reported as met or missed and never fails a
// run: figures belong to the machine they were taken on.

/** One line of the report. */
export interface Figure {
  readonly name: string
  readonly value: number
  readonly unit: string
  readonly digits?: number
  /** The most (or the least) it should be; absent where nothing was promised. */
  readonly goal?: { readonly atMost: number } | { readonly atLeast: number }
  /** What it was taken beside, in words. */
  readonly beside?: string
}

export function isMet({ value, goal }: Figure): boolean | undefined {
  if (goal === undefined || Number.isNaN(value)) return undefined
  return 'atMost' in goal ? value <= goal.atMost : value >= goal.atLeast
}

export function number(value: number, digits = 2): string {
  return Number.isNaN(value) ? '?' : value.toFixed(digits)
}

function goalText({ goal, unit, digits }: Figure): string {
  if (goal === undefined) return ''
  const bound = 'atMost' in goal ? goal.atMost : goal.atLeast
  return `${'atMost' in goal ? '≤' : '≥'} ${number(bound, digits)} ${unit}`
}

function verdict(figure: Figure): string {
  const met = isMet(figure)
  if (met === undefined) return figure.goal === undefined ? '' : 'not measured'
  return met ? 'met' : 'missed'
}

/** The table of some figures, with a heading. */
export function table(heading: string, figures: readonly Figure[]): string {
  const cells = figures.map((figure) => [
    figure.name,
    `${number(figure.value, figure.digits)} ${figure.unit}`,
    goalText(figure),
    verdict(figure),
    figure.beside ?? '',
  ])
  const widths = [0, 1, 2, 3].map((column) => Math.max(...cells.map((row) => row[column]!.length)))
  const lines = cells.map((row) => {
    const padded = row.map((cell, column) =>
      column === 1 ? cell.padStart(widths[1]!) : cell.padEnd(widths[column] ?? 0),
    )
    return `  ${padded.join('  ')}`.trimEnd()
  })
  return `\n${heading}\n${lines.join('\n')}\n`
}

/** The same as plain data. */
export function figureJson(figure: Figure): object {
  const met = isMet(figure)
  return {
    name: figure.name,
    value: Number.isNaN(figure.value) ? null : Number(figure.value.toPrecision(6)),
    unit: figure.unit,
    ...(figure.goal === undefined ? {} : { goal: figure.goal }),
    ...(met === undefined ? {} : { met }),
    ...(figure.beside === undefined ? {} : { beside: figure.beside }),
  }
}
