// The thread on which large bodies are looked through: that takes a tenth of a second for a mebibyte, and a request may not wait so long for
// another's. It does what it is told, one body after the other, and knows no store.

import type { Bodies, Redaction, Redactor } from './core/content.ts'
import { redactBodies } from './core/redact-body.ts'
import { createRedactor } from './guardrails/redact.ts'

export interface RedactionTask {
  readonly id: number
  readonly bodies: Bodies
  readonly redact: readonly Redaction[]
}

export type RedactionDone =
  | { readonly id: number; readonly bodies: Bodies }
  | { readonly id: number; readonly problem: string }

declare const self: Worker

// The executable begins with a compiler that holds back, which is for the start of a server alone.
Bun.unsafe.setJITPolicy(1)

let made: { readonly names: string; readonly redactor: Redactor } | undefined

self.addEventListener('message', ({ data }: MessageEvent<RedactionTask>) => {
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window
  self.postMessage(done(data))
})

function done({ bodies, id, redact }: RedactionTask): RedactionDone {
  try {
    const names = redact.join(' ')
    if (made?.names !== names) made = { names, redactor: createRedactor(redact) }
    return { id, bodies: redactBodies(bodies, made.redactor) }
  } catch (error) {
    // Its words might repeat the body.
    return { id, problem: error instanceof Error ? error.name : 'unknown' }
  }
}
