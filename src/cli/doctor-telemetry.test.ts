import { afterEach, expect, test } from 'bun:test'
import type {
  DeliverySettings,
  ExportSettings,
  TracingSettings,
} from '../core/telemetry-settings.ts'
import { StepFailure } from './doctor-steps.ts'
import { telemetryFinding } from './doctor-telemetry.ts'

const SECRET = 'canary-0123456789'

const ends: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const end of ends.splice(0)) await end()
})

/** A collector that takes what has the credential, in either form, and keeps what it got. */
function place(path: string) {
  const asked: { readonly method: string; readonly body: string }[] = []
  const server = Bun.serve({
    port: 0,
    hostname: '127.0.0.1',
    async fetch(request) {
      asked.push({ method: request.method, body: await request.text() })
      const isKnown = request.headers.get('authorization') === `Bearer ${SECRET}`
      return new Response(null, { status: isKnown ? 200 : 401 })
    },
  })
  ends.push(() => server.stop(true))
  return { asked, url: `http://127.0.0.1:${server.port}${path}` }
}

function delivery(url: string, secret = SECRET): DeliverySettings {
  return {
    url,
    headers: { authorization: `Bearer ${secret}` },
    network: { allowPrivate: true },
    timeoutMs: 500,
    batchRows: 1,
    intervalMs: 1,
    queueRowsMax: 1,
  }
}

const tracing = (to: DeliverySettings, protocol: 'protobuf' | 'json' = 'protobuf') =>
  ({ delivery: to, protocol }) as TracingSettings
const webhook = (to: DeliverySettings) =>
  ({ id: 'hook', type: 'webhook', protocol: 'protobuf', delivery: to }) as ExportSettings

async function failure(finding: Promise<unknown>): Promise<string> {
  try {
    await finding
  } catch (error) {
    if (error instanceof StepFailure) return error.advice.reason
    throw error
  }
  throw new Error('it did not fail')
}

test('nothing is asked where nothing is sent', async () => {
  expect(await telemetryFinding({ exports: [] })).toEqual({ skipped: 'nothing is sent out' })
})

test('a collector gets an empty batch in its form, a webhook nothing at all', async () => {
  for (const [protocol, body] of [
    ['protobuf', ''],
    ['json', '{}'],
  ] as const) {
    const collector = place('/v1/traces')
    const hook = place(`/in/${SECRET}`)
    const finding = await telemetryFinding({
      tracing: tracing(delivery(collector.url), protocol),
      exports: [webhook(delivery(hook.url))],
    })
    expect(finding).toContain('tracing: http://127.0.0.1:')
    expect(collector.asked).toEqual([{ method: 'POST', body }])
    expect(hook.asked).toEqual([{ method: 'HEAD', body: '' }])
    expect(JSON.stringify(finding)).not.toContain(SECRET)
  }
})

test('a refused credential, a redirect and nobody there are told apart, without a secret', async () => {
  const collector = place('/v1/traces')
  const gone = Bun.serve({ port: 0, hostname: '127.0.0.1', fetch: () => new Response() })
  const goneUrl = `http://127.0.0.1:${gone.port}/x/${SECRET}`
  await gone.stop(true)
  const reason = await failure(
    telemetryFinding({
      tracing: tracing(delivery(collector.url, 'wrong')),
      exports: [webhook(delivery(goneUrl))],
    }),
  )
  expect(reason).toContain('/v1/traces answers 401')
  expect(reason).toContain('hook: http://127.0.0.1:')
  expect(reason).toContain('is not reached (upstream_error)')
  expect(reason).not.toContain(SECRET)
})
