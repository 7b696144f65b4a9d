// The form of Weir's own API keys: recognisable offline, selected by one double click, with a checksum that tells a
// mistyped key from an unknown one. Pure: random bytes are an argument, and hashing a key is `auth`'s work.

const PREFIX = 'weir_'
const BODY_CHARS = 40
const CHECKSUM_CHARS = 6
const KEY_CHARS = PREFIX.length + BODY_CHARS + CHECKSUM_CHARS
const ALPHABET = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'

/** The largest multiple of 62 in a byte: greater bytes are skipped, or the first eight characters would come up more often. */
const BYTE_LIMIT = 256 - (256 % ALPHABET.length)

/** How many random bytes to give: 40 usable ones are needed, and one in 32 is not usable. */
export const API_KEY_RANDOM_BYTES = 96

/** Characters of a key shown in lists, `weir_` included. */
const SHOWN_PREFIX_CHARS = PREFIX.length + 4

/**
 * A new key: `weir_`, 40 base62 characters (238 bits) and 6 of their CRC-32.
 * @param random bytes of a cryptographic source, `API_KEY_RANDOM_BYTES` of them
 * @throws RangeError when too few of the bytes are usable; draw new ones
 */
export function formatApiKey(random: Uint8Array): string {
  let body = ''
  for (const byte of random) {
    if (body.length === BODY_CHARS) break
    if (byte < BYTE_LIMIT) body += ALPHABET[byte % ALPHABET.length]
  }
  if (body.length < BODY_CHARS) throw new RangeError('too few usable random bytes for a key')
  return `${PREFIX}${body}${checksum(body)}`
}

/** Whether a text has the form of a Weir key, its checksum included. A key declared in a file need not. */
export function looksLikeWeirKey(text: string): boolean {
  if (text.length !== KEY_CHARS || !/^weir_[0-9A-Za-z]+$/.test(text)) return false
  const body = text.slice(PREFIX.length, PREFIX.length + BODY_CHARS)
  return text.slice(-CHECKSUM_CHARS) === checksum(body)
}

/** What a list shows of a key's start: `weir_` and four more characters, of any other key its first four. */
export function keyPrefix(key: string): string {
  return key.slice(0, key.startsWith(PREFIX) ? SHOWN_PREFIX_CHARS : 4)
}

/** What a list shows of a key's end; `''` for one so short that this would show much of it. */
export function keyLastFour(key: string): string {
  return key.length < 12 ? '' : key.slice(-4)
}

/** CRC-32 of the body in base62, most significant first, filled up with zeros. 62^6 is larger than 2^32. */
function checksum(body: string): string {
  let rest = crc32(body)
  let text = ''
  for (let digit = 0; digit < CHECKSUM_CHARS; digit += 1) {
    text = `${ALPHABET[rest % ALPHABET.length]}${text}`
    rest = Math.floor(rest / ALPHABET.length)
  }
  return text
}

/** CRC-32 (ISO-HDLC, as in zip and PNG) of ASCII text. */
function crc32(text: string): number {
  let crc = 0xffffffff
  for (let index = 0; index < text.length; index += 1) {
    crc ^= text.charCodeAt(index)
    for (let bit = 0; bit < 8; bit += 1) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1
  }
  return (crc ^ 0xffffffff) >>> 0
}
