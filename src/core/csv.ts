// Comma-separated values for spreadsheets: quoted as RFC 4180 says, and safe to open: a cell that a spreadsheet would take for a formula
// gets an apostrophe in front. Pure.

/** What a spreadsheet computes instead of showing it. */
const FORMULA = /^[=+\-@\t\r]/

/** A number that is written as one is no formula. */
const NUMBER = /^-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?$/

/** One cell; null and undefined are empty. */
export function csvCell(value: string | number | boolean | null | undefined): string {
  if (value === null || value === undefined) return ''
  const text = String(value)
  const safe = FORMULA.test(text) && !NUMBER.test(text) ? `'${text}` : text
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe
}

/** One line with its end (CRLF). */
export function csvLine(values: readonly (string | number | boolean | null | undefined)[]): string {
  return `${values.map(csvCell).join(',')}\r\n`
}
