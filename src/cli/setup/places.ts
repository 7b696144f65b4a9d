// The folders that programs keep their settings in, by platform: pure functions of the surroundings, so that each platform can be tried on
// any other. Nothing is made here.

import { posix, win32 } from 'node:path'
import { type Surroundings, variable } from '../../config/surroundings.ts'
import type { Machine } from './tool.ts'

/** The platform's way of joining paths. */
export function join({ platform }: Surroundings, ...parts: readonly string[]): string {
  return platform === 'win32' ? win32.join(...parts) : posix.join(...parts)
}

/** A folder named by a variable, relative to the working folder, with `~` for the home. */
export function namedFolder(surroundings: Surroundings, name: string): string | undefined {
  const value = variable(surroundings, name)
  if (value === undefined) return undefined
  const { home, platform, workingFolder } = surroundings
  const path = platform === 'win32' ? win32 : posix
  if (value === '~') return home
  if (/^~[/\\]/.test(value)) return path.join(home, value.slice(2))
  return path.resolve(workingFolder, value)
}

/** `~/.name` */
export function homeFolder(surroundings: Surroundings, ...parts: readonly string[]): string {
  return join(surroundings, surroundings.home, ...parts)
}

/** `XDG_CONFIG_HOME`, else `~/.config`: as programs have it that do the same on every platform. */
export function xdgConfig(surroundings: Surroundings, ...parts: readonly string[]): string {
  const base = variable(surroundings, 'XDG_CONFIG_HOME')
  return join(surroundings, base ?? homeFolder(surroundings, '.config'), ...parts)
}

/** `%APPDATA%` */
export function roaming(surroundings: Surroundings, ...parts: readonly string[]): string {
  const base = variable(surroundings, 'APPDATA')
  return join(surroundings, base ?? homeFolder(surroundings, 'AppData', 'Roaming'), ...parts)
}

/** Where desktop programs keep settings: `%APPDATA%`, `~/Library/Application Support`, `XDG_CONFIG_HOME`. */
export function applicationFolder(surroundings: Surroundings, ...parts: readonly string[]): string {
  const { platform } = surroundings
  if (platform === 'win32') return roaming(surroundings, ...parts)
  if (platform === 'darwin') {
    return homeFolder(surroundings, 'Library', 'Application Support', ...parts)
  }
  return xdgConfig(surroundings, ...parts)
}

/** The first command or path that is there. */
export function foundAt(
  machine: Machine,
  commands: readonly string[],
  paths: readonly string[],
): string | undefined {
  for (const command of commands) {
    const found = machine.which(command)
    if (found !== undefined) return found
  }
  return paths.find((path) => machine.exists(path))
}

/** A command line that prints a file, for a shell of the platform. */
export function printCommand({ platform }: Surroundings, file: string): string {
  if (platform === 'win32') return `type "${file}"`
  return `cat '${file.replaceAll("'", `'\\''`)}'`
}
