// The link by which the first administrator is set up, as a new installation prints it at its start: waited for, as it comes after the line that
// says where the program listens. What is done with it is up to the test.

import type { Weir } from './weir.ts'

/** Far above what it takes, as it promises nothing. */
const LINK_LIMIT_MS = 60_000

/** `http://127.0.0.1:port/auth/setup#secret`. @throws with what was printed where there is none */
export async function setupLink(weir: Pick<Weir, 'stdout'>): Promise<string> {
  const limit = performance.now() + LINK_LIMIT_MS
  for (;;) {
    const link = /https?:\/\/\S+\/auth\/setup#[\w-]+/.exec(weir.stdout())?.[0]
    if (link !== undefined) return link
    if (performance.now() > limit) throw new Error(`no link was printed:\n${weir.stdout()}`)
    await Bun.sleep(5)
  }
}
