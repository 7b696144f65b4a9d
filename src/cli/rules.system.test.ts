// The commands that make, change and delete limits and budgets, run as a person runs them: what is wrong is named and makes nothing, what is
// saved is listed, and nobody is shown a webhook.

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

const LIMIT = ['limits', 'save', 'each', '--per', 'key']
const BUDGET = ['budgets', 'save', 'all', '--per', 'tenant', '--usd', '5']

test('what is wrong is named as it was typed, and makes nothing', async () => {
  const program = machine()
  for (const [args, words] of [
    [['limits', 'save'], 'Missing the id of the limit'],
    [LIMIT, '--requests-per-minute: Give at least one amount'],
    [[...LIMIT, '--concurrent', '1.5'], '--concurrent: Must be a whole number'],
    [[...LIMIT, '--tokens-per-day', 'many'], '--tokens-per-day: Must be a whole number'],
    [['limits', 'save', 'a:b', '--per', 'key', '--concurrent', '1'], 'The id: '],
    [['limits', 'save', 'x', '--per', 'moon', '--concurrent', '1'], '--per: Must be one of'],
    [['budgets', 'save', 'x', '--per', 'key'], '--usd: Missing.'],
    [[...BUDGET, '--alert-at', '0.5,2'], '--alert-at: Must be a number from 0 to 1'],
    [[...BUDGET, '--webhook', 'http://169.254.169.254/x'], '--webhook: Points at'],
  ] as const) {
    const told = await program.run(...args)
    expect([told.code, told.out], words).toEqual([2, ''])
    expect(told.err).toContain(words)
  }
  expect(await program.run('limits', 'delete', 'each')).toMatchObject({ code: 1, out: '' })
  expect((await program.run('limits', 'list', '--json')).out).toBe('[]\n')
  expect(
    (
      await program.run(
        'limits',
        'save',
        'x',
        '--per',
        'key',
        '--concurrent',
        '1',
        '--tenant',
        'no',
      )
    ).code,
  ).toBe(1)
})

test('a limit is saved, listed, changed and deleted', async () => {
  const program = machine()
  expect((await program.run(...LIMIT, '--requests-per-minute', '5', '--only', 'c*')).code).toBe(0)
  expect((await program.run(...LIMIT, '--concurrent', '0')).code).toBe(0)
  const listed = await program.run('limits', 'list', '--json')
  expect(JSON.parse(listed.out)).toMatchObject([
    { id: 'each', per: 'key', only: null, requests_per_minute: null, concurrent: 0 },
  ])
  expect((await program.run('limits', 'delete', 'each')).code).toBe(0)
  expect((await program.run('limits', 'list')).err).toContain('No limits.')
})

test('a budget keeps its webhook and whom it counts, and never shows the one', async () => {
  const program = machine()
  const webhook = ['--webhook', 'https://hooks.example.com/canary']
  const told = [await program.run(...BUDGET, ...webhook)]
  told.push(await program.run(...BUDGET, '--window', 'day', '--json'))
  expect(JSON.parse(told[1]!.out)).toMatchObject({ webhook: 'https://hooks.example.com/…' })
  const other = await program.run('budgets', 'save', 'all', '--per', 'key', '--usd', '5')
  expect([other.code, other.err]).toEqual([1, expect.stringContaining('stays as it is')])
  told.push(await program.run('budgets', 'list', '--json'))
  expect(JSON.parse(told[2]!.out)).toMatchObject([{ id: 'all', window: 'day', usd: 5 }])
  told.push(await program.run(...BUDGET, '--webhook', 'none', '--json'))
  expect(JSON.parse(told[3]!.out)).toMatchObject({ webhook: null })
  told.push(await program.run('budgets', 'delete', 'all'))
  expect(told.map(({ code }) => code)).toEqual([0, 0, 0, 0, 0])
  expect(JSON.stringify(told)).not.toContain('canary')
})
