// The least that a proxy on the same parts can be: an Elysia route that hands the body to fetch and the answer's body back.
// No key, no log, no routing; Weir is measured beside it to see what those cost.

import { Elysia } from 'elysia'

const [port, upstream] = [Number(process.argv[2]), process.argv[3]!]

const app = new Elysia()
  .get('/health', () => 'ok')
  .post(
    '/v1/chat/completions',
    async ({ request }) => {
      const answer = await fetch(`${upstream}/v1/chat/completions`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: await request.arrayBuffer(),
        signal: request.signal,
      })
      return new Response(answer.body, {
        status: answer.status,
        headers: { 'content-type': answer.headers.get('content-type') ?? 'application/json' },
      })
    },
    { parse: 'none' },
  )

const server = Bun.serve({
  hostname: '127.0.0.1',
  port,
  idleTimeout: 0,
  fetch: (request) => app.handle(request),
})

process.on('SIGTERM', () => void server.stop(true).then(() => process.exit(0)))
