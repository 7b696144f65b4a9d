// What is wrong with a configuration, as data: where, what, and what was probably meant.
// Messages are printed and logged, so they never hold a value of the configuration, which may be a secret.

export interface ConfigProblem {
  /** File, flag or variable it was found in; absent when it belongs to none. */
  readonly source?: string
  /** From 1, where it could be found. */
  readonly line?: number
  /** Path of the key, as in `providers[0].base_url`; empty for the file as a whole. */
  readonly path: string
  readonly message: string
  /** What the writer probably meant. */
  readonly suggestion?: string
}

/** One line for people: `weir.yaml:12: server.prot: message (did you mean port?)`. */
export function formatProblem(problem: ConfigProblem): string {
  const line = problem.line === undefined ? '' : `:${problem.line}`
  const source = problem.source === undefined ? '' : `${problem.source}${line}: `
  const path = problem.path === '' ? '' : `${problem.path}: `
  const suggestion =
    problem.suggestion === undefined ? '' : ` (did you mean ${problem.suggestion}?)`
  return `${source}${path}${problem.message}${suggestion}`
}

/** Thrown when a configuration can't be used; holds every problem found, and its message lists them one per line. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
  readonly problems: readonly ConfigProblem[]
  /** Files the refused configuration refers to: a change of one of them may mend it. */
  readonly wanted: readonly string[]

  constructor(problems: readonly ConfigProblem[], wanted: readonly string[] = []) {
    super(problems.map(formatProblem).join('\n'))
    this.problems = problems
    this.wanted = wanted
  }
}

/** Shows text of the file in a message: bounded, and without control characters that could forge lines. */
export function quoteName(text: string): string {
  const clean = text.replace(/[^\x20-\x7e\u00a1-\ud7ff]/g, '?')
  return `"${clean.length > 60 ? `${clean.slice(0, 60)}…` : clean}"`
}
