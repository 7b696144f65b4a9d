// What the commands of this folder are told on their command lines: one way to read a number or a word, and one answer to what cannot be
// understood.

/** @throws Error naming the option and its bounds */
export function numberIn(name: string, text: string, least: number, most: number): number {
  const value = Number(text)
  if (text.trim() !== '' && value >= least && value <= most) return value
  throw new Error(`--${name} must be a number from ${least} to ${most}.`)
}

/** @throws Error naming the option and its words */
export function oneOf<T extends string>(name: string, text: string, known: readonly T[]): T {
  const found = known.find((each) => each === text)
  if (found !== undefined) return found
  throw new Error(`--${name} takes ${known.join(', ')}.`)
}

/** What `read` gives; where it throws, that and the usage are written to standard error, and it is undefined. */
export function understood<T>(read: () => T, usage: string): T | undefined {
  try {
    return read()
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n${usage}`)
    return undefined
  }
}
