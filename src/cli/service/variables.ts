// Which variables of the shell a service would lack: a service starts from the system, not from the shell in which it is installed. Names
// alone leave this file; values are looked at for whether there is one.

import { PROVIDER_VARIABLES } from '../../config/environment.ts'
import { variable, type Surroundings } from '../../config/surroundings.ts'

/** `${NAME}` and `${NAME:-default}` of a configuration file; `${file:…}` is none, and `$${` stands for a plain `${`. */
const READ = /(?<!\$)\$\{([A-Za-z_][A-Za-z0-9_]*)(:-[^}]*)?\}/g

export interface MissingVariables {
  /** Providers are found by them here, and would not be by the service. */
  readonly found: readonly string[]
  /** The configuration file reads them and has no default: the service would not start. */
  readonly needed: readonly string[]
}

/**
 * @param configText of the configuration file, unread
 * @param given names that the service gets by a file
 */
export function missingVariables(
  surroundings: Surroundings,
  configText: string | undefined,
  given: ReadonlySet<string>,
): MissingVariables {
  const isHere = (name: string) => variable(surroundings, name) !== undefined && !given.has(name)
  const needed = new Set<string>()
  for (const line of (configText ?? '').split('\n')) {
    if (/^\s*#/.test(line)) continue
    for (const [, name = '', otherwise] of line.matchAll(READ)) {
      if (otherwise === undefined && isHere(name)) needed.add(name)
    }
  }
  const own = Object.keys(surroundings.environment).filter((name) => /^WEIR_[A-Z0-9_]+$/.test(name))
  const found = [...PROVIDER_VARIABLES, ...own.toSorted()].filter(
    (name) => isHere(name) && !needed.has(name) && !SETTLED.has(name),
  )
  return { found, needed: [...needed].toSorted() }
}

/**
 * What a service will have around it, as far as it can be told from here: of Weir's own variables those of its file alone.
 * @param own variables of the service's file
 * @param kept of Weir's own, names that count as they are in this shell
 */
export function serviceSurroundings(
  surroundings: Surroundings,
  own: ReadonlyMap<string, string>,
  kept: ReadonlySet<string> = new Set(),
): Surroundings {
  const others = Object.entries(surroundings.environment).filter(
    ([name]) => !name.startsWith('WEIR_') || kept.has(name),
  )
  return {
    ...surroundings,
    environment: { ...Object.fromEntries(others), ...Object.fromEntries(own) },
  }
}

/** What the service is told by its arguments. */
export const SETTLED: ReadonlySet<string> = new Set(['WEIR_CONFIG', 'WEIR_DATA', 'WEIR_EXECUTABLE'])
