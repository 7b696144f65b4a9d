// Takes whatever is sent to it and throws it away: where traces go while their cost is measured.

const server = Bun.serve({
  hostname: '127.0.0.1',
  port: Number(process.argv[2]),
  async fetch(request) {
    await request.arrayBuffer()
    return new Response(null, { status: 200 })
  },
})

process.on('SIGTERM', () => void server.stop(true).then(() => process.exit(0)))
