// The table of a chaos run: a line for each fault as it ends, its problems and its figures below, and all lines once more at the end.

import { rounded, type Account, type Scenario } from './account.ts'

const HEADINGS = [
  'fault',
  'requests',
  'client errors',
  'expected',
  'p50/p99 added',
  'attempts',
  'verdict',
]
const NUMBERS = new Set([1, 2, 4, 5])

export class Report {
  failed = 0
  private readonly lines: string[][] = []
  private passed = 0
  private leftOut = 0

  /** Takes a scenario that has ended and prints it. */
  add(scenario: Scenario, account: Account, elapsedMs: number, leftOut: string | undefined): void {
    const { requests, clientErrors, problems, notes } = account
    const verdict = leftOut === undefined ? (problems.length === 0 ? 'ok' : 'FAILED') : 'left out'
    if (leftOut !== undefined) this.leftOut += 1
    else if (problems.length === 0) this.passed += 1
    else this.failed += 1
    this.lines.push([
      scenario.title,
      String(requests),
      String(clientErrors),
      scenario.expected,
      addedText(account),
      account.attemptsPerRequest === undefined ? '' : account.attemptsPerRequest.toFixed(2),
      verdict,
    ])
    const seconds = (elapsedMs / 1_000).toFixed(1)
    const print = (text: string) => process.stdout.write(`${text}\n`)
    print(
      `${verdict.padEnd(8)} ${scenario.name.padEnd(18)} ${seconds.padStart(6)} s  ${leftOut ?? ''}`,
    )
    for (const problem of problems) print(`    ! ${problem}`)
    if (notes.length > 0) print(`      ${notes.join('; ')}`)
  }

  summary(elapsedMs: number): string {
    const cells = [HEADINGS, ...this.lines]
    const widths = HEADINGS.map((_, column) => Math.max(...cells.map((row) => row[column]!.length)))
    const lines = cells.map((row) =>
      row
        .map((cell, column) =>
          NUMBERS.has(column) ? cell.padStart(widths[column]!) : cell.padEnd(widths[column]!),
        )
        .join('  ')
        .trimEnd(),
    )
    const seconds = Math.round(elapsedMs / 1_000)
    const out = this.leftOut === 0 ? '' : `, ${this.leftOut} left out`
    return `\n${lines.join('\n')}\n\n${this.passed} ok, ${this.failed} failed${out}, ${seconds} s\n`
  }
}

function addedText({ addedP50Ms, addedP99Ms }: Account): string {
  if (addedP50Ms === undefined || addedP99Ms === undefined) return ''
  return `${rounded(addedP50Ms)}/${rounded(addedP99Ms)} ms`
}
