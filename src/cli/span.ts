// Times as commands take them: back from now, or as a date.

import { parseDuration } from '../config/units.ts'
import { textOption } from './arguments.ts'
import { UsageError, type CommandInput } from './command.ts'

/**
 * `7d`, `12h`, or an ISO date or time; undefined when it was not given.
 * @returns UTC milliseconds
 * @throws UsageError for anything else
 */
export function timeOption(input: CommandInput, name: string, nowMs: number): number | undefined {
  const text = textOption(input, name)
  if (text === undefined) return undefined
  const durationMs = parseDuration(text)
  if (durationMs !== undefined) return nowMs - durationMs
  const timeMs = /^\d{4}-\d{2}-\d{2}/.test(text) ? Date.parse(text) : Number.NaN
  if (!Number.isNaN(timeMs)) return timeMs
  throw new UsageError(`--${name} takes a time back such as 7d, or an ISO date or time.`)
}
