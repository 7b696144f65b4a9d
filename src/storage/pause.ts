// A wait between two tries or two small steps, during which requests go on.

import { setTimeout } from 'node:timers/promises'

/** @param signal ends it early; whoever waits again and again on one leaves nothing behind on it */
export async function pause(durationMs: number, signal?: AbortSignal): Promise<void> {
  try {
    await setTimeout(durationMs, undefined, { signal })
  } catch (error) {
    if (signal?.aborted !== true) throw error
  }
}
