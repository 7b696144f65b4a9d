// The commands of guardrails and feature flags, run as a person runs them: what is wrong is named and makes nothing, what is saved is listed and
// tried, a refused text is an exit code, and no secret is shown.

import { afterEach, expect, setDefaultTimeout, test } from 'bun:test'
import { PROGRAMS_LIMIT_MS, TestProgram } from './test-program.ts'

setDefaultTimeout(PROGRAMS_LIMIT_MS)

const programs: TestProgram[] = []
afterEach(() => {
  for (const program of programs.splice(0)) program.remove()
})

function machine(): TestProgram {
  const program = new TestProgram()
  programs.push(program)
  return program
}

const CARD = 'My card is 4111 1111 1111 1111.'

test('what is wrong is named as it was typed, and makes nothing', async () => {
  const program = machine()
  const add = ['guard', 'add', 'x']
  for (const [args, words] of [
    [['guard', 'add'], 'Missing the id of the guardrail'],
    [add, '--check: Missing'],
    [[...add, '--check', 'moon'], '--check: Must be one of'],
    [[...add, '--check', 'pii', '--mode', 'moon'], '--mode: Must be one of'],
    [[...add, '--check', 'length', '--mode', 'mask'], '--mode: This check'],
    [[...add, '--check', 'pii', '--options', '[1]'], 'are a JSON object'],
    [[...add, '--check', 'pii', '--options', '{"detct":1}'], '--options: detct'],
    [[...add, '--check', 'pii', '--options', '{}', '--options-file', 'x'], 'excludes'],
    [[...add, '--check', 'pii', '--options-file', 'nowhere.json'], 'cannot be read'],
    [[...add, '--check', 'pii', '--all-tenants', '--tenant', 'default'], 'excludes --tenant'],
    [['guard', 'add', 'a:b', '--check', 'pii'], 'The id: '],
    [
      [...add, '--check', 'webhook', '--options', '{"url":"http://169.254.169.254/x"}'],
      '--options: url: Points at',
    ],
    [
      [
        ...add,
        '--check',
        'webhook',
        '--options',
        '{"url":"https://a.example","ca_file":"/etc/passwd"}',
      ],
      '--options: ca_file: ',
    ],
    [['guard', 'test'], 'either --text or --file'],
    [['guard', 'test', '--text', 'x', '--stage', 'moon'], '--stage must be one of'],
    [['guard', 'test', '--text', 'x', '--rule', 'nobody'], 'There is no guardrail nobody'],
    [['flags', 'set', 'moon', 'true'], 'There is no flag moon'],
    [['flags', 'set', 'hedging', '5'], 'must be true or false'],
    [['flags', 'set', 'hedging', 'true', '--percent', '101'], '--percent must be'],
  ] as const) {
    const told = await program.run(...args)
    expect([told.code, told.out], words).toEqual([2, ''])
    expect(told.err).toContain(words)
  }
  expect((await program.run('guard', 'delete', 'x')).code).toBe(1)
  expect((await program.run('guard', 'show', 'x')).code).toBe(1)
  expect((await program.run('flags', 'unset', 'hedging')).code).toBe(1)
  expect((await program.run('guard', 'list', '--json')).out).toBe('[]\n')
})

test('a rule is saved, shown without its secrets, tried and deleted', async () => {
  const program = machine()
  program.write(
    'hook.json',
    JSON.stringify({ url: 'https://guard.example.com/x', secret: 'a-secret-canary-0123' }),
  )
  const hook = [
    'guard',
    'add',
    'hook',
    '--check',
    'webhook',
    '--options-file',
    'hook.json',
    '--off',
  ]
  const told = [await program.run(...hook)]
  told.push(
    await program.run('guard', 'add', 'cards', '--check', 'pii', '--stages', 'input,output'),
  )
  told.push(
    await program.run('guard', 'list', '--json'),
    await program.run('guard', 'show', 'hook'),
  )
  expect(told.map(({ code }) => code)).toEqual([0, 0, 0, 0])
  expect(JSON.stringify(told)).not.toContain('canary')
  expect(JSON.parse(told[2]!.out)).toMatchObject([
    { id: 'hook', enabled: false, options: { secret: '****0123' } },
    { id: 'cards', stages: ['input', 'output'] },
  ])
  const refused = await program.run('guard', 'test', '--text', CARD, '--json')
  expect(refused.code).toBe(1)
  expect(JSON.parse(refused.out)).toMatchObject({ refused_by: 'cards' })
  const passed = await program.runWith('Hello.', 'guard', 'test', '--file', '-')
  expect([passed.code, passed.out.includes('pass')]).toEqual([0, true])
  const masked = ['guard', 'test', '--check', 'pii', '--mode', 'mask', '--text', CARD, '--json']
  expect(JSON.parse((await program.run(...masked)).out)).toMatchObject({
    refused_by: null,
    texts: ['My card is [CARD_1].'],
  })
  expect((await program.run('guard', 'delete', 'cards')).code).toBe(0)
  expect((await program.run('guard', 'test', '--text', CARD)).code).toBe(0)
})

test('rules of the file stand above, and are changed there', async () => {
  const program = machine()
  program.write('weir.yaml', 'guardrails:\n  - { id: cards, check: pii, detect: [card] }\n')
  const add = await program.run('guard', 'add', 'cards', '--check', 'pii', '--off')
  expect([add.code, add.err.includes('stands above')]).toEqual([1, true])
  const gone = await program.run('guard', 'delete', 'cards')
  expect([gone.code, gone.err.includes('change it there')]).toEqual([1, true])
  expect((await program.run('guard', 'test', '--text', CARD)).code).toBe(1)
  expect((await program.run('guard', 'test', '--text', 'me@example.com')).code).toBe(0)
  program.write(
    'weir.yaml',
    'guardrails:\n  - { id: a, check: regex, patterns: [{ name: a, pattern: "(?=a)" }] }\n',
  )
  const check = await program.run('config', 'check')
  expect([check.code, check.err.includes('guardrails[0].patterns[0].pattern')]).toEqual([1, true])
  const serve = await program.run('serve', '--port', '0')
  expect([serve.code === 0, serve.err.includes('guardrails[0].patterns[0].pattern')]).toEqual([
    false,
    true,
  ])
})

test('flags are changed for all and for a tenant, and listed', async () => {
  const program = machine()
  expect((await program.run('flags', 'set', 'hedging', 'false', '--percent', '12.5')).code).toBe(0)
  expect(
    (await program.run('flags', 'set', 'cache_similarity', '0.9', '--tenant', 'default')).code,
  ).toBe(0)
  expect((await program.run('flags', 'set', 'hedging', 'true', '--tenant', 'no')).code).toBe(1)
  const flags = JSON.parse((await program.run('flags', 'list', '--json')).out) as {
    flag: string
    rules: unknown[]
  }[]
  expect(flags.find(({ flag }) => flag === 'hedging')?.rules).toEqual([
    { tenant: null, value: false, percent: 12.5, origin: 'store' },
  ])
  expect(flags.find(({ flag }) => flag === 'cache_similarity')?.rules).toEqual([
    { tenant: 'default', value: 0.9, percent: 100, origin: 'store' },
  ])
  expect((await program.run('flags', 'unset', 'hedging')).code).toBe(0)
  expect((await program.run('flags', 'list')).out).not.toContain('12.5')
})
