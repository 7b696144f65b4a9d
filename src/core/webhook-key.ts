// The key that bodies of webhooks are signed with, as an operator writes it: any text, or what Standard Webhooks gives out
// (https://www.standardwebhooks.com), base64 behind a prefix. Pure; whether a key is long enough is the configuration's to say.

const PREFIX = 'whsec_'

/** The bytes of the key; empty where the text holds none. */
export function webhookKey(secret: string): Uint8Array {
  if (!secret.startsWith(PREFIX)) return new TextEncoder().encode(secret)
  const text = secret.slice(PREFIX.length)
  if (!/^[A-Za-z0-9+/]*={0,2}$/.test(text)) return new Uint8Array()
  try {
    return Uint8Array.from(atob(text), (character) => character.charCodeAt(0))
  } catch {
    // No base64: a key that nobody else can read either.
    return new Uint8Array()
  }
}
