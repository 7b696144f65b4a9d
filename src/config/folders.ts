// Where configuration and data live on each platform, as pure functions of the surroundings. Nothing is created here.

import { posix, win32 } from 'node:path'
import { type Surroundings, variable } from './surroundings.ts'

/** Absolute folders the configuration file is looked for in after the working directory, best first. */
export function configFolders(surroundings: Surroundings): string[] {
  const { home, platform } = surroundings
  if (platform === 'win32') {
    const roaming = windowsFolder(surroundings, 'APPDATA', 'Roaming')
    return [win32.join(roaming, 'weir')]
  }
  const xdg = absoluteVariable(surroundings, 'XDG_CONFIG_HOME')
  const folders = [posix.join(xdg ?? posix.join(home, '.config'), 'weir')]
  if (platform !== 'darwin') return folders
  const library = posix.join(home, 'Library', 'Application Support', 'weir')
  // Whoever sets XDG variables on a Mac means them.
  return xdg === undefined ? [library, ...folders] : [...folders, library]
}

/**
 * The absolute data folder: `--data`, `WEIR_DATA` (both relative to the working directory), then the platform's own:
 * `XDG_DATA_HOME` or `~/.local/share`, `~/Library/Application Support`, `%LOCALAPPDATA%`.
 */
export function dataFolder(surroundings: Surroundings, flag: string | undefined): string {
  const { home, platform, workingFolder } = surroundings
  const path = platform === 'win32' ? win32 : posix
  const named = flag ?? variable(surroundings, 'WEIR_DATA')
  if (named !== undefined) return path.resolve(workingFolder, named)
  if (platform === 'win32') {
    return win32.join(windowsFolder(surroundings, 'LOCALAPPDATA', 'Local'), 'weir')
  }
  const xdg = absoluteVariable(surroundings, 'XDG_DATA_HOME')
  if (xdg !== undefined) return posix.join(xdg, 'weir')
  if (platform === 'darwin') return posix.join(home, 'Library', 'Application Support', 'weir')
  return posix.join(home, '.local', 'share', 'weir')
}

/** The XDG specification: a relative path in its variables is invalid and must be ignored. */
function absoluteVariable(surroundings: Surroundings, name: string): string | undefined {
  const value = variable(surroundings, name)
  return value !== undefined && posix.isAbsolute(value) ? value : undefined
}

function windowsFolder(surroundings: Surroundings, name: string, fallback: string): string {
  return variable(surroundings, name) ?? win32.join(surroundings.home, 'AppData', fallback)
}
