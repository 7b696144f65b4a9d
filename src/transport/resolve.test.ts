import { describe, expect, test } from 'bun:test'
import { GatewayError } from '../core/error.ts'
import { LIMITS } from '../core/limits.ts'
import { AddressGuard } from './resolve.ts'

/** A resolver and a clock that do as they are told. */
function world(answers: Record<string, string[]>) {
  const state = { nowMs: 0, asked: [] as string[], answers }
  const guard = new AddressGuard(
    () => state.nowMs,
    async (host) => {
      state.asked.push(host)
      const found = state.answers[host]
      if (found === undefined) throw Object.assign(new Error('no such name'), { code: 'ENOTFOUND' })
      return found
    },
  )
  return { guard, state }
}

async function refusal(asking: Promise<unknown>): Promise<GatewayError> {
  try {
    await asking
  } catch (error) {
    if (error instanceof GatewayError) return error
    throw error
  }
  throw new Error('it was allowed')
}

describe('addresses that nobody may connect to', () => {
  const always = [
    '169.254.169.254',
    '169.254.0.1',
    '2852039166',
    '0xa9fea9fe',
    '0xa9.0xfe.0xa9.0xfe',
    '0251.0376.0251.0376',
    '169.254.43518',
    '::ffff:169.254.169.254',
    '::ffff:a9fe:a9fe',
    '64:ff9b::a9fe:a9fe',
    '2002:a9fe:a9fe::1',
    'fe80::1',
    'fe80::1%eth0',
    'fd00:ec2::254',
    '100.100.100.200',
    '168.63.129.16',
    'metadata.google.internal',
    '0.0.0.0',
    '0',
    '255.255.255.255',
    '::',
    'user@10.0.0.1',
    '10.0.0.1#',
  ]
  test.each(always)('%s, even where private ones are allowed', async (host) => {
    const { guard, state } = world({})
    const error = await refusal(guard.addresses(host, true))
    expect(error.kind).toBe('upstream_error')
    expect(error.shouldRetry).toBe(false)
    expect(error.message).not.toContain(host)
    expect(state.asked).toEqual([])
  })

  test.each([
    '127.0.0.1',
    '127.1',
    '2130706433',
    '0x7f.1',
    '017700000001',
    'localhost',
    'api.localhost',
    '::1',
    '::ffff:127.0.0.1',
    '10.1.2.3',
    '172.31.0.1',
    '192.168.0.1',
    '100.64.0.1',
    'fd12:3456::1',
  ])('%s only where private ones are allowed', async (host) => {
    const { guard } = world({})
    await refusal(guard.addresses(host, false))
    expect(await guard.addresses(host, true)).toEqual([host])
  })

  test.each([
    [['169.254.169.254'], true],
    [['1.1.1.1', '169.254.169.254'], true],
    [['::ffff:169.254.169.254'], true],
    [['10.0.0.1'], false],
    [['1.1.1.1', '127.0.0.1'], false],
    [['::1'], false],
  ])('a name that answers %p is refused with allow_private %p', async (answer, allow) => {
    const { guard } = world({ 'rebind.test': answer })
    expect((await refusal(guard.addresses('rebind.test', allow))).message).toContain('may connect')
    // The answer is remembered and judged again.
    await refusal(guard.addresses('rebind.test', allow))
  })

  test('what one provider may reach another may not, though the answer is shared', async () => {
    const { guard } = world({ 'intern.test': ['10.0.0.1'] })
    expect(await guard.addresses('intern.test', true)).toEqual(['10.0.0.1'])
    expect(guard.known('intern.test', true)).toEqual(['10.0.0.1'])
    expect(() => guard.known('intern.test', false)).toThrow(GatewayError)
    await refusal(guard.addresses('intern.test', false))
  })
})

describe('names', () => {
  test('are remembered for a while, and judged anew with each answer', async () => {
    const { guard, state } = world({ 'a.test': ['1.1.1.1'] })
    await guard.addresses('a.test', false)
    state.answers['a.test'] = ['169.254.169.254']
    state.nowMs = LIMITS.dnsCacheTtlMs - 1
    expect(await guard.addresses('a.test', false)).toEqual(['1.1.1.1'])
    state.nowMs = LIMITS.dnsCacheTtlMs
    await refusal(guard.addresses('a.test', false))
    expect(state.asked).toHaveLength(2)
  })

  test('many at once ask once', async () => {
    const { guard, state } = world({ 'a.test': ['1.1.1.1'] })
    await Promise.all(Array.from({ length: 50 }, () => guard.addresses('a.test', false)))
    expect(state.asked).toEqual(['a.test'])
  })

  test('the one that answered stays first while it is among the answers', async () => {
    const { guard, state } = world({ 'a.test': ['1.1.1.1', '2.2.2.2'] })
    await guard.addresses('a.test', false)
    expect(guard.isProven('a.test')).toBe(false)
    guard.prefer('a.test', '2.2.2.2')
    expect(guard.isProven('a.test')).toBe(true)
    state.nowMs += LIMITS.dnsCacheTtlMs
    expect(await guard.addresses('a.test', false)).toEqual(['2.2.2.2', '1.1.1.1'])
    expect(guard.isProven('a.test')).toBe(true)
    state.answers['a.test'] = ['1.1.1.1', '3.3.3.3']
    state.nowMs += LIMITS.dnsCacheTtlMs
    expect(await guard.addresses('a.test', false)).toEqual(['1.1.1.1', '3.3.3.3'])
    expect(guard.isProven('a.test')).toBe(false)
  })

  test('are looked up anew once nobody is there, but not with every request', async () => {
    const { guard, state } = world({ 'a.test': ['1.1.1.1'] })
    await guard.addresses('a.test', false)
    expect(guard.forget('a.test')).toBe(false)
    state.nowMs += LIMITS.dnsRepeatMinMs
    expect(guard.forget('a.test')).toBe(true)
    state.answers['a.test'] = ['2.2.2.2']
    expect(await guard.addresses('a.test', false)).toEqual(['2.2.2.2'])
    expect(guard.forget('unknown.test')).toBe(false)
    expect(guard.forget('1.1.1.1')).toBe(false)
  })

  test('that do not resolve are not looked up anew with every request, and found once they are there', async () => {
    const { guard, state } = world({})
    for (let times = 0; times < 3; times += 1) {
      expect((await refusal(guard.addresses('new.test', true))).kind).toBe('upstream_error')
    }
    expect(state.asked).toHaveLength(1)
    state.answers['new.test'] = ['127.0.0.1']
    state.nowMs += LIMITS.dnsRepeatMinMs
    expect(await guard.addresses('new.test', true)).toEqual(['127.0.0.1'])
  })

  test('that do not resolve or have no address say so, without the name', async () => {
    const { guard } = world({ 'empty.test': [] })
    for (const host of ['gone.test', 'empty.test']) {
      const error = await refusal(guard.addresses(host, true))
      expect(error.kind).toBe('upstream_error')
      expect(error.message).not.toContain(host)
    }
  })
})
