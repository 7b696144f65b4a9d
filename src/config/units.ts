// Durations and sizes as people write them, read and written back. Every value carries its unit: a bare number is refused,
// because nobody can tell whether 5 meant seconds or milliseconds.

const DURATION_UNITS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
}

const SIZE_UNITS: Readonly<Record<string, number>> = {
  B: 1,
  kB: 1_000,
  KB: 1_000,
  KiB: 1_024,
  MB: 1_000_000,
  MiB: 1_048_576,
  GB: 1_000_000_000,
  GiB: 1_073_741_824,
}

/** Milliseconds of `250ms`, `5s`, `10m`, `1h`, `30d`, `1.5s`; undefined when it is not a duration. */
export function parseDuration(text: string): number | undefined {
  return parseUnit(text, DURATION_UNITS)
}

/** Bytes of `512B`, `64KiB`, `32MiB`, `2GB`; decimal and binary units as they are named. Undefined when it is not a size. */
export function parseSize(text: string): number | undefined {
  return parseUnit(text, SIZE_UNITS)
}

function parseUnit(text: string, units: Readonly<Record<string, number>>): number | undefined {
  const match = /^(\d{1,15}(?:\.\d{1,9})?) ?([A-Za-z]{1,3})$/.exec(text.trim())
  const unit = match?.[2] ?? ''
  if (match === null || !Object.hasOwn(units, unit)) return undefined
  return Math.round(Number(match[1]) * (units[unit] ?? 1))
}

/** The shortest exact duration text: 90000 → `90s`, 600000 → `10m`. */
export function formatDuration(milliseconds: number): string {
  return formatUnit(milliseconds, DURATION_UNITS, ['d', 'h', 'm', 's', 'ms'])
}

/** The shortest exact size text: 33554432 → `32MiB`. */
export function formatSize(bytes: number): string {
  return formatUnit(bytes, SIZE_UNITS, ['GiB', 'GB', 'MiB', 'MB', 'KiB', 'kB', 'B'])
}

function formatUnit(
  value: number,
  units: Readonly<Record<string, number>>,
  names: readonly string[],
): string {
  const smallest = names.at(-1) ?? ''
  if (value === 0) return `0${smallest}`
  const name = names.find((unit) => value % (units[unit] ?? 1) === 0) ?? smallest
  return `${value / (units[name] ?? 1)}${name}`
}
