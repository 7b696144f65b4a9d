// Configuration files for the tests of this folder: real ones in folders of their own, read by the whole of loading. Imported by tests alone.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { LoadedConfig } from './config.ts'
import { type ConfigFlags, loadConfig } from './load.ts'
import { ConfigError } from './problem.ts'

const folders: string[] = []

/** A new folder with these files in it; `removeFolders` takes it away. */
export function folderWith(files: Record<string, string>): string {
  const folder = mkdtempSync(join(tmpdir(), 'weir-config-'))
  folders.push(folder)
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text)
  return folder
}

export function removeFolders(): void {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true })
}

export interface Setting {
  readonly environment?: Record<string, string>
  readonly flags?: ConfigFlags
}

/** Loads what is in a folder, as if the program was started there. */
export function loadIn(
  folder: string,
  { environment = {}, flags = {} }: Setting = {},
): LoadedConfig {
  const surroundings = {
    environment,
    platform: 'linux',
    home: join(folder, 'home'),
    workingFolder: folder,
  } as const
  return loadConfig({ flags, surroundings })
}

/** The problems as printed; an empty list when the configuration was accepted. */
export function problemsOf(yaml: string, setting: Setting = {}): string[] {
  return problemsIn(folderWith({ 'weir.yaml': yaml }), setting)
}

/** The same of what is in a folder. */
export function problemsIn(folder: string, setting: Setting = {}): string[] {
  try {
    loadIn(folder, setting)
    return []
  } catch (error) {
    if (error instanceof ConfigError) return error.message.split('\n')
    throw error
  }
}
