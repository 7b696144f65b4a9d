// `weir update --check`: asks a releases feed whether there is a newer release and says so. It downloads and replaces nothing, and it is the
// only way to that address: nothing in the program asks there by itself.

import { loadConfig } from '../config/load.ts'
import { GatewayError } from '../core/error.ts'
import { parseJson } from '../core/json.ts'
import { LIMITS } from '../core/limits.ts'
import { outboundNetwork } from '../core/network.ts'
import { VERSION } from '../core/version.ts'
import { systemClock } from '../system.ts'
import { createTransport } from '../transport/http-transport.ts'
import { isOn, textOption } from './arguments.ts'
import { type Command, type CommandInput, UsageError } from './command.ts'
import { jsonText, printable } from './format.ts'
import { Problem } from './people.ts'
import { compareVersions, newestRelease, parseVersion, type Release } from './release-feed.ts'
import { told } from './service-install.ts'

/** Of a check that found a newer release. */
const NEWER_EXIT_CODE = 10

export const update: Command = {
  name: 'update',
  summary: 'look whether there is a newer release; never installs one',
  usage: 'update --check [--url URL] [--json]',
  options: [
    { flag: '--check', doc: 'ask the releases feed; without it nothing is asked' },
    { flag: '--url', value: 'URL', doc: 'the feed (else update.url)' },
    { flag: '--json', doc: 'print one JSON object' },
  ],
  notes: [
    'Exit code 0 when there is none newer, 10 when there is, 1 when the feed could not be asked. Weir never asks by itself.',
    'Releases ahead of their version (1.2.0-rc.1) count only where such a one runs.',
  ],
  examples: ['weir update --check --url https://api.github.com/repos/OWNER/NAME/releases/latest'],
  positionalsMax: 0,
  run: (input) => told(input.output, () => run(input)),
}

async function run(input: CommandInput): Promise<number> {
  if (!isOn(input, 'check')) {
    throw new UsageError('Weir does not update itself. To look for a newer release: --check.')
  }
  const { config } = loadConfig({ flags: input.configFlags })
  const url = feedUrl(textOption(input, 'url') ?? config.updateUrl)
  const running = parseVersion(VERSION)!
  const newest = newestRelease(
    parseJson(await fetchFeed(url, outboundNetwork(url, true, config.network))),
    running.pre.length > 0,
  )
  if (newest === undefined) throw new Problem('The feed names no release.')
  const isNewer = compareVersions(newest.version, running) > 0
  tell(input, newest, isNewer)
  return isNewer ? NEWER_EXIT_CODE : 0
}

/** @throws UsageError */
function feedUrl(text: string | undefined): string {
  if (text === undefined) {
    throw new UsageError('No feed is known. Name one with --url, or set update.url.')
  }
  const url = URL.parse(text)
  const isWeb = url?.protocol === 'https:' || url?.protocol === 'http:'
  if (url === null || !isWeb || url.username !== '' || url.password !== '') {
    throw new UsageError('--url must be an address with http:// or https:// and no password.')
  }
  return url.href
}

/** @throws Problem in words when the feed cannot be had */
async function fetchFeed(
  url: string,
  network: ReturnType<typeof outboundNetwork>,
): Promise<string> {
  const { updateBodyBytesMax, updateTimeoutMs } = LIMITS
  const leave = AbortSignal.timeout(updateTimeoutMs)
  try {
    const response = await createTransport(systemClock).send({
      url,
      method: 'GET',
      // Says which program asks, as feeds demand, and nothing of who or where.
      headers: { accept: 'application/json', 'user-agent': 'weir' },
      timeouts: {
        connectMs: updateTimeoutMs,
        firstByteMs: updateTimeoutMs,
        idleMs: updateTimeoutMs,
        totalMs: updateTimeoutMs,
      },
      network,
      signal: leave,
    })
    if (response.status !== 200) {
      response.cancel()
      throw new Problem(`The feed answered with ${response.status}.`)
    }
    return new TextDecoder().decode(await response.bytes(updateBodyBytesMax))
  } catch (error) {
    if (!(error instanceof GatewayError)) throw error
    const words = leave.aborted
      ? `it did not answer within ${updateTimeoutMs / 1_000} s`
      : (REASONS[error.kind] ?? error.message)
    throw new Problem(`The feed could not be asked: ${words}`)
  }
}

const REASONS: Readonly<Record<string, string>> = {
  upstream_redirect: 'it sends elsewhere, and nobody is followed. Name the address where it is.',
  upstream_bad_response: 'its answer is too large or none that can be read.',
  upstream_timeout: 'it did not answer in time.',
}

function tell(input: CommandInput, { checksums, url, version }: Release, isNewer: boolean): void {
  const { output } = input
  if (isOn(input, 'json')) {
    const found = {
      running: VERSION,
      newest: version.text,
      newer: isNewer,
      url: url ?? null,
      checksums: checksums ?? null,
    }
    output.out(`${jsonText(found)}\n`)
    return
  }
  if (!isNewer) {
    output.out(`Weir ${VERSION} runs; the newest release is ${printable(version.text)}.\n`)
    return
  }
  output.out(`Weir ${printable(version.text)} is there; this is ${VERSION}.\n`)
  if (url !== undefined) output.out(`  release    ${printable(url)}\n`)
  if (checksums !== undefined) output.out(`  checksums  ${printable(checksums)}\n`)
}
