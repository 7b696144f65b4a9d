// Encryption at rest of the few columns that hold other people's secrets: AES-256-GCM envelopes as text, each naming the
// key it was made with and bound to the one cell it belongs to. It knows neither database nor file; an error of it never
// holds a secret.

import {
  createCipheriv,
  createDecipheriv,
  hkdfSync,
  randomBytes,
  type KeyObject,
} from 'node:crypto'
import { StorageError } from './errors.ts'

const VERSION = 'weir1'
const ALGORITHM = 'aes-256-gcm'
/** 96 bits, the size GCM is made for; random, which is safe far beyond the number of secrets a gateway holds. */
const NONCE_BYTES = 12
const TAG_BYTES = 16

/** A 256-bit key and its name. */
export interface SealKey {
  /** 12 hex characters derived from the key one way: equal keys have equal ids. */
  readonly id: string
  readonly key: KeyObject
}

/** The cell a sealed value belongs to; an envelope moved to another one does not open. */
export interface SealPlace {
  readonly tenantId: string
  readonly table: string
  /** Identity of the row within tenant and table. */
  readonly row: readonly string[]
  readonly column: string
}

/** Names a 256-bit key. */
export function sealKey(key: KeyObject): SealKey {
  const id = Buffer.from(hkdfSync('sha256', key, '', 'weir key id', 6)).toString('hex')
  return { id, key }
}

/** The place as bytes; as a JSON array no two places give the same ones. */
function placeBytes(keyId: string, place: SealPlace): Buffer {
  const parts = [VERSION, keyId, place.tenantId, place.table, place.row, place.column]
  return Buffer.from(JSON.stringify(parts))
}

function broken(place: SealPlace, why: string): StorageError {
  const cell = `${place.table}.${place.column} of ${place.row.join('/')}`
  return new StorageError('seal_broken', `The sealed value in ${cell} does not open: ${why}.`)
}

/** The name of the key an envelope was made with; undefined for text that is none. */
export function envelopeKeyId(envelope: string): string | undefined {
  const parts = envelope.split('.')
  return parts.length === 5 && parts[0] === VERSION ? parts[1] : undefined
}

/** Whether a text is an envelope, or was one before somebody damaged it. */
export function isEnvelope(text: string): boolean {
  return text.startsWith(`${VERSION}.`)
}

/** Seals with the first key and opens with any of them, so that a rotation can go row by row. */
export class Sealer {
  private active: SealKey
  private keys: ReadonlyMap<string, SealKey>

  constructor(active: SealKey, older: readonly SealKey[] = []) {
    this.active = active
    this.keys = new Map([...older, active].map((key) => [key.id, key]))
  }

  /** Seals with another key from now on, and opens with it and these. */
  use(active: SealKey, older: readonly SealKey[]): void {
    this.active = active
    this.keys = new Map([...older, active].map((key) => [key.id, key]))
  }

  /** What new values are sealed with. */
  get keyId(): string {
    return this.active.id
  }

  /** Whether an envelope names a key that is not here: another process may have made it since. */
  isStrange(envelope: string): boolean {
    const id = envelopeKeyId(envelope)
    return id !== undefined && !this.keys.has(id)
  }

  /** The envelope `weir1.<key id>.<nonce>.<ciphertext>.<tag>`, the last three base64url. */
  seal(text: string, place: SealPlace): string {
    const nonce = randomBytes(NONCE_BYTES)
    const cipher = createCipheriv(ALGORITHM, this.active.key, nonce, { authTagLength: TAG_BYTES })
    cipher.setAAD(placeBytes(this.active.id, place))
    const sealed = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()])
    const parts = [nonce, sealed, cipher.getAuthTag()].map((part) => part.toString('base64url'))
    return [VERSION, this.active.id, ...parts].join('.')
  }

  /** The sealed text. Throws StorageError `seal_broken` for a changed or moved envelope and `master_key_wrong` for an unknown key. */
  open(envelope: string, place: SealPlace): string {
    const parts = envelope.split('.')
    const [version, keyId = '', nonceText = '', sealedText = '', tagText = ''] = parts
    if (parts.length !== 5 || version !== VERSION) throw broken(place, 'it has an unknown form')
    const key = this.keys.get(keyId)
    if (key === undefined) {
      const message = `A value is sealed with key ${keyId}, which this process does not have (it has ${[...this.keys.keys()].join(', ')}).`
      throw new StorageError('master_key_wrong', message)
    }
    const nonce = Buffer.from(nonceText, 'base64url')
    const tag = Buffer.from(tagText, 'base64url')
    if (nonce.length !== NONCE_BYTES || tag.length !== TAG_BYTES) {
      throw broken(place, 'it has an unknown form')
    }
    try {
      const decipher = createDecipheriv(ALGORITHM, key.key, nonce, { authTagLength: TAG_BYTES })
      decipher.setAAD(placeBytes(keyId, place))
      decipher.setAuthTag(tag)
      const sealed = Buffer.from(sealedText, 'base64url')
      return Buffer.concat([decipher.update(sealed), decipher.final()]).toString('utf8')
    } catch {
      throw broken(place, 'it was changed, or moved from another place')
    }
  }
}
