// Content at rest: what is kept of somebody's requests is sealed wherever it leaves this process, bound to the place it was made for. What
// does not open (changed, moved, or of a key that is gone) is told as absent and never as an error: nobody can be given it.

import type { Keyring } from './keyring.ts'
import type { SealPlace } from './seal.ts'

export type ValueKeys = Pick<Keyring, 'sealer' | 'refresh'>

export class ValueSeal {
  private readonly keyring: ValueKeys

  constructor(keyring: ValueKeys) {
    this.keyring = keyring
  }

  close(text: string, place: SealPlace): string {
    return this.keyring.sealer.seal(text, place)
  }

  /** The text; undefined for what does not open with the keys that are known here. */
  opened(envelope: string, place: SealPlace): string | undefined {
    try {
      return this.keyring.sealer.open(envelope, place)
    } catch {
      // Damaged, or of a key that is gone: the same to whoever looks for it.
      return undefined
    }
  }

  /** Whether the keys have to be read again to open it: another replica may have made one that this one has not heard of. */
  isStrange(envelope: string): boolean {
    return this.keyring.sealer.isStrange(envelope)
  }

  /** Reads the keys again. @throws as the keyring does */
  async refresh(): Promise<void> {
    await this.keyring.refresh()
  }
}
