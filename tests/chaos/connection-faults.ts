// Faults before a provider has said anything: nobody there, no name, no trust, a proxy in the way, no first byte.

import { opensslPath, makeCertificates } from '../harness/certificates.ts'
import { NEVER_ANSWER, startFaultProxy, type Faults } from '../../src/testing/fault-proxy.ts'
import { bytes, startRawUpstream } from '../../src/testing/upstream-raw.ts'
import type { Scenario } from './account.ts'
import type { Echo } from './echo.ts'
import { failing, faultScenario, RIGHT, type FaultCase, type FaultyProvider } from './fault-case.ts'
import type { World } from './world.ts'

const FAILED = failing([502, 'upstream_error'])
const LATE = failing([504, 'upstream_timeout'])
const BOTH_RIGHT = { whole: RIGHT, stream: RIGHT }

/** A provider behind the fault proxy. */
export function behind(world: World, echo: Echo, faults: Faults, more: object = {}) {
  const proxy = world.add(startFaultProxy({ port: echo.port, faults }), (it) => it.close())
  return { proxy, baseUrl: `${proxy.url}/v1`, more }
}

const noOpenssl = () => (opensslPath() === undefined ? 'openssl is not installed' : undefined)

function withCertificate(which: 'stranger' | 'expired'): FaultCase['make'] {
  return (world): FaultyProvider => {
    const made = world.add(makeCertificates(), (it) => it.remove())
    const echo = world.echo({ tls: made[which] })
    // The right authority is trusted: only what is wrong with the certificate may refuse it.
    return { baseUrl: echo.baseUrl, more: { network: { ca_file: made.caFile } } }
  }
}

function refusedByProxy(status: string, fields: string): FaultCase['make'] {
  return (world): FaultyProvider => {
    const answer = `HTTP/1.1 ${status}\r\n${fields}content-length: 0\r\nconnection: close\r\n\r\n`
    const proxy = world.add(startRawUpstream(bytes(answer)), (it) => it.close())
    const address = `http://user:password@127.0.0.1:${proxy.port}`
    return { baseUrl: 'https://provider.invalid/v1', more: { network: { proxy: address } } }
  }
}

const TIMEOUT_MS = 150
const SLACK_MS = 50

const CASES: readonly FaultCase[] = [
  {
    name: 'refused',
    title: 'connection refused',
    expected: '502; the second target answers',
    make(world, echo) {
      const { proxy, ...provider } = behind(world, echo, {})
      proxy.refuse()
      return provider
    },
    alone: { whole: FAILED, stream: FAILED },
    pair: BOTH_RIGHT,
  },
  {
    name: 'dns',
    title: 'name that does not resolve',
    expected: '502; the second target answers',
    make: () => ({ baseUrl: 'http://provider.invalid/v1' }),
    alone: { whole: FAILED, stream: FAILED },
    pair: BOTH_RIGHT,
  },
  {
    name: 'unknown-ca',
    title: 'TLS with an unknown CA',
    expected: '502; the second target answers',
    without: noOpenssl,
    make: withCertificate('stranger'),
    alone: { whole: FAILED, stream: FAILED },
    pair: BOTH_RIGHT,
  },
  {
    name: 'expired',
    title: 'expired certificate',
    expected: '502; the second target answers',
    without: noOpenssl,
    make: withCertificate('expired'),
    alone: { whole: FAILED, stream: FAILED },
    pair: BOTH_RIGHT,
  },
  {
    name: 'proxy-407',
    title: 'proxy refuses, 407',
    expected: '502; the second target answers',
    make: refusedByProxy(
      '407 Proxy Authentication Required',
      'proxy-authenticate: Basic realm="x"\r\n',
    ),
    alone: { whole: FAILED, stream: FAILED },
    pair: BOTH_RIGHT,
  },
  {
    name: 'proxy-502',
    title: 'proxy refuses, 502',
    expected: '502; the second target answers',
    make: refusedByProxy('502 Bad Gateway', ''),
    alone: { whole: FAILED, stream: FAILED },
    pair: BOTH_RIGHT,
  },
  {
    name: 'never-answers',
    title: 'connection taken, never answered',
    expected: '504 at first_byte; failover',
    make: (world, echo) =>
      behind(world, echo, NEVER_ANSWER, { timeouts: { first_byte: `${TIMEOUT_MS}ms` } }),
    alone: { whole: LATE, stream: LATE },
    pair: BOTH_RIGHT,
    // A deadline is looked at every 100 ms.
    attemptMsMax: TIMEOUT_MS + 100 + SLACK_MS,
  },
  {
    name: 'slow-first-byte',
    title: 'slow first byte, beyond its limit',
    expected: '504 at first_byte; failover',
    make: (world, echo) =>
      behind(
        world,
        echo,
        { answer: { firstByteMs: 4 * TIMEOUT_MS } },
        { timeouts: { first_byte: `${TIMEOUT_MS}ms` } },
      ),
    alone: { whole: LATE, stream: LATE },
    pair: BOTH_RIGHT,
    attemptMsMax: TIMEOUT_MS + 100 + SLACK_MS,
  },
  {
    name: 'slow-within',
    title: 'slow first byte, within its limit',
    expected: 'answered, late by as much',
    make: (world, echo) =>
      behind(
        world,
        echo,
        { answer: { firstByteMs: TIMEOUT_MS } },
        { timeouts: { first_byte: '10s' } },
      ),
    alone: BOTH_RIGHT,
    pair: BOTH_RIGHT,
    slowMs: TIMEOUT_MS,
  },
]

export const CONNECTION_FAULTS: readonly Scenario[] = CASES.map(faultScenario)
