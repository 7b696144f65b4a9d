// What a releases feed says, and which of two versions is newer, by Semantic Versioning 2.0.0. Pure; a feed is somebody else's text, so
// everything in it is looked at before it is believed, and addresses that are no https are left out.

import {
  asArray,
  asBoolean,
  asObject,
  asString,
  type JsonObject,
  type JsonValue,
} from '../core/json.ts'

export interface Version {
  readonly core: readonly [bigint, bigint, bigint]
  /** Empty for a release. */
  readonly pre: readonly string[]
  /** As it is written, without a `v` in front. */
  readonly text: string
}

export interface Release {
  readonly version: Version
  /** Where it is told about. */
  readonly url?: string
  /** The file with the sums of its archives. */
  readonly checksums?: string
}

const PART = '(0|[1-9]\\d{0,15})'
const VERSION = new RegExp(
  `^v?${PART}\\.${PART}\\.${PART}(?:-([0-9A-Za-z-]+(?:\\.[0-9A-Za-z-]+)*))?(?:\\+[0-9A-Za-z.-]+)?$`,
)

/** A version with or without `v`; undefined for anything else. */
export function parseVersion(text: string): Version | undefined {
  const match = text.length > 128 ? null : VERSION.exec(text.trim())
  if (match === null) return undefined
  const [, major = '', minor = '', patch = '', pre] = match
  const parts = pre?.split('.') ?? []
  // §9: no leading zeros.
  if (parts.some((part) => /^0\d+$/.test(part))) return undefined
  return {
    core: [BigInt(major), BigInt(minor), BigInt(patch)],
    pre: parts,
    text: text.trim().replace(/^v/, ''),
  }
}

/** Less than 0, 0 or more: as `a` is older than `b`, equal in precedence, or newer (§11). */
export function compareVersions(a: Version, b: Version): number {
  for (const index of [0, 1, 2] as const) {
    if (a.core[index] !== b.core[index]) return a.core[index] < b.core[index] ? -1 : 1
  }
  if (a.pre.length === 0 || b.pre.length === 0) {
    return Math.sign(b.pre.length - a.pre.length)
  }
  for (let index = 0; index < Math.min(a.pre.length, b.pre.length); index += 1) {
    const order = comparePart(a.pre[index]!, b.pre[index]!)
    if (order !== 0) return order
  }
  return Math.sign(a.pre.length - b.pre.length)
}

function comparePart(a: string, b: string): number {
  if (a === b) return 0
  const [aNumber, bNumber] = [/^\d+$/.test(a), /^\d+$/.test(b)]
  if (aNumber && bNumber) return BigInt(a) < BigInt(b) ? -1 : 1
  if (aNumber !== bNumber) return aNumber ? -1 : 1
  return a < b ? -1 : 1
}

/**
 * The newest release of a feed: one object or a list, each with `tag_name` or `version`, `html_url` or `url`, and its files in `assets`.
 * Drafts and what is no version are passed over.
 * @param withPre whether releases ahead of their version count
 * @returns undefined where no release is in it
 */
export function newestRelease(feed: JsonValue | undefined, withPre: boolean): Release | undefined {
  let newest: Release | undefined
  for (const item of (asArray(feed) ?? [feed]).slice(0, RELEASES_MAX)) {
    const release = releaseOf(asObject(item), withPre)
    if (release === undefined) continue
    if (newest === undefined || compareVersions(release.version, newest.version) > 0) {
      newest = release
    }
  }
  return newest
}

/** Of a list; feeds have the newest first and pages of a hundred at most. */
const RELEASES_MAX = 200

function releaseOf(item: JsonObject | undefined, withPre: boolean): Release | undefined {
  if (item === undefined || asBoolean(item['draft']) === true) return undefined
  const version = parseVersion(asString(item['tag_name']) ?? asString(item['version']) ?? '')
  if (version === undefined) return undefined
  const isPre = version.pre.length > 0 || asBoolean(item['prerelease']) === true
  if (isPre && !withPre) return undefined
  const url = webAddress(asString(item['html_url']) ?? asString(item['url']))
  const sums = (asArray(item['assets']) ?? [])
    .map((asset) => asObject(asset))
    .find((asset) => /^(?:SHA256SUMS|checksums?)(?:\.txt)?$/i.test(asString(asset?.['name']) ?? ''))
  const checksums = webAddress(
    asString(sums?.['browser_download_url']) ?? asString(item['checksums']),
  )
  return {
    version,
    ...(url === undefined ? {} : { url }),
    ...(checksums === undefined ? {} : { checksums }),
  }
}

function webAddress(text: string | undefined): string | undefined {
  const url = text === undefined || text.length > 2_000 ? null : URL.parse(text)
  const isWeb = url?.protocol === 'https:' && url.username === '' && url.password === ''
  return isWeb ? url.href : undefined
}
