// Takes out of a provider's text what neither a client nor a log may see: our keys, tokens, account ids, addresses.
// Everything a provider wrote passes through here before it leaves this program. It only removes; it never parses.

import { isAccessKey } from '../aws.ts'
import type { Provider } from '../catalog.ts'
import { LIMITS } from '../limits.ts'
import { percentDecoded } from '../percent.ts'

/** What stands for what was taken out. */
export const REDACTED = '[redacted]'

/** Text beyond this is not even looked at: far more than is kept, and little enough for the slowest pattern below. */
const READ_CHARS_MAX = 16 * 1024

/** Shorter strings are no secrets, and taking them out would shred the text. */
const SECRET_CHARS_MIN = 4

/**
 * Shapes of credentials and ids, most telling first. Every repeat that can fail late is bounded.
 * A provider echoes a wrong key with its middle starred, so `*` counts as part of a key.
 */
const PATTERNS: readonly (readonly [RegExp, string])[] = [
  [/\beyJ[\w-]{8,4000}\.[\w-]{4,8000}\.[\w-]*/g, REDACTED],
  [/\b(bearer)\s+[^\s"',;]{8,}/gi, `$1 ${REDACTED}`],
  [/\b(basic)\s+[\w+/=-]{16,}/gi, `$1 ${REDACTED}`],
  [
    /((?:api|access|secret|subscription)[ _-]?key(?: provided)?["']?\s*[:=]\s*["']?)[^\s"',;]{3,}/gi,
    `$1${REDACTED}`,
  ],
  [/([?&](?:key|api[_-]?key|token|sig|signature|access_token)=)[^\s&"']+/gi, `$1${REDACTED}`],
  [/(\b[a-z][a-z0-9+.-]{1,20}:\/\/)[^\s/@:]{0,200}:[^\s/@]{0,200}@/gi, `$1${REDACTED}@`],
  [/\b(?:sk|pk|rk|gsk|xai|hf|r8|pplx|fw|csk|nvapi|tgp)[-_][\w*-]{6,}/g, REDACTED],
  [/\bweir_\w{6,}/g, REDACTED],
  [/\bgh[pousr]_\w{16,}/g, REDACTED],
  [/\bAIza[\w-]{16,}/g, REDACTED],
  [/\b(?:AKIA|ASIA)[A-Z0-9]{12,}/g, REDACTED],
  [
    /\b(?:org|proj|project|user|acct|account|team|workspace)[-_](?=[A-Za-z]{0,40}\d|[A-Za-z0-9]{16})[A-Za-z0-9]{6,}/g,
    REDACTED,
  ],
  [/\b(?:\d{1,3}\.){3}\d{1,3}(?::\d{1,5})?\b/g, REDACTED],
  [/\[(?=[0-9a-f.]{0,40}:[0-9a-f.]{0,40}:)[0-9a-f:.]{2,45}\](?::\d{1,5})?/gi, REDACTED],
  [
    /\b(?:localhost|[\w-]{1,63}(?:\.[\w-]{1,63}){0,8}\.(?:internal|local|lan|svc|cluster\.local)):?\d{0,5}\b/gi,
    REDACTED,
  ],
]

/** C0 and C1 controls, line and paragraph separators, and marks that reorder text in a terminal. */
// oxlint-disable-next-line no-control-regex
const CONTROLS = /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]+/g

/**
 * Every form in which a text could tell a provider's secrets: an access key is sent in parts, a proxy's password encoded with its
 * user.
 */
export function providerSecrets(provider: Provider): string[] {
  const keys = provider.keys.flatMap(({ secret }) =>
    provider.type === 'bedrock' && isAccessKey(secret) ? [secret, ...secret.split(':')] : [secret],
  )
  const { entra, network } = provider
  const others = [network.keyPassphrase, entra?.clientSecret, entra?.keyPassphrase]
  const secrets = [...keys, ...others.filter((secret) => secret !== undefined)]
  return network.proxy === undefined ? secrets : [...secrets, ...proxySecrets(network.proxy)]
}

/** The password of a proxy's address as it is written, as it is meant, and as `Basic` carries it. */
function proxySecrets(proxy: string): string[] {
  const { password = '', username = '' } = URL.parse(proxy) ?? {}
  if (password === '') return []
  const [user = '', plain = ''] = [username, password].map(percentDecoded)
  const bytes = new TextEncoder().encode(`${user}:${plain}`)
  return [password, plain, btoa(String.fromCharCode(...bytes))]
}

/**
 * A provider's text made fit for a client and a log.
 * @param secrets every secret in use now (provider keys, passwords of proxies); shorter than four characters are skipped
 * @param hosts names of hosts of ours (base URLs, proxies), taken out with their port, whatever their case
 * @param maxChars the most that is returned; the default is what a log row keeps
 */
export function scrubMessage(
  text: string,
  secrets: readonly string[],
  hosts: readonly string[] = [],
  maxChars: number = LIMITS.logErrorCharsMax,
): string {
  const words = searched(secrets.map((secret) => secret.replace(CONTROLS, ' ')))
  // Controls go first: one in the middle of a secret would hide it from the search and vanish on a screen.
  let result = bounded(text.slice(0, 2 * READ_CHARS_MAX).replace(CONTROLS, ' '), words)
  result = words.reduce(withoutSecret, result)
  for (const host of hosts) result = withoutHost(result, host)
  for (const [pattern, replacement] of PATTERNS) result = result.replace(pattern, replacement)
  return cut(result.trim(), maxChars)
}

/** A text of any length and form without secrets of ours; all else of it stays as it is. @param secrets as `scrubMessage` takes them */
export function scrubSecrets(text: string, secrets: readonly string[]): string {
  return searched(secrets).reduce(withoutSecret, text)
}

/** The longest first: one may be a part of another. */
function searched(secrets: readonly string[]): string[] {
  return [...new Set(secrets)]
    .filter((secret) => secret.length >= SECRET_CHARS_MIN)
    .toSorted((a, b) => b.length - a.length)
}

/** The text up to its bound. Where the bound falls into a secret, its first half goes too. */
function bounded(text: string, secrets: readonly string[]): string {
  if (text.length <= READ_CHARS_MAX) return text
  const kept = text.slice(0, READ_CHARS_MAX)
  let cutChars = 0
  for (const secret of secrets) {
    for (let length = secret.length - 1; length > cutChars; length -= 1) {
      if (kept.endsWith(secret.slice(0, length))) cutChars = length
    }
  }
  return kept.slice(0, kept.length - cutChars)
}

/** Takes out a secret as it is, as JSON writes it and as a URL writes it. */
function withoutSecret(text: string, secret: string): string {
  const forms = new Set([secret, JSON.stringify(secret).slice(1, -1), urlForm(secret)])
  let result = text
  for (const form of forms) if (form !== '') result = result.replaceAll(form, REDACTED)
  return result
}

/** `''` for text that has no URL form (a lone surrogate). */
function urlForm(secret: string): string {
  return secret.isWellFormed() ? encodeURIComponent(secret) : ''
}

function withoutHost(text: string, host: string): string {
  if (host.length < 3) return text
  const escaped = host.replace(
    /[^\w]/gu,
    (character) => `\\u{${character.codePointAt(0)?.toString(16)}}`,
  )
  return text.replace(new RegExp(`${escaped}(?::\\d{1,5})?`, 'giu'), REDACTED)
}

function cut(text: string, maxChars: number): string {
  if (text.length <= maxChars) return text.toWellFormed()
  return `${text.slice(0, Math.max(0, maxChars - 1)).replace(/[\ud800-\udbff]$/, '')}…`.toWellFormed()
}
