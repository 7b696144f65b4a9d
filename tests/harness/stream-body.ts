// The body of a fake provider's stream: written piece by piece, held open, or broken off. Every kind of protocol streams
// through here, so that holding and breaking mean the same for all.

import type { CapturedRequest } from '../../src/testing/upstream.ts'
import type { Speech } from './script.ts'

/** How many pieces a held or cut stream says before it stops. */
const PIECES_BEFORE_STOP = 4

/** `frames` and then `tail`; `hold` and `cut` stop after a few frames. */
export function streamBody(
  frames: readonly string[],
  tail: readonly string[],
  end: Speech['end'],
  contentType: string,
  request: CapturedRequest,
): Response {
  const said = end === 'normal' ? [...frames, ...tail] : frames.slice(0, PIECES_BEFORE_STOP)
  const encoder = new TextEncoder()
  let at = 0
  const body = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const frame = said[at]
        at += 1
        if (frame !== undefined) return controller.enqueue(encoder.encode(frame))
        if (end === 'normal') return controller.close()
        if (end === 'cut') throw new Error('the script breaks this stream off')
        await request.disconnected
      },
    },
    { highWaterMark: 0 },
  )
  return new Response(body, { headers: { 'content-type': contentType } })
}
