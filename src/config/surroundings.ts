// What a process finds around it: environment, platform, home and working folder. Passed as a value, so that everything in
// this folder can be tried with any surroundings; only `processSurroundings` looks at the real ones.

import { homedir } from 'node:os'

export interface Surroundings {
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly platform: NodeJS.Platform
  readonly home: string
  readonly workingFolder: string
}

/** The real ones. */
export function processSurroundings(): Surroundings {
  return {
    environment: process.env,
    platform: process.platform,
    home: homedir(),
    workingFolder: process.cwd(),
  }
}

/** A variable's value; empty counts as unset, as shells and compose files often leave them empty. */
export function variable(surroundings: Surroundings, name: string): string | undefined {
  const value: unknown = surroundings.environment[name]
  return typeof value === 'string' && value.trim() !== '' ? value : undefined
}
