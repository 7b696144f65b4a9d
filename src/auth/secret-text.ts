// Secrets that are told apart by their hash: the one way they are hashed here and compared, in a time that tells nothing of where they differ.

import { createHash, timingSafeEqual } from 'node:crypto'

/** SHA-256 of the text's UTF-8, in hexadecimal digits. */
export function hashed(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}

/** Whether two texts are the same, in a time that only their lengths decide. */
export function isSameSecret(one: string, other: string): boolean {
  return one.length === other.length && timingSafeEqual(Buffer.from(one), Buffer.from(other))
}
