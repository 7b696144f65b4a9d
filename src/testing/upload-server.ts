// A server in a process of its own, so that a test can see how much memory uploads take: it says its port, and on each line of
// its input the most memory it has had so far, in bytes. The provider's base URL is its argument.

import { createTestGateway, testProvider } from './gateway.ts'
import { startTestServer } from './server.ts'

const baseUrl = process.argv[2]
if (baseUrl === undefined) throw new Error('The base URL of a provider is missing.')
// How long it takes is no matter here.
const timeouts = { connectMs: 60_000, firstByteMs: 60_000, idleMs: 60_000, totalMs: 120_000 }
const server = startTestServer(
  createTestGateway({ providers: [testProvider({ id: 'up', type: 'openai', baseUrl, timeouts })] }),
  { settings: { maxUploadBytes: 2 * 1024 ** 3 } },
)
process.stdout.write(`${server.port}\n`)

const decoder = new TextDecoder()
for await (const chunk of Bun.stdin.stream()) {
  for (const _line of decoder.decode(chunk).matchAll(/\n/g)) {
    // Kibibytes, as the system counts it.
    process.stdout.write(`${process.resourceUsage().maxRSS * 1_024}\n`)
  }
}
await server.stop(0)
