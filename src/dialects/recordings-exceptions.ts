// Recordings that cannot pass, each with its reason. An entry that is no longer needed fails the test, so that the table
// only ever shrinks by itself; a codec's fault has no place here.

export interface RecordingException {
  readonly id: string
  /** The check it fails, or a part of its name. */
  readonly what: string
  readonly reason: string
}

export const EXCEPTIONS: readonly RecordingException[] = []
