// Passwords of local users: Argon2id, never more than a few at once because each takes its memory, and the same work for a name that is
// not there. It knows no users.

import { GatewayError } from '../core/error.ts'
import { LIMITS } from '../core/limits.ts'

export interface Argon2Settings {
  readonly memoryKiB: number
  readonly passes: number
}

/** More than what OWASP asks for (19 MiB, 2 passes). */
export const ARGON2: Argon2Settings = { memoryKiB: 32 * 1_024, passes: 3 }

export class Passwords {
  private readonly settings: Argon2Settings
  private running = 0
  private readonly waiting: (() => void)[] = []
  private stranger: Promise<string> | undefined

  constructor(settings: Argon2Settings = ARGON2) {
    this.settings = settings
  }

  /** @throws GatewayError `rate_limit` when too many wait already */
  async hash(password: string): Promise<string> {
    return await this.inTurn(() => this.hashNow(password))
  }

  /**
   * Whether a password is the one of a hash. Takes as long where there is no hash.
   * @throws GatewayError `rate_limit` when too many wait already
   */
  async verify(password: string, hash: string | undefined): Promise<boolean> {
    const compared = hash ?? (await this.strangersHash())
    const isSame = await this.inTurn(() => verifyNow(password, compared))
    return hash !== undefined && isSame
  }

  /** Made when it is first needed. One that could not be made is tried again: a busy moment must not mark unknown names for good. */
  private async strangersHash(): Promise<string> {
    const making = (this.stranger ??= this.hash(crypto.randomUUID()))
    try {
      return await making
    } catch (error) {
      if (this.stranger === making) this.stranger = undefined
      throw error
    }
  }

  /** Whether a hash was made with less than what is asked for now. */
  isWeak(hash: string): boolean {
    const found = /^\$argon2id\$v=19\$m=(\d+),t=(\d+),p=\d+\$/.exec(hash)
    if (found === null) return true
    return Number(found[1]) < this.settings.memoryKiB || Number(found[2]) < this.settings.passes
  }

  private hashNow(password: string): Promise<string> {
    const { memoryKiB, passes } = this.settings
    return Bun.password.hash(password, {
      algorithm: 'argon2id',
      memoryCost: memoryKiB,
      timeCost: passes,
    })
  }

  private async inTurn<T>(work: () => Promise<T>): Promise<T> {
    if (this.running >= LIMITS.passwordHashesMax) {
      if (this.waiting.length >= LIMITS.passwordQueueMax) {
        throw new GatewayError('rate_limit', {
          code: 'too_many_logins',
          message: 'Too many people log in at once. Try again in a moment.',
          retryAfterMs: 5_000,
        })
      }
      await new Promise<void>((resolve) => this.waiting.push(resolve))
    } else this.running += 1
    try {
      return await work()
    } finally {
      const next = this.waiting.shift()
      if (next === undefined) this.running -= 1
      else next()
    }
  }
}

/** A hash that cannot be read is nobody's. */
async function verifyNow(password: string, hash: string): Promise<boolean> {
  if (password === '') return false
  return await Bun.password.verify(password, hash, 'argon2id').catch(() => false)
}

/**
 * A password that may be chosen, in words where it may not. Length is what counts (NIST SP 800-63B §5.1.1.2).
 * @param name its owner's, which it must not be
 */
export function passwordProblem(password: string, name: string): string | undefined {
  const shortest = LIMITS.passwordShortestChars
  if (password.length < shortest) return `A password has at least ${shortest} characters.`
  if (password.length > LIMITS.passwordCharsMax) {
    return `A password has at most ${LIMITS.passwordCharsMax} characters.`
  }
  const lower = password.toLowerCase()
  if (new Set(lower).size < 5) return 'A password has at least five different characters.'
  return lower.includes(name.toLowerCase()) && name.length > 3
    ? 'A password does not hold the name.'
    : undefined
}
