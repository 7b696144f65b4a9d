// Values of settings in words. Pure.

/** A value as it would be written in the file, without quotes. */
export function valueText(value: unknown): string {
  if (typeof value === 'string') return value
  if (Array.isArray(value)) return value.length === 0 ? 'none' : value.map(valueText).join(', ')
  if (value === true) return 'yes'
  if (value === false) return 'no'
  if (value === null || value === undefined) return 'not set'
  return typeof value === 'object' ? JSON.stringify(value) : String(value)
}

/** Bounds in words; undefined where there are none. */
export function boundsText(
  min: string | number | null,
  max: string | number | null,
  unit: string | null,
): string | undefined {
  if (min === null && max === null) return undefined
  const end = unit === null ? '' : ` ${unit}`
  if (max === null) return `At least ${min}${end}.`
  return min === null ? `At most ${max}${end}.` : `From ${min} to ${max}${end}.`
}
