// Service files by laws: what a system reads from one is what was put in, for any path that a file system allows; and what cannot be
// carried is refused in words. The readers here follow the manuals, not our writers.

import { describe, expect, test } from 'bun:test'
import { chmodSync, chownSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { LIMITS } from '../../core/limits.ts'
import { SEED } from '../../testing/seed.ts'
import { UsageError } from '../command.ts'
import { parseEnvironmentFile, readEnvironmentFile } from './environment-file.ts'
import {
  addressOf,
  dryRun,
  install,
  prepare,
  start,
  status,
  stop,
  uninstall,
} from './installation.ts'
import { launchdManager, plistText } from './launchd.ts'
import { decodeRecord, encodeRecord, type PlannedFile, type ServiceFacts } from './plan.ts'
import { managerFor, type ServiceSystem } from './system.ts'
import { environmentFileValue, systemdManager, unitText } from './systemd.ts'
import { taskText, windowsArgument } from './task-scheduler.ts'
import { missingVariables } from './variables.ts'

fc.configureGlobal({ seed: SEED })

const FACTS: ServiceFacts = {
  executable: '/opt/weir/weir',
  dataFolder: '/var/lib/weir',
  home: '/home/ada',
  userName: 'ada',
  uid: 1000,
  stopTimeoutMs: 40_000,
  port: 9347,
}

const HOSTILE = ['%', '$', '"', "'", '\\', ' ', ';', '&', '<', '>', '{', '}', '*', '~', '-', '#']

/** Parts of paths in which every character that means something to somebody is likely. */
const part = fc
  .array(
    fc.oneof(
      fc.constantFrom(...HOSTILE, '$HOME', '${HOME}', '%h', '%%', '\\n', '\\x41', '@', '!', '+'),
      fc.string({ unit: 'grapheme', minLength: 1, maxLength: 3 }),
    ),
    { minLength: 1, maxLength: 8 },
  )
  .map((pieces) => pieces.join('').replaceAll('/', '|'))
  // oxlint-disable-next-line no-control-regex
  .filter((text) => !/[\u0000-\u001f\u007f-\u009f\u2028\u2029\ufffe\uffff]/.test(text))
  .filter((text) => text.isWellFormed())

const path = part.map((text) => `/${text}`)

/** systemd runs no program whose path has quotes or backslashes. */
const program = path.map((text) => text.replaceAll(/["'\\]/g, '_'))

/** The words of `ExecStart=` by systemd.syntax(7) and systemd.service(5): quotes, escapes, specifiers, then variables. */
function execWords(unit: string): string[] {
  const line = /^ExecStart=(.*)$/m.exec(unit)![1]!
  const words = [...line.matchAll(/"((?:[^"\\]|\\.)*)"(?: |$)/g)].map(([, inner = '']) => inner)
  expect(words.map((word) => `"${word}"`).join(' ')).toBe(line)
  return words.map((word, index) => {
    const unescaped = word.replaceAll(/\\(.)/g, (_all, next: string) => {
      expect(['\\', '"']).toContain(next)
      return next
    })
    const specified = unescaped.replaceAll(/%(.)/g, (_all, next: string) => {
      expect(next).toBe('%')
      return '%'
    })
    if (index === 0) return specified
    return specified.replaceAll(/\$(.)/g, (_all, next: string) => {
      expect(next).toBe('$')
      return '$'
    })
  })
}

/** The arguments of a command line by the rules of `CommandLineToArgvW`. */
function windowsWords(line: string): string[] {
  const words: string[] = []
  let word: string | undefined
  let isQuoted = false
  for (let at = 0; at < line.length;) {
    const slashes = /^\\*/.exec(line.slice(at))![0].length
    at += slashes
    if (line[at] === '"') {
      word = (word ?? '') + '\\'.repeat(Math.floor(slashes / 2))
      if (slashes % 2 === 1) word += '"'
      else isQuoted = !isQuoted
      at += 1
      continue
    }
    if (slashes > 0) {
      word = (word ?? '') + '\\'.repeat(slashes)
      continue
    }
    if (/[ \t]/.test(line[at]!) && !isQuoted) {
      if (word !== undefined) words.push(word)
      word = undefined
    } else word = (word ?? '') + line[at]!
    at += 1
  }
  if (word !== undefined) words.push(word)
  return words
}

function xmlDecoded(text: string): string {
  return text
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&quot;', '"')
    .replaceAll('&apos;', "'")
    .replaceAll('&amp;', '&')
}

describe('what the system reads is what was put in', () => {
  test('a unit of systemd', () => {
    fc.assert(
      fc.property(program, path, path, (executable, dataFolder, configFile) => {
        const unit = unitText({ ...FACTS, executable, dataFolder, configFile }, false)
        expect(execWords(unit)).toEqual([
          executable,
          'serve',
          '--config',
          configFile,
          '--data',
          dataFolder,
        ])
        // One line each: nothing of a path is an option of its own.
        expect(unit.match(/^ExecStart=/gm)?.length).toBe(1)
      }),
    )
  })

  test('the file with variables of a unit, as a pattern that fits it alone', () => {
    fc.assert(
      fc.property(part, (name) => {
        const file = `/etc/${name}`
        fc.pre(!/^\s|\s$|\\$/.test(file))
        const pattern = environmentFileValue(file).replaceAll('%%', '%')
        expect(pattern.replaceAll(/\\(.)/gu, '$1')).toBe(file)
        expect(pattern.replaceAll(/\\./gu, '')).not.toMatch(/[*?[\]]/)
      }),
    )
    expect(() => environmentFileValue('/a ')).toThrow(UsageError)
    expect(() => environmentFileValue('/a\\')).toThrow(UsageError)
  })

  test('a launch agent', () => {
    fc.assert(
      fc.property(path, path, (executable, environmentFile) => {
        const plist = plistText({ ...FACTS, executable, environmentFile })
        const array = /<array>([\s\S]*?)<\/array>/.exec(plist)![1]!
        const words = [...array.matchAll(/<string>([^<]*)<\/string>/g)].map(([, text = '']) =>
          xmlDecoded(text),
        )
        expect(words).toEqual([
          executable,
          'serve',
          '--data',
          FACTS.dataFolder,
          '--env-file',
          environmentFile,
        ])
      }),
    )
  })

  test('a task of Windows', () => {
    const windowsPath = part.filter((text) => !/[%"]|\$\(/.test(text)).map((text) => `C:\\${text}`)
    fc.assert(
      fc.property(windowsPath, windowsPath, (executable, dataFolder) => {
        const task = taskText({ ...FACTS, executable, dataFolder })
        const line = xmlDecoded(/<Arguments>([^<]*)<\/Arguments>/.exec(task)![1]!)
        expect(windowsWords(line)).toEqual(['serve', '--data', dataFolder])
        expect(windowsWords(`${line} after`)).toEqual(['serve', '--data', dataFolder, 'after'])
      }),
    )
    for (const text of ['C:\\%TEMP%\\x', 'C:\\$(Arg0)']) {
      expect(() => windowsArgument(text)).toThrow(UsageError)
    }
  })

  test('and an executable that systemd would not run is refused before', () => {
    for (const executable of ['/o"h', "/o'h", '/o\\h']) {
      expect(() => unitText({ ...FACTS, executable }, false)).toThrow('quotes or backslashes')
    }
  })

  test('of no platform with control characters, by which a path could become a line', () => {
    for (const bad of ['/a\nExecStartPre=/bin/evil', '/a\r', '/a\u0000', '/a\u2028', '/\ud800']) {
      const facts = { ...FACTS, dataFolder: bad }
      for (const make of [() => unitText(facts, false), () => plistText(facts)]) {
        expect(make).toThrow(UsageError)
      }
      expect(() => taskText(facts)).toThrow(UsageError)
    }
  })

  test('and its record comes back, from each of them', () => {
    fc.assert(
      fc.property(program, path, (executable, dataFolder) => {
        const facts = { ...FACTS, executable, dataFolder }
        const record = { executable, dataFolder }
        expect(decodeRecord(encodeRecord(facts))).toEqual(record)
        const user = systemdManager('/u', false)
        expect(user.readRecord(unitText(facts, false))).toEqual(record)
        expect(launchdManager('/Users/ada', 501).readRecord(plistText(facts))).toEqual(record)
      }),
    )
    expect(decodeRecord('bm8')).toBeUndefined()
    expect(decodeRecord(undefined)).toBeUndefined()
  })
})

describe('the unit of the whole machine', () => {
  test('has a user and a folder of its own, and no right but that for a low port', () => {
    const unit = unitText(FACTS, true)
    expect(unit).toContain('DynamicUser=yes\nStateDirectory=weir\n')
    expect(unit).toContain('CapabilityBoundingSet=\n')
    expect(unit).not.toContain('AmbientCapabilities')
    expect(unitText({ ...FACTS, port: 443 }, true)).toContain(
      'AmbientCapabilities=CAP_NET_BIND_SERVICE',
    )
  })

  test('is refused where it could not see or write what it needs', () => {
    for (const over of [
      { executable: '/home/ada/weir' },
      { executable: '/root/weir' },
      { configFile: '/tmp/weir.yaml' },
      { dataFolder: '/var/lib' },
      { dataFolder: '/var/lib/../etc' },
      { dataFolder: '/srv/weir' },
      { dataFolder: '/var/lib/we ir' },
    ]) {
      expect(() => unitText({ ...FACTS, ...over }, true)).toThrow(UsageError)
    }
  })
})

test('nothing that compiles as it runs is forbidden to write code', () => {
  for (const isSystem of [true, false]) {
    expect(unitText(FACTS, isSystem)).not.toContain('MemoryDenyWriteExecute')
  }
})

/** What systemd finds in a text, by its reader (env-file.c), character for character; lines that it passes over are left out here too. */
function systemdVariables(text: string): Map<string, string> {
  const found = new Map<string, string>()
  let state:
    'key' | 'before' | 'value' | 'escape' | 'single' | 'double' | 'double-escape' | 'note' = 'key'
  let [key, value, keep] = ['', '', 0]
  const isBlank = (character: string) => ' \t\n\r'.includes(character)
  const isEnd = (character: string) => '\n\r'.includes(character)
  const push = () => {
    const name = key.trim()
    if (/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) found.set(name, value.slice(0, keep))
    ;[state, key, value, keep] = ['key', '', '', 0]
  }
  const add = (characters: string) => {
    value += characters
    keep = value.length
  }
  for (const character of `${text}\n`) {
    if (state === 'note') {
      if (isEnd(character)) state = 'key'
    } else if (state === 'key') {
      if (key === '' && '#;'.includes(character)) state = 'note'
      else if (isEnd(character)) key = ''
      else if (character === '=' && key !== '') state = 'before'
      else if (key !== '' || !isBlank(character)) key += character
    } else if (state === 'escape') {
      state = 'value'
      if (!isEnd(character)) add(character)
    } else if (state === 'single') {
      if (character === "'") state = 'before'
      else add(character)
    } else if (state === 'double') {
      if (character === '"') state = 'before'
      else if (character === '\\') state = 'double-escape'
      else add(character)
    } else if (state === 'double-escape') {
      state = 'double'
      add('"\\`$'.includes(character) ? character : `\\${character}`)
    } else if (isEnd(character)) push()
    else if (state === 'before' && character === "'") state = 'single'
    else if (state === 'before' && character === '"') state = 'double'
    else if (character === '\\') {
      state = 'escape'
      keep = value.length
    } else if (state === 'value' && isBlank(character)) value += character
    else if (!isBlank(character)) {
      state = 'value'
      add(character)
    }
  }
  return found
}

describe('a file with variables', () => {
  test('is read as systemd reads it, or refused', () => {
    const pieces = ["'", '"', '\\', ' ', '\t', 'a', 'B', '=', '#', ';', '$', '`', 'é', '\u2028']
    const value = fc.array(fc.constantFrom(...pieces), { maxLength: 12 })
    const line = fc.oneof(
      fc.tuple(fc.constantFrom('A=', ' B =', '\tC= ', '#', ' ;', ''), value),
      fc.tuple(fc.constant('D='), value),
    )
    const end = fc.constantFrom('\n', '\r\n', '\r')
    let read = 0
    fc.assert(
      fc.property(fc.array(fc.tuple(line, end), { maxLength: 4 }), (lines) => {
        const text = lines.map(([[name, parts], after]) => name + parts.join('') + after).join('')
        let ours: Map<string, string>
        try {
          ours = parseEnvironmentFile(text)
        } catch (error) {
          expect(error).toBeInstanceOf(UsageError)
          return
        }
        read += ours.size
        expect([text, Object.fromEntries(ours)]).toEqual([
          text,
          Object.fromEntries(systemdVariables(text)),
        ])
      }),
      { numRuns: 2_000 },
    )
    expect(read).toBeGreaterThan(200)
  })

  test('has values that people write', () => {
    const text = [
      '# comment',
      '; comment',
      '',
      'A=plain',
      'B="with spaces # and marks"',
      'C=\'single \\ "quoted"\'',
      'D=a\\ b',
      'E="a\\"b\\\\c\\d"',
      'F=',
      'G=\'two\'"quoted"plain',
      'A=again',
      'H = padded ',
      'I=a=b=c',
      "J=it's",
      'K=a "b" c',
      'L=kept\\ ',
    ].join('\r\n')
    expect(Object.fromEntries(parseEnvironmentFile(text))).toEqual({
      A: 'again',
      B: 'with spaces # and marks',
      C: 'single \\ "quoted"',
      D: 'a b',
      E: 'a"b\\c\\d',
      F: '',
      G: 'twoquotedplain',
      H: 'padded',
      I: 'a=b=c',
      J: "it's",
      K: 'a "b" c',
      L: 'kept ',
    })
  })

  test('is refused by line and name, and never with a value', () => {
    for (const [text, words] of [
      ['OK=1\nsecret-without-name', 'Line 2'],
      ['export A=secret', 'Line 1'],
      ['A="secret', 'value of A'],
      ["A='secret' 'open", 'value of A'],
      ['A=secret\\', 'value of A'],
      ['=secret', 'Line 1'],
      ['A=sec\u0000ret', 'control character in the value of A'],
      ['A=sec\u001b[2Jret', 'control character in the value of A'],
      ['# continued \\\nA=secret', 'Line 1'],
      ['\ufeffA=secret', 'Line 1'],
    ] as const) {
      const read = () => parseEnvironmentFile(text)
      expect(read).toThrow(words)
      expect(read).toThrow(UsageError)
      expect(read).not.toThrow(/secret/)
    }
  })

  test('sets nothing that acts before a program begins', () => {
    for (const name of ['LD_PRELOAD', 'DYLD_INSERT_LIBRARIES', 'BUN_OPTIONS', 'NODE_OPTIONS']) {
      expect(() => parseEnvironmentFile(`${name}=secret`)).toThrow(`has ${name}, which acts before`)
    }
    expect(parseEnvironmentFile('LDAP_KEY=1\nBUNDLE=2').size).toBe(2)
  })

  test('on a disk is one’s own, no pipe, of a bounded size and in UTF-8', () => {
    const folder = mkdtempSync(join(tmpdir(), 'weir-variables-'))
    const write = (name: string, content: string | Uint8Array, mode = 0o600) => {
      const file = join(folder, name)
      writeFileSync(file, content)
      chmodSync(file, mode)
      return file
    }
    try {
      expect(readEnvironmentFile(write('good', 'A=ü')).get('A')).toBe('ü')
      const pipe = join(folder, 'pipe')
      expect(Bun.spawnSync(['mkfifo', pipe]).exitCode).toBe(0)
      for (const [file, words] of [
        [write('open', 'A=1', 0o640), 'chmod 600'],
        [write('large', `A=${'x'.repeat(LIMITS.environmentFileBytesMax)}`), 'too large'],
        [write('latin', new Uint8Array([65, 61, 0xfc])), 'no UTF-8'],
        [write('mark', '\ufeffA=1'), 'byte order mark'],
        [folder, 'is no file'],
        [pipe, 'is no file'],
        [join(folder, 'absent'), 'ENOENT'],
      ] as const) {
        expect(() => readEnvironmentFile(file, 'linux')).toThrow(words)
      }
      // Notepad of Windows writes one, and only Weir reads the file there.
      expect(readEnvironmentFile(join(folder, 'mark'), 'win32').get('A')).toBe('1')
      if (process.getuid?.() === 0) {
        const foreign = write('foreign', 'A=1')
        chownSync(foreign, 65_534, 65_534)
        expect(() => readEnvironmentFile(foreign, 'linux')).toThrow('belongs to another user')
      }
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  })
})

test('variables are told by name, those that the configuration needs apart', () => {
  const surroundings = {
    environment: { OPENAI_API_KEY: 'sk-secret', MY_KEY: 'x', WEIR_PORT: '1', WEIR_DATA: '/d' },
    platform: 'linux' as const,
    home: '/home/ada',
    workingFolder: '/',
  }
  const text = 'a: ${MY_KEY}\n# ${COMMENTED}\nb: ${OTHER:-x}\nc: ${ABSENT}\nd: $${WEIR_PORT}\n'
  expect(missingVariables(surroundings, text, new Set())).toEqual({
    needed: ['MY_KEY'],
    found: ['OPENAI_API_KEY', 'WEIR_PORT'],
  })
  const given = new Set(['MY_KEY', 'OPENAI_API_KEY', 'WEIR_PORT'])
  expect(missingVariables(surroundings, text, given)).toEqual({ needed: [], found: [] })
})

/** A machine of memory. */
function machine(platform: NodeJS.Platform, over: Partial<ServiceSystem> = {}) {
  const files = new Map<string, PlannedFile>()
  const calls: string[] = []
  const answers = new Map<string, { succeeded: boolean; output: string | undefined }>()
  const system: ServiceSystem = {
    surroundings: { environment: {}, platform, home: '/home/ada', workingFolder: '/home/ada' },
    executable: '/opt/weir',
    uid: 1000,
    userName: 'ada',
    read: (name) => files.get(name)?.text,
    write: (file) => void files.set(file.path, file),
    remove: (name) => void files.delete(name),
    run: async ({ argv }) => {
      const line = argv.join(' ')
      calls.push(line)
      const known = [...answers].find(([beginning]) => line.startsWith(beginning))?.[1]
      return known ?? { succeeded: true, output: line.includes('is-system') ? 'running\n' : '' }
    },
    ...over,
  }
  return { system, files, calls, answers }
}

const CHOICE = { flags: { data: '/data' }, isSystem: false }

describe.each(['linux', 'darwin', 'win32'] as const)('on %s', (platform) => {
  const usual = { ...CHOICE, flags: { data: platform === 'win32' ? 'C:\\data' : '/data' } }

  test('installing twice is installing once, and a change is taken over', async () => {
    const { calls, files, system } = machine(platform)
    const manager = managerFor(system, false)
    const { facts } = prepare(system, usual)
    expect(await install(system, manager, facts)).toBe('installed')
    const [file] = [...files.values()]
    expect(files.size).toBe(1)
    expect(file!.mode).toBe(0o600)
    expect(await install(system, manager, facts)).toBe('unchanged')
    expect([...files.values()]).toEqual([file!])
    const before = calls.length
    expect(await install(system, manager, { ...facts, stopTimeoutMs: 1, executable: '/new' })).toBe(
      'changed',
    )
    expect([...files.values()][0]!.text).toContain('/new')
    expect(calls.slice(before).join('\n')).toMatch(/restart|bootout|\/Create/)
  })

  test('uninstalling leaves nothing but data, and says where that is', async () => {
    const { files, system } = machine(platform)
    const manager = managerFor(system, false)
    const { facts } = prepare(system, usual)
    expect(await uninstall(system, manager)).toBe(false)
    await install(system, manager, facts)
    expect(await uninstall(system, manager)).toMatchObject({ dataFolder: facts.dataFolder })
    expect(files.size).toBe(0)
    await expect(start(system, manager)).rejects.toThrow('No service is installed')
    await expect(stop(system, manager)).rejects.toThrow('No service is installed')
    expect(await status(system, manager)).toEqual({ isInstalled: false })
  })

  test('a trial does nothing and shows everything', () => {
    const { calls, files, system } = machine(platform)
    const manager = managerFor(system, false)
    const { facts } = prepare(system, usual)
    const shown = dryRun(system, manager, facts)
    expect(shown).toContain(manager.path)
    expect(shown).toContain(manager.file(facts).text.split('\r').join('').trim())
    expect([calls.length, files.size]).toEqual([0, 0])
  })

  test('what the manager refuses is told with its last words', async () => {
    const { answers, system } = machine(platform)
    const manager = managerFor(system, false)
    const { facts } = prepare(system, usual)
    for (const call of ['systemctl --user enable', 'launchctl enable', 'schtasks /Create']) {
      answers.set(call, { succeeded: false, output: 'noise\nAccess is denied.\n' })
    }
    await expect(install(system, manager, facts)).rejects.toThrow(/failed: .*Access is denied/)
  })

  test('from source there is nothing to install', () => {
    const { system } = machine(platform, { executable: undefined })
    expect(() => prepare(system, usual)).toThrow('runs from its source')
  })
})

describe.each(['linux', 'darwin', 'win32'] as const)('on %s', (platform) => {
  const usual = { ...CHOICE, flags: { data: platform === 'win32' ? 'C:\\data' : '/data' } }

  test('what somebody else has written stays, whatever is asked', async () => {
    const { calls, files, system } = machine(platform)
    const manager = managerFor(system, false)
    const { facts } = prepare(system, usual)
    const theirs = { ...manager.file(facts), text: 'by hand' }
    system.write(theirs)
    for (const attempt of [
      async () => void dryRun(system, manager, facts),
      async () => void (await install(system, manager, facts)),
      () => start(system, manager),
      () => stop(system, manager),
      async () => void (await uninstall(system, manager)),
    ]) {
      await expect(attempt()).rejects.toThrow('was not made by')
    }
    expect([...files.values()]).toEqual([theirs])
    expect(calls).toEqual([])
    expect(await status(system, manager)).toMatchObject({ isInstalled: true })
  })

  test('an installation that failed half-way is whole after the next, and can be taken away', async () => {
    const { answers, calls, files, system } = machine(platform)
    const manager = managerFor(system, false)
    const { facts } = prepare(system, usual)
    const begun = ['systemctl --user enable', 'launchctl enable', 'schtasks /Create']
    for (const call of begun) answers.set(call, { succeeded: false, output: 'no\n' })
    await expect(install(system, manager, facts)).rejects.toThrow('failed')
    answers.clear()
    calls.length = 0
    await install(system, manager, facts)
    expect(calls.filter((call) => begun.some((each) => call.startsWith(each))).length).toBe(1)
    // Gone by another hand, stopped or not: no failure.
    for (const [call, said] of [
      ['launchctl bootout', 'Boot-out failed: 3: No such process'],
      ['launchctl print', 'Could not find service'],
      ['schtasks /Delete', 'ERROR: The system cannot find the file specified.'],
      ['schtasks /End', 'ERROR: The system cannot find the file specified.'],
      ['schtasks /Query', 'ERROR: The system cannot find the file specified.'],
    ] as const) {
      answers.set(call, { succeeded: false, output: said })
    }
    await stop(system, manager)
    await uninstall(system, manager)
    expect(files.size).toBe(0)
  })
})

describe('what a service will have', () => {
  const shell = (environment: Record<string, string>, text: string, workingFolder = '/work') => {
    const folder = mkdtempSync(join(tmpdir(), 'weir-shell-'))
    const config = join(folder, 'weir.json')
    const variables = join(folder, 'keys.env')
    writeFileSync(config, text)
    const { system } = machine('linux', {
      surroundings: { environment, platform: 'linux', home: folder, workingFolder },
    })
    return {
      config,
      folder,
      system,
      variables,
      [Symbol.dispose]: () => rmSync(folder, { recursive: true }),
    }
  }

  test('is looked at, not what this shell has: a variable of its file alone is enough', () => {
    using at = shell(
      { WEIR_PORT: '1', WEIR_STOP_DELAY: '7s' },
      '{"providers":[{"id":"a","type":"openai","keys":["${ONLY_THERE}"]}]}',
    )
    const choice = { flags: { config: at.config, data: '/data' }, isSystem: false }
    expect(() => prepare(at.system, choice)).toThrow('ONLY_THERE')
    writeFileSync(at.variables, 'ONLY_THERE=sk-x\nWEIR_PORT=4711\n', { mode: 0o600 })
    const { facts, missing } = prepare(at.system, { ...choice, environmentFile: at.variables })
    expect(facts.port).toBe(4711)
    expect(missing.needed).toEqual([])
    expect(addressOf(at.system, facts)?.port).toBe(4711)
  })

  test('is told by its record, whatever the shell and the folder say that ask', () => {
    using at = shell({ WEIR_PORT: '1', WEIR_CONFIG: '/no/such' }, '{"server":{"port":5}}')
    const system = {
      ...at.system,
      surroundings: { ...at.system.surroundings, home: '/home/nobody', workingFolder: at.folder },
    }
    expect(addressOf(system, { executable: '/w', dataFolder: '/d' })?.port).toBe(9347)
    const record = { executable: '/w', dataFolder: '/d', configFile: at.config }
    expect(addressOf(system, record)?.port).toBe(5)
  })
})

describe('what the managers say', () => {
  test('that cannot be asked, nothing is taken away: it would run on', async () => {
    const { answers, files, system } = machine('linux')
    const manager = managerFor(system, false)
    await install(system, manager, prepare(system, CHOICE).facts)
    answers.set('systemctl', { succeeded: false, output: 'Failed to connect to bus' })
    await expect(uninstall(system, manager)).rejects.toThrow('systemd does not answer here')
    expect(files.size).toBe(1)
  })

  test('a folder of units goes by the XDG specification: a relative one does not count', () => {
    const at = (XDG_CONFIG_HOME: string) => {
      const { system } = machine('linux')
      const environment = { XDG_CONFIG_HOME }
      return managerFor({ ...system, surroundings: { ...system.surroundings, environment } }, false)
        .path
    }
    expect(at('/x')).toBe('/x/systemd/user/weir.service')
    expect(at('x')).toBe('/home/ada/.config/systemd/user/weir.service')
  })

  test('without systemd there are words for it, whatever is missing', async () => {
    for (const output of [undefined, 'offline\n', 'Failed to connect to bus\n', '']) {
      const { answers, files, system } = machine('linux')
      answers.set('systemctl --user is-system-running', { succeeded: false, output })
      const manager = managerFor(system, false)
      const { facts } = prepare(system, CHOICE)
      await expect(install(system, manager, facts)).rejects.toThrow('systemd does not answer here')
      expect(files.size).toBe(0)
    }
  })

  test('states are read, of each', () => {
    const unit = systemdManager('/u', false)
    const shown =
      'LoadState=loaded\nActiveState=active\nSubState=running\nMainPID=42\nResult=success'
    expect(unit.readState(shown, true)).toEqual({
      isRunning: true,
      pid: 42,
      word: 'active, running',
    })
    const failed = 'ActiveState=failed\nSubState=failed\nMainPID=0\nResult=exit-code\n'
    expect(unit.readState(failed, true)).toEqual({
      isRunning: false,
      word: 'failed, failed, exit-code',
    })
    const agent = launchdManager('/Users/ada', 501)
    expect(agent.readState('x = {\n\tstate = running\n\tpid = 7\n}', true)).toEqual({
      isRunning: true,
      pid: 7,
      word: 'running',
    })
    expect(agent.readState('', false).isRunning).toBe(false)
    const { system } = machine('win32')
    const task = managerFor(system, false)
    expect(task.readState('Running\r\n', true)).toEqual({ isRunning: true, word: 'Running' })
    expect(task.readState('Ready\r\n', true).isRunning).toBe(false)
  })

  test('the whole machine is root’s, and Linux’s alone', async () => {
    const { system } = machine('linux')
    const manager = managerFor(system, true)
    const { facts } = prepare(system, { flags: {}, isSystem: true })
    expect(facts.dataFolder).toBe('/var/lib/weir')
    await expect(install(system, manager, facts)).rejects.toThrow('needs root')
    expect(() => managerFor(machine('darwin').system, true)).toThrow('Linux')
    expect(() => managerFor(machine('freebsd').system, false)).toThrow(UsageError)
  })
})
