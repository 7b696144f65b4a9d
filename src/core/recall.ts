// Tokens that are taken back before they end: what they are named by, wherever that is remembered. Pure: who takes them back, and who
// is told of it, is decided elsewhere.

/** Whose tokens are not to be taken any more. */
export interface Recall {
  readonly issuerId: string
  /** `sid` */
  readonly sessionId?: string
  /** As `claimsOf` says it: of a service the client. */
  readonly subject?: string
}

/** One name that was called back. */
export interface CalledBack {
  /** Of `recallName`. */
  readonly name: string
  /** Wall clock. A subject's tokens from then on are good again; those of a session never are. */
  readonly atMs: number
}

export function recallName(issuerId: string, kind: 'sid' | 'sub', value: string): string {
  return [issuerId, kind, value].join('\n')
}

/** Every name that a recall goes by. */
export function recallNames({ issuerId, sessionId, subject }: Recall): string[] {
  return [
    ...(sessionId === undefined ? [] : [recallName(issuerId, 'sid', sessionId)]),
    ...(subject === undefined ? [] : [recallName(issuerId, 'sub', subject)]),
  ]
}
