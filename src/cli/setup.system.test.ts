// `weir setup` as a person runs it, against what goes wrong: files that do not parse, links, somebody editing at the same time, no terminal,
// no server. Nothing is written by halves, nothing is lost, no key is shown.

import {
  afterAll,
  beforeAll,
  beforeEach,
  describe,
  expect,
  setDefaultTimeout,
  test,
} from 'bun:test'
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { PROGRAMS_LIMIT_MS, TestProgram } from './test-program.ts'

setDefaultTimeout(PROGRAMS_LIMIT_MS)

const KEY = 'weir_0123456789abcdefghijABCDEFGHIJ0123456789XYZabc'
const MODELS = [{ id: 'team/fast' }, { id: 'team/other' }]

let program: TestProgram
let server: ReturnType<typeof Bun.serve>
/** What the server was asked with. */
let seen: (string | null)[]

beforeAll(() => {
  server = Bun.serve({
    port: 0,
    hostname: '127.0.0.1',
    fetch(request) {
      const given = request.headers.get('authorization')
      seen.push(given)
      if (given !== null && given !== `Bearer ${KEY}`) return new Response('{}', { status: 401 })
      const { pathname } = new URL(request.url)
      if (pathname === '/v1/models') return Response.json({ object: 'list', data: MODELS })
      const isKnown = pathname === '/v1/models/mock/any'
      return Response.json({}, { status: isKnown ? 200 : 404 })
    },
  })
})
afterAll(() => server.stop(true))

beforeEach(() => {
  seen = []
  program = new TestProgram({ XDG_CONFIG_HOME: '' })
  return () => program.remove()
})

function at(...parts: string[]): string {
  return join(program.folder, ...parts)
}

function put(path: string, text: string, mode = 0o644): void {
  mkdirSync(dirname(at(path)), { recursive: true })
  writeFileSync(at(path), text, { mode })
}

function read(path: string): string {
  return readFileSync(at(path), 'utf8')
}

const url = () => `http://127.0.0.1:${server.port}`

function setup(...args: string[]) {
  return program.run('setup', ...args, ...(args.includes('--undo') ? [] : ['--url', url()]))
}

const SETTINGS = '.claude/settings.json'
const MINE = '{\n  // mine\n  "model": "opus",\n}\n'

describe('asking', () => {
  test('nobody to ask: the difference is shown, nothing is written, exit code 3', async () => {
    put(SETTINGS, MINE)
    const { code, err, out } = await setup('claude-code', '--key', KEY)
    expect(code).toBe(3)
    expect(err).toContain('--yes')
    expect(out).toContain('+  "apiKeyHelper"')
    expect(out + err).not.toContain(KEY)
    expect(read(SETTINGS)).toBe(MINE)
    expect(existsSync(join(program.data, 'setup'))).toBe(false)
  })

  test.each([
    ['y\r', 0],
    ['n\r', 1],
    ['\r', 1],
  ])('a terminal is asked, and %j decides', async (typed, wanted) => {
    put(SETTINGS, MINE)
    const asked = ['setup', 'claude-code', '--url', url()]
    const { code, screen } = await program.typeOnTerminal('[y/N]', typed, ...asked)
    expect([code, screen]).toEqual([wanted, expect.stringContaining('ANTHROPIC_BASE_URL')])
    expect(read(SETTINGS) === MINE).toBe(wanted !== 0)
  })

  test('--dry-run writes nothing, --show-key shows the key', async () => {
    const { code, out } = await setup('aider', '--key', KEY, '--dry-run', '--show-key')
    expect([code, out]).toEqual([0, expect.stringContaining(`openai-api-key: ${KEY}`)])
    expect(existsSync(at('.aider.conf.yml'))).toBe(false)
    expect(program.hasData()).toBe(false)
  })
})

describe('writing', () => {
  test('a file of its own: private when the key is in it, and gone again with its folders', async () => {
    expect((await setup('llm', '--key', KEY, '--yes')).code).toBe(0)
    const keys = '.config/io.datasette.llm/keys.json'
    expect(JSON.parse(read(keys))).toEqual({ weir: KEY })
    expect(statSync(at(keys)).mode & 0o777).toBe(0o600)
    expect(seen).toContain(`Bearer ${KEY}`)
    const record = join(program.data, 'setup', 'llm.json')
    expect(statSync(record).mode & 0o777).toBe(0o600)
    expect((await setup('llm', '--undo', '--yes')).code).toBe(0)
    expect(existsSync(at('.config'))).toBe(false)
    expect(existsSync(record)).toBe(false)
    expect((await setup('llm', '--undo', '--yes')).out).toContain('nothing to take back')
  })

  test('an open file becomes private with the key, and open again without it', async () => {
    const text = '# mine\nmodel: gpt-4o\n'
    put('.aider.conf.yml', text)
    await setup('aider', '--key', KEY, '--yes')
    expect(statSync(at('.aider.conf.yml')).mode & 0o777).toBe(0o600)
    await setup('aider', '--undo', '--yes')
    expect(statSync(at('.aider.conf.yml')).mode & 0o777).toBe(0o644)
    expect(read('.aider.conf.yml')).toBe(text)
  })

  test('a link stays a link, and what it leads to is changed', async () => {
    put('dotfiles/claude.json', MINE)
    mkdirSync(at('.claude'))
    symlinkSync('../dotfiles/claude.json', at(SETTINGS))
    expect((await setup('claude-code', '--yes')).code).toBe(0)
    expect(lstatSync(at(SETTINGS)).isSymbolicLink()).toBe(true)
    expect(read('dotfiles/claude.json')).toContain('ANTHROPIC_BASE_URL')
    expect(readdirSync(at('dotfiles'))).toEqual(['claude.json'])
    await setup('claude-code', '--undo', '--yes')
    expect(read('dotfiles/claude.json')).toBe(MINE)
  })

  test('a mark of the encoding and line ends of Windows stay', async () => {
    const text = '\ufeff{\r\n\t"a": 1\r\n}\r\n'
    put(SETTINGS, text)
    await setup('claude-code', '--yes')
    expect(read(SETTINGS)).toStartWith('\ufeff{\r\n\t"a": 1,\r\n\t"env": {\r\n\t\t"ANTHROPIC')
    await setup('claude-code', '--undo', '--yes')
    expect(read(SETTINGS)).toBe(text)
  })

  test.each([
    ['claude-code', SETTINGS, '{ "a": \n', 'does not parse'],
    ['claude-code', SETTINGS, '{ "env": "text" }', 'left as it is'],
    ['codex', '.codex/config.toml', 'a = \n', 'does not parse'],
    ['aider', '.aider.conf.yml', 'a: [\n', 'does not parse'],
  ])(
    '%s: a file that cannot be changed is left as it is: %s %j',
    async (tool, path, text, words) => {
      put(path, text)
      const { code, err } = await setup(tool, '--yes')
      expect([code, err]).toEqual([1, expect.stringContaining(words)])
      expect(err).toContain(path)
      expect(read(path)).toBe(text)
    },
  )

  test('bytes that are no text, and a folder in its place', async () => {
    mkdirSync(at('.claude'))
    writeFileSync(at(SETTINGS), Buffer.from([0x7b, 0xff, 0x7d]))
    expect((await setup('claude-code', '--yes')).err).toContain('UTF-8')
    rmSync(at(SETTINGS))
    mkdirSync(at(SETTINGS))
    expect((await setup('claude-code', '--yes')).err).toContain('is no file')
  })
})

describe('taking back', () => {
  test('twice set up is still once: the first bytes come back', async () => {
    put(SETTINGS, MINE)
    await setup('claude-code', '--yes')
    const second = await setup('claude-code', '--yes', '--model', 'team/other')
    expect(second.out).toContain('team/other')
    expect((await setup('claude-code', '--yes')).out).toContain('nothing is to be changed')
    await setup('claude-code', '--undo', '--yes')
    expect(read(SETTINGS)).toBe(MINE)
  })

  test('what was edited since stays, ours goes', async () => {
    put('.codex/config.toml', 'model = "gpt" # best\n')
    await setup('codex', '--yes')
    const now = read('.codex/config.toml')
    put(
      '.codex/config.toml',
      `${now.replace('"weir"', '"other"')}\n[projects."/a"]\ntrust_level = "trusted"\n`,
    )
    const asked = await setup('codex', '--undo')
    expect([asked.code, asked.err]).toEqual([3, expect.stringContaining('edited since')])
    const undone = await setup('codex', '--undo', '--yes')
    expect([undone.code, undone.err]).toEqual([0, expect.stringContaining('model_provider')])
    expect(Bun.TOML.parse(read('.codex/config.toml'))).toEqual({
      model: 'gpt',
      model_provider: 'other',
      projects: { '/a': { trust_level: 'trusted' } },
    })
    expect(read('.codex/config.toml')).toContain('# best')
  })

  test('edited between two setups: their edit survives the undo', async () => {
    put(SETTINGS, MINE)
    await setup('claude-code', '--yes')
    put(SETTINGS, read(SETTINGS).replace('// mine', '// mine, edited'))
    await setup('claude-code', '--yes', '--model', 'team/other')
    await setup('claude-code', '--undo', '--yes')
    expect(read(SETTINGS)).toBe(MINE.replace('// mine', '// mine, edited'))
  })

  test('a variable that somebody put beside ours stays alone', async () => {
    put(SETTINGS, '{}\n')
    await setup('claude-code', '--yes')
    put(SETTINGS, read(SETTINGS).replace('"env": {', '"env": { "MINE": "1",'))
    const { code, err } = await setup('claude-code', '--undo', '--yes')
    expect([code, err]).toEqual([0, expect.not.stringContaining('except')])
    expect(JSON.parse(read(SETTINGS))).toEqual({ env: { MINE: '1' } })
  })

  test('a key that looks like nothing is not shown when it goes', async () => {
    const nowhere = ['--url', 'http://127.0.0.1:1', '--model', 'a/b']
    const key = 'a-key-of-no-form'
    await program.run('setup', 'claude-code', '--key', key, '--yes', ...nowhere)
    const { out } = await program.run('setup', 'claude-code', '--undo', '--yes')
    expect(out).toContain('.key')
    expect(out).not.toContain(key)
  })

  test('a file that somebody has deleted is not made again', async () => {
    await setup('aider', '--yes')
    rmSync(at('.aider.conf.yml'))
    expect((await setup('aider', '--undo', '--yes')).code).toBe(0)
    expect(existsSync(at('.aider.conf.yml'))).toBe(false)
  })
})

describe('model, key and address', () => {
  test('one that is not there is refused, with the one that was meant', async () => {
    const { code, err } = await setup('aider', '--model', 'team/fsat', '--yes')
    expect([code, err]).toEqual([1, expect.stringContaining("Did you mean 'team/fast'?")])
    expect(existsSync(at('.aider.conf.yml'))).toBe(false)
    expect((await setup('aider', '--model', 'mock/any', '--yes')).code).toBe(0)
  })

  test('a key that is refused stops it', async () => {
    const { code, err, out } = await setup('aider', '--key', `${KEY.slice(0, -1)}x`, '--yes')
    expect([code, err]).toEqual([1, expect.stringContaining('refuses this API key')])
    expect(out + err).not.toContain(KEY.slice(0, 30))
  })

  test('a key from standard input or a variable', async () => {
    const args = ['setup', 'aider', '--url', url(), '--key', '-', '--yes']
    expect((await program.runWith(`${KEY}\n`, ...args)).code).toBe(0)
    expect(read('.aider.conf.yml')).toContain(KEY)
  })

  test('the key of the setup before is used again, unless none is wanted', async () => {
    await setup('codex', '--key', KEY, '--yes')
    seen = []
    expect((await setup('codex', '--model', 'team/other', '--yes')).code).toBe(0)
    expect(new Set(seen)).toEqual(new Set([`Bearer ${KEY}`]))
    expect(Bun.TOML.parse(read('.codex/config.toml'))).toMatchObject({
      model: 'team/other',
      model_providers: { weir: { auth: { command: 'cat' } } },
    })
    seen = []
    expect((await setup('codex', '--no-key', '--yes')).code).toBe(0)
    expect(new Set(seen)).toEqual(new Set([null]))
    expect(read('.codex/config.toml')).not.toContain('auth')
    await setup('codex', '--undo', '--yes')
    expect(existsSync(at('.codex'))).toBe(false)
    expect(readdirSync(join(program.data, 'setup'))).toEqual([])
  })

  test('the key of the setup before is for the address it was for, and no other', async () => {
    const args = ['--model', 'a/b', '--yes']
    await program.run('setup', 'codex', '--key', KEY, ...args, '--url', 'http://127.0.0.1:1')
    expect((await setup('codex', ...args.slice(2), '--model', 'team/fast')).code).toBe(0)
    expect(new Set(seen)).toEqual(new Set([null]))
  })

  test('a key among the arguments, and one that goes into a repository, are told', async () => {
    mkdirSync(at('dotfiles', '.git'), { recursive: true })
    put('dotfiles/aider.yml', 'model: gpt\n')
    symlinkSync('dotfiles/aider.yml', at('.aider.conf.yml'))
    const { err } = await setup('aider', '--key', KEY, '--dry-run')
    expect(err).toContain('--key -')
    expect(err).toContain('lies in a git repository')
    expect((await setup('aider', '--dry-run')).err).not.toContain('Note')
  })

  test('by sudo it is told whose settings these are', async () => {
    const other = new TestProgram({ SUDO_USER: 'somebody' })
    const { err } = await other.run('setup', 'aider', '--url', url(), '--dry-run')
    expect(err).toContain(`run by sudo, this sets up what is in ${other.folder}`)
    other.remove()
  })

  test('without a server a model must be named, and then it is told that nothing was checked', async () => {
    const nowhere = ['--url', 'http://127.0.0.1:1']
    const refused = await program.run('setup', 'aider', '--yes', ...nowhere)
    expect([refused.code, refused.err]).toEqual([1, expect.stringContaining('does not answer')])
    const done = await program.run('setup', 'aider', '--yes', '--model', 'a/b', ...nowhere)
    expect([done.code, done.err]).toEqual([0, expect.stringContaining('was not checked')])
    expect(read('.aider.conf.yml')).toContain('model: openai/a/b')
  })

  test.each([
    [['nothing']],
    [['claude-cod']],
    [['aider', '--key', KEY, '--new-key']],
    [['aider', '--key', 'with blank']],
    [['aider', 'codex']],
  ])('used wrongly: %j', async (args) => {
    const { code, err } = await setup(...args)
    expect([code, err]).toEqual([2, expect.not.stringContaining(KEY)])
  })

  test.each(['ftp://x', 'http://u:p@h', 'nothing', 'http://h/?a=b'])(
    'no address: %s',
    async (text) => {
      const { code, err } = await program.run('setup', 'aider', '--url', text)
      expect([code, err]).toEqual([2, expect.stringContaining('--url takes')])
    },
  )
})

describe('listing and printing', () => {
  test('what is here and what is set up', async () => {
    put(SETTINGS, MINE)
    await setup('claude-code', '--yes')
    const { code, out } = await program.run('setup')
    expect(code).toBe(0)
    expect(out).toMatch(/claude-code +Claude Code .*\.claude +set up: team\/fast by http/)
    expect(out).toMatch(/zed +Zed +not found +-/)
    put(SETTINGS, `${read(SETTINGS)}\n`)
    expect((await program.run('setup')).out).toContain('set up, edited since: team/fast')
  })

  test('a library’s lines name the address and the model, and no key', async () => {
    for (const name of ['openai-py', 'langchain-js', 'anthropic-python']) {
      const { code, err, out } = await setup(name)
      expect([code, out]).toEqual([0, expect.stringContaining(`${url()}`)])
      expect(out).toContain('team/fast')
      expect(err).toContain('YOUR_WEIR_KEY')
    }
    const printed = await setup('zed', '--print', '--model', 'a/b')
    expect(printed.out).toContain('"model": "a/b"')
  })
})
