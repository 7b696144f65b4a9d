// Options and arguments from text to values, with the words for what is wrong. Nothing here reads a file or a clock.

import { checkFormat } from '../config/formats.ts'
import { parseDuration } from '../config/units.ts'
import { type CommandInput, UsageError } from './command.ts'
import { printable } from './format.ts'

/** The value of an option that takes one; undefined when it was not given. @throws UsageError when it is empty. */
export function textOption(input: CommandInput, name: string): string | undefined {
  const value = input.options[name]
  if (typeof value !== 'string') return undefined
  if (value.trim() === '') throw new UsageError(`--${name} needs a value.`)
  return value.trim()
}

/** Whether a switch was given. */
export function isOn(input: CommandInput, name: string): boolean {
  return input.options[name] === true
}

/** A whole number within bounds. @throws UsageError for anything else. */
export function integerOption(
  input: CommandInput,
  name: string,
  bounds: { readonly min: number; readonly max: number },
): number | undefined {
  const text = textOption(input, name)
  if (text === undefined) return undefined
  const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN
  if (value >= bounds.min && value <= bounds.max) return value
  throw new UsageError(`--${name} must be a whole number from ${bounds.min} to ${bounds.max}.`)
}

/** Texts with commas between them; undefined when the option was not given. @throws UsageError for an empty part. */
export function listOption(input: CommandInput, name: string): string[] | undefined {
  const text = textOption(input, name)
  if (text === undefined) return undefined
  const parts = text.split(',').map((part) => part.trim())
  if (parts.includes('')) throw new UsageError(`--${name} has an empty part between its commas.`)
  return [...new Set(parts)]
}

/** The one argument a command needs. @throws UsageError when it is missing. */
export function requiredArgument(input: CommandInput, what: string): string {
  const value = input.positionals[0]?.trim() ?? ''
  if (value === '') throw new UsageError(`Missing ${what}.`)
  return value
}

/**
 * The end of a key: a time from now (`30d`, `12h`), or a date, valid to its end in UTC as in the configuration file.
 * @returns UTC milliseconds
 * @throws UsageError when it is neither or lies in the past
 */
export function parseExpiry(text: string, nowMs: number): number {
  const durationMs = parseDuration(text)
  const expiresMs = durationMs === undefined ? instantMs(text) : nowMs + durationMs
  if (expiresMs === undefined || !(expiresMs <= LAST_TIME_MS)) {
    throw new UsageError(
      `--expires takes a time from now such as 30d or 12h, or a date such as 2027-01-31, not '${printable(text)}'.`,
    )
  }
  if (expiresMs <= nowMs)
    throw new UsageError('--expires lies in the past: the key could not be used.')
  return expiresMs
}

/** The end of the year 9999: beyond it dates have no four-digit year. */
const LAST_TIME_MS = Date.UTC(10_000, 0, 1) - 1

function instantMs(text: string): number | undefined {
  const checked = checkFormat('instant', text, { folder: '/', platform: process.platform })
  return 'value' in checked ? Date.parse(checked.value) : undefined
}
