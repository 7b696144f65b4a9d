// A real S3 server for tests: versitygw over a folder. Objects are plain files, so a test can look at them; it is Apache-2.0 and only runs
// beside the tests.

import { mkdirSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { freePorts, serverFolder, startBackground, type Background } from './background.ts'
import { goTool } from './go-tools.ts'

export interface S3Server {
  /** `http://127.0.0.1:port` */
  readonly url: string
  readonly port: number
  readonly bucket: string
  readonly region: string
  readonly accessKey: string
  readonly secretKey: string
  /** Where the objects lie as files. */
  readonly folder: string
  /** Names of the objects there are, sorted. */
  objects(): string[]
  /** It is away until `resume`. */
  pause(): Promise<void>
  resume(): Promise<void>
  stop(): Promise<void>
}

export type S3Found =
  | { readonly start: () => Promise<S3Server>; readonly missing?: undefined }
  | { readonly start?: undefined; readonly missing: string }

/** How a server is started here, or in words why there is none. */
export async function findS3(): Promise<S3Found> {
  if (process.platform === 'win32') return { missing: 'versitygw has no Windows form' }
  const found = await goTool('versitygw')
  return 'missing' in found ? found : { start: () => start(found.path) }
}

async function start(path: string): Promise<S3Server> {
  const [port = 0] = freePorts(1)
  const folder = serverFolder('s3')
  const bucket = 'weir-bodies'
  mkdirSync(join(folder, 'data', bucket), { recursive: true })
  const [accessKey, secretKey] = ['canary-access', 'canary-secret-0123456789']
  const command = [
    path,
    '--access',
    accessKey,
    '--secret',
    secretKey,
    '--region',
    'eu-test-1',
    '--port',
    `127.0.0.1:${port}`,
    '--quiet',
    'posix',
    join(folder, 'data'),
  ]
  // The folder outlives a pause: it is this server's, not the process's.
  const spawn = () => startBackground(command, [port], serverFolder('s3-run'))
  let background: Background | undefined = await spawn()
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    bucket,
    region: 'eu-test-1',
    accessKey,
    secretKey,
    folder: join(folder, 'data', bucket),
    objects: () =>
      readdirSync(join(folder, 'data', bucket), { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile() && !entry.parentPath.includes('.sgwtmp'))
        .map((entry) =>
          join(entry.parentPath, entry.name).slice(join(folder, 'data', bucket).length + 1),
        )
        .toSorted(),
    async pause() {
      await background?.stop()
      background = undefined
    },
    async resume() {
      background ??= await spawn()
    },
    async stop() {
      await background?.stop()
      Bun.spawnSync(['rm', '-rf', folder])
    },
  }
}
