// What is released, made as a release is made and tried as somebody who downloads it would: the same bytes from another folder, another
// user's settings and another time zone; the archive unpacked into an empty home; executables of other systems looked at as far as this
// machine can. The workflows are read by their own linter.

import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { createHash } from 'node:crypto'
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statfsSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { VERSION } from '../src/core/version.ts'
import { goTool, goToolLimitMs } from './harness/go-tools.ts'

const root = join(import.meta.dir, '..')
const isLinux = process.platform === 'linux' && process.arch === 'x64'

/** Two compilations and their packing, beside other tests. */
const MAKE_LIMIT_MS = 300_000

describe.if(isLinux)('a release', () => {
  let folder = ''
  let away = ''

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'weir-release-test-'))
    away = mkdtempSync(join(elsewhere(), 'weir-release-test-'))
    const deep = join(away, 'a folder', 'deeper', 'source')
    copyRepository(deep)
    await Promise.all([
      release(root, join(folder, 'first'), TARGETS, { TZ: 'UTC', LANG: 'C' }),
      release(deep, join(folder, 'second'), TWICE, { TZ: 'Asia/Kathmandu', LANG: 'de_DE.UTF-8' }),
    ])
  }, MAKE_LIMIT_MS)

  afterAll(() => {
    for (const each of [folder, away]) rmSync(each, { recursive: true, force: true })
  })

  test('is the same to the bit, made twice', () => {
    const sums = (each: string) =>
      readFileSync(join(folder, each, 'SHA256SUMS'), 'utf8')
        .trimEnd()
        .split('\n')
    // With the SBOM and the licences. Every file that is published is named, and nothing else.
    expect(sums('first')).toHaveLength(TARGETS.length + 2)
    expect(sums('second')).toHaveLength(TWICE.length + 2)
    const named = sums('first').map((line) => line.split('  ')[1]!)
    const published = readdirSync(join(folder, 'first')).filter((name) => name.startsWith('weir-'))
    expect(named.toSorted()).toEqual(published.toSorted())
    expect(sums('second').filter((line) => !sums('first').includes(line))).toEqual([])
    for (const each of ['first', 'second']) {
      const checked = Bun.spawnSync(['sha256sum', '--check', '--strict', 'SHA256SUMS'], {
        cwd: join(folder, each),
      })
      expect(checked.exitCode).toBe(0)
    }
  })

  test('unpacked into an empty home, it runs with an empty environment and answers', async () => {
    const { home, top } = unpacked('linux-x64')
    for (const file of ['LICENSE', 'THIRD-PARTY-LICENSES.md', 'README.md', 'CHANGELOG.md']) {
      expect(readFileSync(join(top, file), 'utf8').length).toBeGreaterThan(200)
    }
    const child = Bun.spawn([join(top, 'weir'), 'serve', '--port', '0'], {
      cwd: home,
      env: { HOME: home },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    try {
      const url = await listening(child.stdout)
      const answer = await fetch(`${url}/v1/chat/completions`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ model: 'mock/echo', messages: [{ role: 'user', content: 'Hi' }] }),
      })
      expect(answer.status).toBe(200)
      expect(await answer.text()).toContain('Hi')
      for (const path of ['/ui', '/docs', '/docs/guide', '/openapi.json']) {
        expect((await fetch(`${url}${path}`)).status).toBe(200)
      }
    } finally {
      child.kill('SIGTERM')
    }
    expect(await child.exited).toBe(0)
    // It left its data in the home it was given, and nothing beside itself.
    expect(existsSync(join(home, '.local', 'share', 'weir', 'weir.db'))).toBe(true)
  }, 60_000)

  test('the executable of macOS is signed so that the system lets it run', () => {
    const { top } = unpacked('darwin-arm64')
    expect(codeSignature(readFileSync(join(top, 'weir')))).toEqual({ pages: 'all', wrong: 0 })
    // A check that can fail: one changed byte is seen.
    const changed = readFileSync(join(top, 'weir'))
    changed[1_000_000]! ^= 1
    expect(codeSignature(changed).wrong).toBe(1)
  })

  test('the zip of Windows holds an executable of Windows', () => {
    const { top } = unpacked('windows-x64')
    const bytes = readFileSync(join(top, 'weir.exe'))
    const header = bytes.readUInt32LE(0x3c)
    expect(bytes.toString('latin1', 0, 2)).toBe('MZ')
    expect(bytes.toString('latin1', header, header + 4)).toBe('PE\0\0')
    // IMAGE_FILE_MACHINE_AMD64
    expect(bytes.readUInt16LE(header + 4)).toBe(0x86_64)
    expect(existsSync(join(top, 'completions', 'weir.ps1'))).toBe(true)
  })

  test('the executable for arm64 runs in an emulator', () => {
    const emulator = Bun.which('qemu-aarch64-static')
    const libraries = '/usr/aarch64-linux-gnu'
    if (emulator === null || !existsSync(join(libraries, 'lib'))) {
      process.stdout.write('left out: the arm64 executable: qemu-user-static, libc6-arm64-cross\n')
      return
    }
    const { top } = unpacked('linux-arm64')
    const { exitCode, stdout } = Bun.spawnSync(
      [emulator, '-L', libraries, join(top, 'weir'), 'version'],
      {
        env: { HOME: folder },
      },
    )
    expect(stdout.toString()).toStartWith(`weir ${VERSION} (bun ${Bun.version}, linux-arm64)`)
    expect(exitCode).toBe(0)
  }, 60_000)

  /** Unpacks an archive as a person would, into a home of its own. */
  function unpacked(target: string): { home: string; top: string } {
    const home = mkdtempSync(join(folder, 'home-'))
    const name = `weir-${VERSION}-${target}`
    const zipped = target.startsWith('windows-')
    const archive = join(folder, 'first', `${name}${zipped ? '.zip' : '.tar.gz'}`)
    const command = zipped ? ['unzip', '-q', archive] : ['tar', 'xzf', archive]
    expect(Bun.spawnSync(command, { cwd: home }).exitCode).toBe(0)
    return { home, top: join(home, name) }
  }
})

test(
  'the workflows are what their linter accepts, and pin what they use',
  async () => {
    const workflows = ['ci.yml', 'release.yml', 'audit.yml'].map((name) =>
      join(root, '.github', 'workflows', name),
    )
    for (const path of workflows) {
      const text = readFileSync(path, 'utf8')
      expect(text).toContain('permissions:')
      const uses = [...text.matchAll(/uses: (\S+)/g)].map(([, action]) => action!)
      for (const action of uses) expect(action).toMatch(/@[0-9a-f]{40}$|^\.\//)
      // One version of the runtime, the repository's own.
      for (const [, version] of text.matchAll(/\bbun@([\d.]+)/g)) expect(version).toBe(Bun.version)
    }
    const found = await goTool('actionlint')
    if ('missing' in found) {
      process.stdout.write(`left out: the linter of workflows: ${found.missing}\n`)
      return
    }
    const lint = (...args: string[]) => Bun.spawnSync([found.path, '-no-color', ...args])
    const { exitCode, stdout } = lint(...workflows)
    expect(stdout.toString()).toBe('')
    expect(exitCode).toBe(0)
    // It sees what is wrong.
    const broken = join(mkdtempSync(join(tmpdir(), 'weir-lint-')), 'broken.yml')
    await Bun.write(
      broken,
      'on: push\njobs:\n  a:\n    runs-on: ubuntu-24.04\n    steps:\n      - run: echo ${{ nothing.here }}\n',
    )
    expect(lint(broken).exitCode).toBe(1)
    rmSync(dirname(broken), { recursive: true })
  },
  goToolLimitMs('actionlint'),
)

/** One of each kind: not all eight, which `bun run release` makes. */
const TARGETS = ['linux-x64', 'linux-arm64', 'darwin-arm64', 'windows-x64'] as const
const TWICE = ['linux-x64', 'windows-x64'] as const

/** More than the repository has with its packages. */
const SOURCE_BYTES = 1536 * 1024 * 1024

async function release(
  cwd: string,
  out: string,
  targets: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<void> {
  const command = [
    process.execPath,
    'src/release/run.ts',
    '--out',
    out,
    '--only',
    targets.join(','),
  ]
  const child = Bun.spawn(command, {
    cwd,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const [stdout, stderr, code] = await Promise.all([
    child.stdout.text(),
    child.stderr.text(),
    child.exited,
  ])
  if (code !== 0) throw new Error(`release failed:\n${stdout}\n${stderr}`)
}

/** On a file system that lists folders in another order, where there is one with room. */
function elsewhere(): string {
  const memory = '/dev/shm'
  if (!existsSync(memory)) return tmpdir()
  const { bavail, bsize } = statfsSync(memory)
  return bavail * bsize > SOURCE_BYTES ? memory : tmpdir()
}

/**
 * What is or will be committed, in another place, with the packages of this one. They are copied: behind a link the runtime's bundler takes
 * them for files of another place, and names and orders them otherwise.
 */
function copyRepository(folder: string): void {
  const listed = Bun.spawnSync(['git', 'ls-files', '-z', '-co', '--exclude-standard'], {
    cwd: root,
  })
  expect(listed.exitCode).toBe(0)
  for (const path of listed.stdout.toString().split('\0')) {
    if (path === '' || !existsSync(join(root, path))) continue
    mkdirSync(join(folder, dirname(path)), { recursive: true })
    cpSync(join(root, path), join(folder, path))
  }
  const packages = Bun.spawnSync(['cp', '-r', join(root, 'node_modules'), folder])
  expect(packages.exitCode).toBe(0)
}

async function listening(stream: ReadableStream<Uint8Array>): Promise<string> {
  const decoder = new TextDecoder()
  let text = ''
  for await (const chunk of stream) {
    text += decoder.decode(chunk, { stream: true })
    const url = /listens on (http:\/\/\S+)/.exec(text)?.[1]
    if (url !== undefined) return url
  }
  throw new Error(`It did not start: ${text}`)
}

const LC_CODE_SIGNATURE = 0x1d
const CODE_DIRECTORY = 0xfade_0c02

/**
 * Judges the signature of a Mach-O executable as the system does: a hash for each page of the file (Apple's `cs_blobs.h`). The signature
 * is nobody's in particular ("ad hoc"), which is what the system asks for at the least.
 */
function codeSignature(file: Buffer): { pages: 'all' | 'some'; wrong: number } {
  let at = 32
  for (let left = file.readUInt32LE(16); left > 0; left -= 1) {
    if (file.readUInt32LE(at) === LC_CODE_SIGNATURE) {
      const signature = file.readUInt32LE(at + 8)
      const directory = signature + file.readUInt32BE(signature + 16)
      expect(file.readUInt32BE(directory)).toBe(CODE_DIRECTORY)
      const hashes = directory + file.readUInt32BE(directory + 16)
      const count = file.readUInt32BE(directory + 28)
      const limit = file.readUInt32BE(directory + 32)
      const size = file.readUInt8(directory + 36)
      const page = 2 ** file.readUInt8(directory + 39)
      let wrong = 0
      for (let index = 0; index < count; index += 1) {
        const body = file.subarray(index * page, Math.min(limit, (index + 1) * page))
        const told = file.subarray(hashes + index * size, hashes + (index + 1) * size)
        if (!createHash('sha256').update(body).digest().equals(told)) wrong += 1
      }
      // Everything before the signature itself is under it.
      return { pages: limit === signature && count * page >= limit ? 'all' : 'some', wrong }
    }
    at += file.readUInt32LE(at + 4)
  }
  throw new Error('The executable has no signature.')
}
