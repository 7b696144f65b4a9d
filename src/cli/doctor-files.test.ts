// Files that others can read, that nobody can write, that have ended or hold nothing: each is made for real and must be found.

import { afterAll, describe, expect, test } from 'bun:test'
import { chmodSync, mkdtempSync, rmSync, statfsSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { loadConfig } from '../config/load.ts'
import {
  certificateFilesFinding,
  holdsSecrets,
  logRoomFinding,
  permissionsFinding,
} from './doctor-files.ts'
import { type Finding, StepFailure } from './doctor-steps.ts'

const folder = mkdtempSync(join(tmpdir(), 'weir-doctor-files-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const at = (name: string) => join(folder, name)

function configOf(settings: object, name = 'weir.json') {
  writeFileSync(at(name), JSON.stringify({ discovery: { environment: false }, ...settings }))
  chmodSync(at(name), 0o600)
  return loadConfig({
    flags: { config: at(name), data: folder },
    surroundings: {
      platform: process.platform,
      environment: { WEIR_NO_ENV_PROVIDERS: '1', SOME_KEY: 'from-outside' },
      home: folder,
      workingFolder: folder,
    },
  }).config
}

function failureOf(work: () => Finding): string {
  try {
    work()
  } catch (error) {
    if (error instanceof StepFailure) return `${error.advice.reason} → ${error.advice.todo}`
    throw error
  }
  throw new Error('it did not fail')
}

const PROVIDER = { id: 'p', type: 'openai' }

describe.skipIf(process.platform === 'win32')('permissions', () => {
  test('what is this user’s alone is well, and Windows has none', () => {
    const config = configOf({ providers: [{ ...PROVIDER, keys: ['sk-in-clear'] }] })
    chmodSync(folder, 0o700)
    expect(permissionsFinding(config, 'linux')).toBe('what is secret is this user’s alone')
    expect(permissionsFinding(config, 'win32')).toHaveProperty('skipped')
  })

  test.each([
    ['the data folder', () => chmodSync(folder, 0o777), 'chmod 700'],
    ['a database', () => writeFileSync(at('weir.db'), '', { mode: 0o644 }), 'weir.db'],
    ['the master key', () => writeFileSync(at('master.key'), 'x', { mode: 0o640 }), 'master.key'],
    ['the configuration', () => chmodSync(at('weir.json'), 0o644), 'weir.json'],
  ])('%s that others can read is told, with the command that closes it', (_, open, word) => {
    const config = configOf({ providers: [{ ...PROVIDER, keys: ['sk-in-clear'] }] })
    chmodSync(folder, 0o700)
    open()
    try {
      const finding = permissionsFinding(config, 'linux')
      expect(finding).toMatchObject({ warning: { todo: expect.stringContaining(word) } })
      expect(JSON.stringify(finding)).not.toContain('sk-in-clear')
    } finally {
      chmodSync(folder, 0o700)
      for (const name of ['weir.db', 'master.key']) rmSync(at(name), { force: true })
    }
  })

  test('a volume of a container, and one that a cluster gives to the program’s group, are well', () => {
    for (const mode of [0o755, 0o2770]) {
      chmodSync(folder, mode)
      expect(permissionsFinding(configOf({}), 'linux')).toBe('what is secret is this user’s alone')
    }
    chmodSync(folder, 0o700)
  })

  test('a path with blanks is one word of the command', () => {
    const keyFile = at('my key.pem')
    writeFileSync(keyFile, 'x', { mode: 0o644 })
    chmodSync(keyFile, 0o644)
    const config = configOf({})
    const named = { ...config, network: { ...config.network, keyFile } }
    expect(permissionsFinding(named, 'linux')).toMatchObject({
      warning: { reason: keyFile, todo: `Run: chmod 600 '${keyFile}'` },
    })
  })

  test('a configuration of references may be read by others', () => {
    const config = configOf({ providers: [{ ...PROVIDER, keys: ['${SOME_KEY}'] }] })
    chmodSync(folder, 0o700)
    chmodSync(at('weir.json'), 0o644)
    expect(permissionsFinding(config, 'linux')).toBe('what is secret is this user’s alone')
    expect(holdsSecrets(at('weir.json'))).toBe(false)
  })

  test('a database that cannot be written fails', () => {
    const config = configOf({})
    writeFileSync(at('weir.db'), '', { mode: 0o400 })
    try {
      expect(failureOf(() => permissionsFinding(config, 'linux'))).toMatch(
        /weir\.db cannot be written.*chown/,
      )
    } finally {
      rmSync(at('weir.db'), { force: true })
    }
  })
})

const openssl = Bun.which('openssl')

describe.skipIf(openssl === null)('certificate files', () => {
  const DAY = 86_400_000
  const made = (name: string, days: number): string => {
    const words = `req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=${name} -days ${days}`
    const files = ['-keyout', at(`${name}.key`), '-out', at(`${name}.pem`)]
    const { exitCode } = Bun.spawnSync([openssl!, ...words.split(' '), ...files])
    expect(exitCode).toBe(0)
    return at(`${name}.pem`)
  }

  test('one that ends soon is told, one that has ended fails, one that holds long is well', () => {
    const pem = made('client', 30)
    const config = configOf({ network: { cert_file: pem, key_file: at('client.key') } })
    const now = Date.now()
    expect(certificateFilesFinding(config, now)).toContain('1 file')
    expect(certificateFilesFinding(config, now + 20 * DAY)).toMatchObject({
      warning: { reason: expect.stringContaining('client.pem on') },
    })
    expect(failureOf(() => certificateFilesFinding(config, now + 31 * DAY))).toMatch(
      /client\.pem ended on.*renewed/,
    )
  })

  test('of authorities the one that holds longest counts', () => {
    const [old, young] = [made('old', 5), made('young', 60)]
    const both = at('bundle.pem')
    Bun.spawnSync(['sh', '-c', `cat "${old}" "${young}" > "${both}"`])
    const config = configOf({ network: { ca_file: both } })
    expect(certificateFilesFinding(config, Date.now() + 10 * DAY)).toContain('1 file')
  })

  test('a file without a certificate fails, and none named is none', () => {
    writeFileSync(at('empty.pem'), 'nothing')
    const config = configOf({ network: { ca_file: at('empty.pem') } })
    expect(failureOf(() => certificateFilesFinding(config, 0))).toMatch(
      /empty\.pem holds no certificate/,
    )
    expect(certificateFilesFinding(configOf({}), 0)).toEqual({ skipped: 'none named' })
  })
})

test('a log that may grow beyond the disk is told', () => {
  const { bavail, bsize } = statfsSync(folder)
  const free = Number(bavail) * Number(bsize)
  const within = configOf({ log: { max_size: '16MiB' } })
  expect(logRoomFinding(within)).toContain('of 16MiB')
  const beyond = configOf({ log: { max_size: `${Math.ceil(free / 2 ** 30) + 100}GiB` } })
  expect(logRoomFinding(beyond)).toMatchObject({
    warning: { reason: expect.stringContaining('full before log.max_size') },
  })
  expect(logRoomFinding(configOf({ log: { requests: 'none' } }))).toHaveProperty('skipped')
})
