// The load command: requests at a constant rate, or from so many clients in turn, against an address of this machine, and what came
// of them as a table or as JSON. It refuses any other machine: a tool for one's own server, not for somebody else's.

import { parseArgs } from 'node:util'
import type { Histogram } from './load-histogram.ts'
import { load, loopbackUrl, PROFILES, type LoadOptions, type LoadReport } from './load-run.ts'
import { numberIn, oneOf, understood } from './options.ts'

const USAGE = `bun run load [--url http://127.0.0.1:9347] [--profile ${PROFILES.join('|')}]
  [--rate PER_SECOND | --connections N] [--seconds S] [--key KEY] [--model MODEL]
  [--embedding-model MODEL] [--max-tokens N] [--prompt TEXT] [--timeout SECONDS] [--json]\n`

const CLOSED_CONNECTIONS = '16'
const OPEN_CONNECTIONS = '1000'
const RATE_MAX = 50_000
const CONNECTIONS_MAX = 20_000
const SECONDS_MAX = 3_600

interface Options extends LoadOptions {
  readonly json: boolean
}

/** @throws Error for what cannot be understood */
function readOptions(): Options {
  const { values } = parseArgs({
    options: {
      url: { type: 'string', default: 'http://127.0.0.1:9347' },
      profile: { type: 'string', default: 'chat' },
      rate: { type: 'string' },
      connections: { type: 'string' },
      seconds: { type: 'string', default: '10' },
      key: { type: 'string' },
      model: { type: 'string', default: 'mock/echo' },
      'embedding-model': { type: 'string' },
      'max-tokens': { type: 'string', default: '256' },
      prompt: { type: 'string', default: 'Name three rivers that end in the North Sea.' },
      timeout: { type: 'string', default: '30' },
      json: { type: 'boolean', default: false },
    },
  })
  const { rate } = values
  const connections =
    values.connections ?? (rate === undefined ? CLOSED_CONNECTIONS : OPEN_CONNECTIONS)
  const { key = process.env['WEIR_KEY'] } = values
  return {
    url: loopbackUrl(values.url),
    profile: oneOf('profile', values.profile, PROFILES),
    seconds: numberIn('seconds', values.seconds, 0.1, SECONDS_MAX),
    ...(rate === undefined ? {} : { rate: numberIn('rate', rate, 0.1, RATE_MAX) }),
    connections: numberIn('connections', connections, 1, CONNECTIONS_MAX),
    ...(key === undefined || key === '' ? {} : { key }),
    model: values.model,
    embeddingModel: values['embedding-model'] ?? values.model,
    maxTokens: numberIn('max-tokens', values['max-tokens'], 1, 1_000_000),
    prompt: values.prompt,
    timeoutMs: numberIn('timeout', values.timeout, 0, 600) * 1_000,
    json: values.json,
  }
}

const SHARES = { p50: 0.5, p90: 0.9, p99: 0.99, p999: 0.999 } as const

function timesJson(times: Histogram): object {
  const rounded = (ms: number) => (Number.isNaN(ms) ? null : Number(ms.toPrecision(4)))
  const shares = Object.entries(SHARES).map(([name, share]) => [
    name,
    rounded(times.quantileMs(share)),
  ])
  return { ...Object.fromEntries(shares), mean: rounded(times.meanMs), max: rounded(times.maxMs) }
}

function json(options: Options, report: LoadReport): string {
  const { profile, rate, seconds, url } = options
  const { answered, bytes, connections, elapsedMs, perSecond, requests, results } = report
  const told = {
    url: url.origin,
    profile,
    loop: rate === undefined ? 'closed' : 'open',
    ...(rate === undefined ? {} : { rate }),
    seconds,
    elapsedMs: Math.round(elapsedMs),
    connections,
    requests,
    answered,
    perSecond: Number(perSecond.toPrecision(5)),
    totalMs: timesJson(report.total),
    firstByteMs: timesJson(report.first),
    sentLateMs: timesJson(report.late),
    results,
    bytes,
  }
  return `${JSON.stringify(told, undefined, 2)}\n`
}

function table(options: Options, report: LoadReport): string {
  const { profile, rate, url } = options
  const { answered, bytes, connections, elapsedMs, perSecond, requests, results } = report
  const loop = rate === undefined ? 'closed loop' : `open loop, ${rate} a second`
  const row = (name: string, times: Histogram) => {
    const cells = Object.values(SHARES).map((share) => milliseconds(times.quantileMs(share)))
    return `  ${name.padEnd(12)}${[...cells, milliseconds(times.maxMs)].join('')}\n`
  }
  const head = [...Object.keys(SHARES), 'max'].map((name) => name.padStart(11)).join('')
  const counts = Object.entries(results).map(([name, count]) => `${name}: ${count}`)
  return [
    `${profile} at ${url.origin}, ${loop}, ${connections} connections, ${(elapsedMs / 1_000).toFixed(1)} s\n\n`,
    `  ${answered} of ${requests} answered, ${perSecond.toFixed(1)} a second, ${(bytes / 1_048_576).toFixed(2)} MiB\n`,
    `  ${counts.join(', ')}\n\n`,
    `  ${''.padEnd(12)}${head}\n`,
    row('total', report.total),
    row('first byte', report.first),
    row('sent late', report.late),
  ].join('')
}

function milliseconds(ms: number): string {
  return `${Number.isNaN(ms) ? '?' : ms.toFixed(ms < 10 ? 2 : 1)} ms`.padStart(11)
}

async function main(): Promise<number> {
  const options = understood(readOptions, USAGE)
  if (options === undefined) return 2
  const report = await load(options)
  process.stdout.write(options.json ? json(options, report) : table(options, report))
  return report.answered > 0 ? 0 : 1
}

process.exit(await main())
