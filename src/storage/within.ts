// A bounded wait for work that may never end. It ends nothing itself: who gives up sees to it that the work ends.

/** What the work gives, or undefined where it takes longer; what becomes of it then nobody hears. */
export async function within<T>(work: Promise<T>, timeoutMs: number): Promise<T | undefined> {
  const { promise: late, resolve } = Promise.withResolvers<undefined>()
  const timer = setTimeout(resolve, timeoutMs)
  try {
    return await Promise.race([work, late])
  } finally {
    clearTimeout(timer)
  }
}
