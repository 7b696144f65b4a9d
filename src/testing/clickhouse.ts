// A real clickhouse-server for tests, on a free port of 127.0.0.1 with a folder and a user of its own, that can be stopped and started again on
// the same port with what it holds. It leaves no process behind, not even when the test run is killed.

import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePorts } from './ports.ts'

export interface TestClickHouse {
  readonly url: string
  readonly user: string
  readonly password: string
  /** Starts it again after `kill`; resolves once it answers. Nothing happens where it runs. */
  start(): Promise<void>
  /** Ends it at once, as a crash would. */
  kill(): Promise<void>
  /** The answer to a statement, as it stands. */
  query(statement: string): Promise<string>
  [Symbol.asyncDispose](): Promise<void>
}

const START_LIMIT_MS = 120_000
const USER = 'weir'
const PASSWORD = "a 'password' of tests"

/** Where it is installed; undefined where it is not. */
export function clickHousePath(): string | undefined {
  return (
    Bun.which('clickhouse-server', { PATH: `${process.env['PATH'] ?? ''}:/usr/sbin` }) ?? undefined
  )
}

/** @throws when it does not start */
export async function startClickHouse(): Promise<TestClickHouse> {
  const path = clickHousePath()
  if (path === undefined) throw new Error('clickhouse-server is not installed')
  const folder = mkdtempSync(join(tmpdir(), 'weir-clickhouse-'))
  chmodSync(folder, 0o755)
  const [port, native, between] = freePorts(3)
  const url = `http://127.0.0.1:${port}`
  writeConfig(folder, [port!, native!, between!])
  let child: Bun.Subprocess<'pipe', 'ignore', 'ignore'> | undefined

  const start = async () => {
    // A second one would take the place of the first, which nobody could end any more.
    if (child !== undefined) return
    const script = '"$@" >/dev/null 2>&1 & cat >/dev/null; kill -9 $! 2>/dev/null; wait $!'
    const command = [path, `--config-file=${join(folder, 'config.xml')}`]
    child = Bun.spawn(['/bin/sh', '-c', script, 'guard', ...command], {
      cwd: folder,
      stdio: ['pipe', 'ignore', 'ignore'],
    })
    child.unref()
    await answering(url)
  }
  const kill = async () => {
    const ending = child
    child = undefined
    if (ending === undefined) return
    await ending.stdin.end()
    await ending.exited
  }
  await start()
  return {
    url,
    user: USER,
    password: PASSWORD,
    start,
    kill,
    async query(statement) {
      const answer = await fetch(url, {
        method: 'POST',
        headers: { 'x-clickhouse-user': USER, 'x-clickhouse-key': PASSWORD },
        body: statement,
      })
      const text = await answer.text()
      if (!answer.ok) throw new Error(text)
      return text.trim()
    },
    async [Symbol.asyncDispose]() {
      await kill()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

function writeConfig(folder: string, [port, native, between]: readonly number[]): void {
  for (const name of ['data', 'tmp', 'files', 'formats']) mkdirSync(join(folder, name))
  const at = (name: string) => `${join(folder, name)}/`
  writeFileSync(
    join(folder, 'config.xml'),
    `<yandex>
  <logger><level>warning</level><log>${join(folder, 'log')}</log><errorlog>${join(folder, 'error')}</errorlog></logger>
  <http_port>${port}</http_port><tcp_port>${native}</tcp_port><interserver_http_port>${between}</interserver_http_port>
  <listen_host>127.0.0.1</listen_host>
  <path>${at('data')}</path><tmp_path>${at('tmp')}</tmp_path>
  <user_files_path>${at('files')}</user_files_path><format_schema_path>${at('formats')}</format_schema_path>
  <users_config>users.xml</users_config>
  <default_profile>default</default_profile><default_database>default</default_database>
  <mark_cache_size>5368709</mark_cache_size><timezone>Asia/Tokyo</timezone>
</yandex>`,
  )
  writeFileSync(
    join(folder, 'users.xml'),
    `<yandex>
  <profiles><default><max_memory_usage>1000000000</max_memory_usage></default></profiles>
  <users><${USER}><password>${PASSWORD}</password><networks><ip>127.0.0.1</ip></networks><profile>default</profile><quota>default</quota></${USER}></users>
  <quotas><default></default></quotas>
</yandex>`,
  )
}

async function answering(url: string): Promise<void> {
  const limit = performance.now() + START_LIMIT_MS
  for (;;) {
    try {
      if ((await fetch(`${url}/ping`)).ok) return
    } catch (error) {
      if (!(error instanceof Error)) throw error
    }
    if (performance.now() > limit) throw new Error('clickhouse-server does not answer')
    await Bun.sleep(20)
  }
}
