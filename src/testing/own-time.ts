// How long something takes that goes on between turns of the event loop, on a machine that does other things as well: what this process was
// kept from running does not count, what it worked itself does. For promises in seconds; it judges nothing.

/** How often it is looked at. */
const LOOK_MS = 5
/** What passes between two looks though nothing was worked: a timer is never quite on time. */
const IDLE_MS = 10

function look(): { readonly wallMs: number; readonly workedMs: number } {
  const { system, user } = process.threadCpuUsage()
  return { wallMs: performance.now(), workedMs: (system + user) / 1_000 }
}

/** Milliseconds until `work` is done, without those in which others had the processor. */
export async function ownMsOf(work: () => Promise<unknown>): Promise<number> {
  let ownMs = 0
  let last = look()
  const count = () => {
    const now = look()
    ownMs += Math.min(now.wallMs - last.wallMs, now.workedMs - last.workedMs + IDLE_MS)
    last = now
  }
  const looking = setInterval(count, LOOK_MS)
  try {
    await work()
  } finally {
    clearInterval(looking)
  }
  count()
  return ownMs
}
