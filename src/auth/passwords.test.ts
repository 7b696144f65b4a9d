import { expect, test } from 'bun:test'
import { LIMITS } from '../core/limits.ts'
import { passwordProblem, Passwords } from './passwords.ts'

const CHEAP = { memoryKiB: 8_192, passes: 1 }

test('no more than so many are hashed at once, and those who wait are let in one by one', async () => {
  const passwords = new Passwords(CHEAP)
  let running = 0
  let most = 0
  const inner = passwords as unknown as { inTurn<T>(work: () => Promise<T>): Promise<T> }
  await Promise.all(
    Array.from({ length: 20 }, () =>
      inner.inTurn(async () => {
        running += 1
        most = Math.max(most, running)
        await Promise.resolve()
        running -= 1
      }),
    ),
  )
  expect(most).toBe(LIMITS.passwordHashesMax)
})

test('beyond the queue they are told to come again, and the queue goes on', async () => {
  const passwords = new Passwords(CHEAP)
  const gate = Promise.withResolvers<void>()
  const inner = passwords as unknown as { inTurn<T>(work: () => Promise<T>): Promise<T> }
  const held = Array.from({ length: LIMITS.passwordHashesMax + LIMITS.passwordQueueMax }, () =>
    inner.inTurn(() => gate.promise),
  )
  await expect(passwords.hash('one too many')).rejects.toMatchObject({ kind: 'rate_limit' })
  gate.resolve()
  await Promise.all(held)
  const hash = await passwords.hash('correct horse battery')
  expect(await passwords.verify('correct horse battery', hash)).toBe(true)
})

test('a first login while too many wait marks no name for good, and leaves no failure that nobody hears', async () => {
  const passwords = new Passwords(CHEAP)
  const hash = await passwords.hash('correct horse battery')
  const unheard: unknown[] = []
  const hear = (error: unknown) => void unheard.push(error)
  process.on('unhandledRejection', hear)
  try {
    const gate = Promise.withResolvers<void>()
    const inner = passwords as unknown as { inTurn<T>(work: () => Promise<T>): Promise<T> }
    const held = Array.from({ length: LIMITS.passwordHashesMax + LIMITS.passwordQueueMax }, () =>
      inner.inTurn(() => gate.promise),
    )
    for (const stored of [hash, undefined]) {
      await expect(passwords.verify('x', stored)).rejects.toMatchObject({ kind: 'rate_limit' })
    }
    gate.resolve()
    await Promise.all(held)
    expect(await passwords.verify('x', undefined)).toBe(false)
    expect(await passwords.verify('correct horse battery', hash)).toBe(true)
    expect(unheard).toEqual([])
  } finally {
    process.off('unhandledRejection', hear)
  }
})

test('nothing is the password of nobody, of a broken hash, or of another algorithm', async () => {
  const passwords = new Passwords(CHEAP)
  const bcrypt = await Bun.password.hash('password', { algorithm: 'bcrypt', cost: 4 })
  for (const hash of [undefined, '', 'password', '$argon2id$broken', bcrypt]) {
    expect(await passwords.verify('password', hash)).toBe(false)
    expect(await passwords.verify('', hash)).toBe(false)
  }
})

test('a hash is weak when it took less memory or fewer passes than is asked for, or is no argon2id', async () => {
  const asked = new Passwords()
  expect(asked.isWeak(await new Passwords(CHEAP).hash('x'))).toBe(true)
  expect(asked.isWeak('$argon2id$v=19$m=65536,t=2,p=1$a$b')).toBe(true)
  expect(asked.isWeak('$argon2i$v=19$m=65536,t=3,p=1$a$b')).toBe(true)
  expect(asked.isWeak('$argon2id$v=19$m=65536,t=3,p=1$a$b')).toBe(false)
})

test('length is what counts in a password', () => {
  expect(passwordProblem('elevenchars', 'root')).toContain('12')
  expect(passwordProblem('twelve chars', 'root')).toBeUndefined()
  expect(passwordProblem('abababababababab', 'root')).toContain('different')
  expect(passwordProblem('Administrator 1', 'administrator')).toContain('name')
  expect(passwordProblem('пароль из букв', 'root')).toBeUndefined()
})
