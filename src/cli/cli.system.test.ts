// The real program as a child process: keys, configuration, help and wrong use; exit codes, and what must never be printed.

import { afterEach, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { looksLikeWeirKey } from '../core/api-key.ts'
import { storeIn, until } from '../storage/test-store.ts'
import { COMMANDS } from './commands.ts'
import { runCommandLine } from './run.ts'
import { PROGRAMS_LIMIT_MS, TestProgram } from './test-program.ts'

setDefaultTimeout(PROGRAMS_LIMIT_MS)

const programs: TestProgram[] = []

function program(environment?: Record<string, string>): TestProgram {
  const made = new TestProgram(environment)
  programs.push(made)
  return made
}

afterEach(() => {
  for (const each of programs.splice(0)) each.remove()
})

describe('wrong use', () => {
  test('exits with 2 and says on standard error what is wrong and what was meant', async () => {
    const weir = program()
    const cases: readonly (readonly [readonly string[], string])[] = [
      [['nonsense'], "Unknown command 'nonsense'"],
      [['keys', 'lsit'], "Did you mean 'keys list'?"],
      [['key', 'list'], "Did you mean 'keys list'?"],
      [['confg'], "Did you mean 'config'?"],
      [['keys', 'list', '--jsn'], 'Did you mean --json?'],
      [['keys', 'list', 'extra'], "Unexpected argument 'extra'"],
      [['keys', 'create'], 'Missing the name of the key.'],
      [['keys', 'create', 'ci', '--expires', 'never'], '--expires takes'],
      [['keys', 'create', 'ci', '--expires', '2020-01-01'], 'in the past'],
      [['keys', 'create', 'ci', '--models', 'a,,b'], 'empty part'],
      [['keys', 'create', 'a\u001b[2Jb'], 'control characters'],
      [['keys', 'create', 'weir_abc'], 'weir_'],
      [['logs', '--limit', '0'], 'whole number'],
      [['logs', '--follow', '--id', 'x'], 'exclude'],
      [['logs', '--limit'], "See 'weir logs --help'"],
      [['providers', 'test', 'nobody'], "no provider 'nobody'"],
      [['providers', 'test', '--model', 'nothing'], 'Name its provider'],
      [['models', 'list', '--provider', 'nobody'], "no provider 'nobody'"],
      [['x\u001b[2J'], 'x\\u001b[2J'],
    ]
    for (const [args, words] of cases) {
      const { code, err, out } = await weir.run(...args)
      expect([args, code, out]).toEqual([args, 2, ''])
      expect(err).toContain(words)
      // oxlint-disable-next-line no-control-regex
      expect(err).not.toMatch(/\u001b| {4}at /)
    }
    expect(weir.hasData()).toBe(false)
  })
})

describe('help', () => {
  test('every command has some, with its options and an example, and does nothing', async () => {
    const weir = program()
    for (const name of Object.keys(COMMANDS)) {
      // In this process: a hundred of its own would take the most time of all tests.
      const [written, errors]: [string[], string[]] = [[], []]
      const code = await runCommandLine([...name.split(' '), '--help', '--data', weir.data], {
        out: (text) => void written.push(text),
        error: (text) => void errors.push(text),
        color: false,
        isTerminal: false,
        columns: 160,
        closed: new AbortController().signal,
      })
      const out = written.join('')
      expect([name, code, errors]).toEqual([name, 0, []])
      expect(out).toStartWith(`Usage: weir ${name}`)
      expect(out).toContain('Examples:')
      const { name: own, options, summary } = await COMMANDS[name]!.load()
      expect(own).toBe(name)
      expect(summary).toBe(COMMANDS[name]!.summary)
      for (const { flag } of options) expect(out).toContain(flag)
    }
    expect(weir.hasData()).toBe(false)
  })

  test('the program lists all commands, a group its own', async () => {
    const weir = program()
    const whole = await weir.run('--help')
    expect(whole.code).toBe(0)
    for (const name of Object.keys(COMMANDS)) expect(whole.out).toContain(`  ${name} `)
    const group = await weir.run('keys')
    expect([group.code, group.err]).toEqual([0, ''])
    expect(group.out).toContain('keys create')
    expect(group.out).not.toContain('providers')
    expect((await weir.run('help', 'keys')).out).toBe(group.out)
  })
})

describe('keys', () => {
  test('reading makes no data folder and no master key', async () => {
    const weir = program({ OPENAI_API_KEY: 'sk-live-0123456789-last', WEIR_NO_ENV_PROVIDERS: '' })
    for (const args of [
      ['keys', 'list'],
      ['keys', 'list', '--json'],
      ['keys', 'revoke', 'ci'],
      ['providers', 'list'],
      ['models', 'list'],
      ['logs'],
      ['logs', '--json', '--follow'],
      ['config', 'check'],
      ['config', 'show'],
      ['version'],
    ]) {
      const { code, err, out } = await weir.run(...args)
      expect([args, code]).toEqual([args, args[1] === 'revoke' ? 1 : 0])
      expect(out + err).not.toBe('')
      expect(out + err).not.toContain('sk-live')
    }
    expect(weir.hasData()).toBe(false)
  })

  test('make, list, revoke, list; the key stands in one line of one output', async () => {
    const weir = program()
    const made = await weir.run(
      'keys',
      'create',
      'ci',
      '--models',
      'fast,mock/*',
      '--expires',
      '30d',
    )
    expect(made.code).toBe(0)
    const key = made.out.trimEnd()
    expect(made.out).toBe(`${key}\n`)
    expect(looksLikeWeirKey(key)).toBe(true)
    const secret = key.slice(9, -4)
    const outputs = [made.err]
    const run = async (...args: string[]) => {
      const result = await weir.run(...args)
      outputs.push(result.out, result.err)
      return result
    }

    const listed = JSON.parse((await run('keys', 'list', '--json')).out)
    expect(listed).toMatchObject([
      { name: 'ci', origin: 'store', models: ['fast', 'mock/*'], state: 'active', revoked: null },
    ])
    expect(listed[0].masked).toBe(`${key.slice(0, 9)}…${key.slice(-4)}`)
    expect((await run('keys', 'list')).out).toMatch(/^NAME .*\nci .* active .* fast, mock\/\* /)

    const gone = await run('keys', 'revoke', 'ci')
    expect([gone.code, gone.out]).toEqual([0, expect.stringContaining('is revoked')])
    const again = await run('keys', 'revoke', listed[0].id)
    expect([again.code, again.out]).toEqual([0, expect.stringContaining('was revoked already')])
    expect((await run('keys', 'list')).out).toBe('')
    expect((await run('keys', 'list')).err).toContain('1 revoked key not shown')
    const all = JSON.parse((await run('keys', 'list', '--all', '--json')).out)
    expect(all).toMatchObject([{ id: listed[0].id, state: 'revoked' }])
    const unknown = await run('keys', 'revoke', `${key}x`)
    expect([unknown.code, unknown.err]).toEqual([1, expect.stringContaining('no API key that key')])
    for (const output of outputs) expect(output).not.toContain(secret)
  })

  test('a name that several keys have is refused, an id and a whole key are not', async () => {
    const weir = program()
    const first = JSON.parse((await weir.run('keys', 'create', 'twin', '--json')).out)
    const second = await weir.run('keys', 'create', 'twin')
    expect(second.err).toContain('another active key has this name')
    const refused = await weir.run('keys', 'revoke', 'twin')
    expect([refused.code, refused.out]).toEqual([1, ''])
    expect(refused.err).toContain('2 keys have the name')
    expect(refused.err).toContain(first.id)
    expect((await weir.run('keys', 'revoke', first.id)).code).toBe(0)
    const byKey = await weir.run('keys', 'revoke', second.out.trim())
    expect([byKey.code, byKey.out]).toEqual([0, expect.stringContaining("'twin'")])
    expect((await weir.run('keys', 'revoke', 'twin')).out).toContain('revoked already')
  })

  test('a key of the file is listed as such and can only be taken out there', async () => {
    const weir = program({ CI_KEY: 'a-secret-of-more-than-32-characters-9876' })
    weir.write('weir.yaml', "keys: [{ name: ci, key: '${CI_KEY}', models: [fast] }]\n")
    const { out } = await weir.run('keys', 'list', '--json')
    expect(JSON.parse(out)).toMatchObject([
      { name: 'ci', origin: 'file', masked: 'a-se…9876', created: null, models: ['fast'] },
    ])
    const refused = await weir.run('keys', 'revoke', 'ci')
    expect([refused.code, refused.err]).toEqual([1, expect.stringContaining('remove it there')])
    expect(out + refused.err).not.toContain('secret')
    expect(weir.hasData()).toBe(false)
  })

  test('a running server notices a new key', async () => {
    const weir = program()
    const store = await storeIn(weir.data)
    try {
      let changes = 0
      store.watcher.start(async () => void (changes += 1))
      const { code } = await weir.run('keys', 'create', 'late')
      expect(code).toBe(0)
      await until('the store told of the key', () => changes > 0)
      expect(await store.keys.all()).toMatchObject([{ name: 'late' }])
    } finally {
      await store.close()
    }
  })

  test('a wrong master key is told in words', async () => {
    const weir = program()
    await weir.run('keys', 'create', 'one')
    weir.write('weir.yaml', `secrets: { master_key: ${'x'.repeat(40)} }\n`)
    const { code, err, out } = await weir.run('keys', 'list')
    expect([code, out]).toEqual([1, ''])
    expect(err).toContain('master key is not the one')
    expect(err).not.toMatch(/x{40}| {4}at /)
  })
})

describe('configuration', () => {
  test('every problem of a broken file, each in its line; other commands say the same', async () => {
    const weir = program()
    weir.write('weir.yaml', 'server:\n  prot: 80\nproviders:\n  - { id: a, type: opnai }\n')
    for (const args of [
      ['config', 'check'],
      ['keys', 'list'],
      ['config', 'show'],
    ]) {
      const { code, err, out } = await weir.run(...args)
      expect([args, code, out]).toEqual([args, 1, ''])
      expect(err).toContain('weir.yaml:2: server.prot')
      expect(err).toContain('did you mean port?')
      expect(err).toContain('did you mean openai?')
    }
  })

  test('a good one is ok, shown masked with origins, and described by its schema', async () => {
    const weir = program({ KEY: 'sk-live-0123456789-last' })
    weir.write('weir.yaml', "providers: [{ id: a, type: openai, keys: ['${KEY}'] }]\n")
    const check = await weir.run('config', 'check')
    expect([check.code, check.err]).toEqual([0, ''])
    expect(check.out).toMatch(/^ok: .*weir\.yaml\n$/)
    const text = await weir.run('config', 'show')
    expect(text.out).toContain('****last')
    const json = await weir.run('config', 'show', '--json')
    expect(JSON.parse(json.out).settings).toContainEqual({
      path: 'providers[0].id',
      value: 'a',
      origin: 'file',
    })
    for (const out of [text.out, json.out]) expect(out).not.toContain('sk-live')
    const schema = JSON.parse((await weir.run('config', 'schema')).out)
    expect(schema.properties.server.properties.port).toBeDefined()
  })
})

describe('providers and models', () => {
  test('lists tell what is usable and mask every key', async () => {
    const weir = program({ KEY: 'sk-live-0123456789-last' })
    weir.write(
      'weir.yaml',
      [
        "providers: [{ id: a, type: openai, keys: ['${KEY}'] }, { id: b, type: anthropic }]",
        'models: [{ id: fast, targets: [{ provider: a, model: m }, { provider: b, model: n, order: 1 }] }]',
        '',
      ].join('\n'),
    )
    const { out } = await weir.run('providers', 'list', '--json')
    expect(JSON.parse(out)).toMatchObject([
      { id: 'a', origin: 'file', keys: ['****last'], usable: true, reason: null },
      { id: 'b', keys: [], usable: false, reason: 'it has no key' },
      { id: 'mock', origin: 'built-in', usable: true },
    ])
    const table = await weir.run('providers', 'list')
    expect(out + table.out).not.toContain('sk-live')
    const models = await weir.run('models', 'list')
    expect(models.out).toContain('a/m; then b/n')
    expect((await weir.run('models', 'list', '--provider', 'mock', '--json')).out).toBe('[]\n')
    const all = await weir.run('models', 'list', '--all', '--provider', 'mock', '--json')
    const ids = JSON.parse(all.out).map((model: { id: string }) => model.id)
    expect(ids).toContain('mock/echo')
    const failed = await weir.run('providers', 'test', 'b')
    expect([failed.code, failed.out]).toEqual([1, expect.stringContaining('it has no key')])
    expect((await weir.run('providers', 'test', 'mock')).code).toBe(0)
  })
})

test('colors and cuts are for terminals', async () => {
  const weir = program()
  const piped = await weir.run('providers', 'list')
  expect(piped.out).not.toContain('\u001b')
  expect(piped.out).toContain('http://mock.invalid/v1')
  const colored = await weir.runOnTerminal(30, {}, 'providers', 'list')
  expect(colored.screen).toContain('\u001b[1m')
  expect(colored.screen).toContain('…')
  const bare = await weir.runOnTerminal(30, { NO_COLOR: '1' }, 'providers', 'list')
  expect(bare.screen).not.toContain('\u001b[1m')
  for (const line of bare.screen.trim().split(/\r?\n/)) {
    expect(Bun.stringWidth(line)).toBeLessThanOrEqual(30)
  }
})

test('version', async () => {
  const { out } = await program().run('version', '--json')
  expect(JSON.parse(out)).toEqual({
    version: expect.stringMatching(/^\d+\.\d+\.\d+/),
    bun: Bun.version,
    platform: `${process.platform}-${process.arch}`,
  })
})
