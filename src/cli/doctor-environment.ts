// What the environment holds that other programs obey and Weir does not: proxies and authorities set for curl, Python and Node. Said, so
// that nobody wonders why one program gets through and the other does not. And whether the clock is right.

import type { Config } from '../config/config.ts'
import { maskUrl } from '../config/show.ts'
import type { Provider } from '../core/catalog.ts'
import { LIMITS } from '../core/limits.ts'
import { SYSTEM_BUNDLES } from './doctor-advice.ts'
import { type Finding, StepFailure } from './doctor-steps.ts'
import { formatMs } from './format.ts'

type Environment = Readonly<Record<string, string | undefined>>

const PROXY_VARIABLES = [
  'HTTPS_PROXY',
  'https_proxy',
  'ALL_PROXY',
  'all_proxy',
  'HTTP_PROXY',
  'http_proxy',
]
const NO_PROXY_VARIABLES = ['NO_PROXY', 'no_proxy']
/** NODE_EXTRA_CA_CERTS is not among them: Bun itself obeys it. */
const TRUST_VARIABLES = ['SSL_CERT_FILE', 'REQUESTS_CA_BUNDLE', 'CURL_CA_BUNDLE']

function firstSet(environment: Environment, names: readonly string[]): string | undefined {
  return names.find((name) => (environment[name] ?? '').trim() !== '')
}

/** The variable of a proxy that is set, by its name. */
export function proxyVariable(environment: Environment): string | undefined {
  return firstSet(environment, PROXY_VARIABLES)
}

/** Whether proxies are set that Weir passes by. */
export function proxyFinding(environment: Environment, config: Config): Finding {
  const name = proxyVariable(environment)
  if (name === undefined) return { skipped: 'none set' }
  const shown = `${name}=${maskUrl(environment[name] ?? '')}`
  if (config.network.proxy !== undefined) return `${shown}; network.proxy is used in its place`
  const proxied = config.providers.filter(({ network }) => network.proxy !== undefined)
  if (proxied.length > 0) {
    return `${shown}; used in its place where set: network.proxy of ${proxied.map(({ id }) => id).join(', ')}`
  }
  const bypass = firstSet(environment, NO_PROXY_VARIABLES)
  const hosts =
    bypass === undefined ? '' : `, and the hosts of ${bypass} as a list into network.no_proxy`
  return {
    result: shown,
    warning: {
      reason: 'it is not used: Weir obeys its configuration alone',
      todo: `Where providers are reached through it, set network.proxy to "\${${name}}"${hosts}.`,
    },
  }
}

/** Whether authorities are named that Weir does not read. */
export function trustFinding(environment: Environment, config: Config): Finding {
  if (environment['NODE_TLS_REJECT_UNAUTHORIZED'] === '0') {
    return {
      result: 'NODE_TLS_REJECT_UNAUTHORIZED=0',
      warning: {
        reason: 'it is not obeyed: certificates are verified',
        todo: 'Take it out; name your authority in network.ca_file.',
      },
    }
  }
  const name = firstSet(environment, TRUST_VARIABLES)
  if (name === undefined) return { skipped: 'none set' }
  const shown = `${name}=${environment[name] ?? ''}`
  const isNamed =
    config.network.caFile !== undefined ||
    config.providers.some(({ network }) => network.caFile !== undefined)
  if (isNamed) return `${shown}; network.ca_file is used in its place`
  // Containers and packages set it to what the system trusts anyway: nobody has chosen that.
  if (SYSTEM_BUNDLES.includes(environment[name]?.trim() ?? '')) return `${shown}, the system’s own`
  return {
    result: shown,
    warning: {
      reason: 'Weir trusts the public authorities and those of network.ca_file',
      todo: `Where a certificate does not verify, set network.ca_file to "\${${name}}".`,
    },
  }
}

/** Answers' times against this machine's, gathered while providers are asked. */
export class ClockWitness {
  private readonly heard: { readonly source: string; readonly skewMs: number }[] = []

  /** @param date the `date` field of an answer @param nowMs when it came, by this clock */
  hear(source: string, date: string, nowMs: number): void {
    const theirs = Date.parse(date)
    if (Number.isFinite(theirs)) this.heard.push({ source, skewMs: nowMs - theirs })
  }

  /** A failure only where requests are signed: all else works with a wrong clock, but for certificates. */
  finding(providers: readonly Provider[]): Finding {
    // One server whose clock agrees is enough: it is unlikely that two are wrong in the same way.
    const best = this.heard.toSorted((a, b) => Math.abs(a.skewMs) - Math.abs(b.skewMs))[0]
    if (best === undefined) return { skipped: 'no provider told its time' }
    const offMs = Math.abs(best.skewMs)
    if (offMs <= LIMITS.clockSkewMs) return `agrees with ${best.source}`
    const signing = providers.filter(({ entra, type }) => entra !== undefined || type === 'bedrock')
    const advice = {
      reason: `this machine’s clock is ${formatMs(offMs)} ${best.skewMs > 0 ? 'ahead of' : 'behind'} that of ${best.source}`,
      todo: 'Set it (NTP): certificates, Entra ID and AWS signatures depend on it.',
    }
    if (signing.length > 0) throw new StepFailure(advice)
    return { result: 'wrong', warning: advice }
  }
}
