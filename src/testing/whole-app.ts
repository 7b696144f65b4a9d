// The whole program in this process, for tests of what only the whole can show: a data folder and a configuration file of its own, a free
// port, a second tenant beside the default one.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startApp, type App } from '../app.ts'
import { loadConfig } from '../config/load.ts'
import { SILENT_LOGGER } from '../telemetry/log.ts'

/** The tenant beside the default one. */
export const OTHER_TENANT = 'other'

export interface WholeApp {
  readonly app: App
  /** Of its configuration and data; gone when it has stopped. */
  readonly folder: string
  stop(): Promise<void>
}

/**
 * @param keys as the configuration file declares them; nobody is let in without one
 * @param declared what else the file declares
 */
export async function startWholeApp(
  keys: readonly object[],
  declared: object = {},
): Promise<WholeApp> {
  const folder = mkdtempSync(join(tmpdir(), 'weir-whole-'))
  const file = join(folder, 'weir.json')
  const settings = { discovery: { local: false }, auth: { anonymous: 'never' }, keys, ...declared }
  writeFileSync(file, JSON.stringify(settings))
  const { config } = loadConfig({
    flags: { config: file, data: join(folder, 'data'), port: '0' },
    surroundings: {
      platform: process.platform,
      environment: {},
      home: folder,
      workingFolder: folder,
    },
  })
  const app = await startApp(config, SILENT_LOGGER)
  const tenant = { id: OTHER_TENANT, name: 'Other', createdMs: 1 }
  // Another program on the same database may have made it.
  if ((await app.store.tenants.find(OTHER_TENANT)) === undefined) {
    await app.store.tenants.create(tenant, { kind: 'system', id: 'test' })
  }
  return {
    app,
    folder,
    stop: async () => {
      await app.stop()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}
