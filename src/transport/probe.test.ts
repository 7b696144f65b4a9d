// Each layer of a probed connection against real sockets: what it tells when it works, its code when it does not, and that nothing waits
// beyond its limit.

import { afterAll, describe, expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { rootCertificates } from 'node:tls'
import {
  type Certificates,
  makeCertificates,
  opensslPath,
} from '../../tests/harness/certificates.ts'
import { withBlackHole } from '../testing/black-hole.ts'
import { ask, bareHost, connectTcp, handshake, ProbeError, resolveName } from './probe.ts'
import { issuerAmong, splitPem } from './probe-certificate.ts'

/** No busy machine reaches it. */
const LIMIT_MS = 15_000

const cleanups: (() => unknown)[] = []
afterAll(() => {
  for (const cleanup of cleanups) cleanup()
})

/** A server that answers whatever comes with these pieces, and then closes or stays. */
function speaker(pieces: readonly string[], ends = true): number {
  const listener = Bun.listen({
    hostname: '127.0.0.1',
    port: 0,
    socket: {
      data(socket) {
        for (const piece of pieces) socket.write(piece)
        if (ends) socket.end()
      },
    },
  })
  cleanups.push(() => listener.stop(true))
  return listener.port
}

async function codeOf(work: Promise<unknown>): Promise<string> {
  try {
    await work
  } catch (error) {
    if (error instanceof ProbeError) return error.code
    throw error
  }
  return 'it worked'
}

async function askAt(port: number, timeoutMs = LIMIT_MS, withBody = true) {
  const { socket } = await connectTcp(['127.0.0.1'], port, LIMIT_MS)
  return await ask(socket, { method: 'GET', target: '/', headers: {}, timeoutMs, withBody })
}

describe('names and TCP', () => {
  test('a name that does not exist, an address, a name that does', async () => {
    // Longer than any label may be: it is looked up nowhere, and no resolver keeps anybody waiting.
    const none = `${'x'.repeat(64)}.invalid`
    expect(await codeOf(resolveName(none, LIMIT_MS))).toBe('ENOTFOUND')
    expect(await resolveName('::1', LIMIT_MS)).toEqual(['::1'])
    expect(await resolveName('localhost', LIMIT_MS)).toContain('127.0.0.1')
    expect(bareHost(new URL('http://[::1]:80/'))).toBe('::1')
  })

  test('the first address that takes it, with those that did not', async () => {
    const port = speaker([])
    const { address, failed, socket } = await connectTcp(['127.0.0.9', '127.0.0.1'], port, LIMIT_MS)
    socket.destroy()
    expect(address).toBe('127.0.0.1')
    expect(failed).toEqual([{ address: '127.0.0.9', code: 'ECONNREFUSED' }])
    expect(await codeOf(connectTcp(['127.0.0.1'], 1, LIMIT_MS))).toBe('ECONNREFUSED')
  })

  test('of a name with very many addresses a few are tried', async () => {
    const many = Array.from({ length: 200 }, (_, at) => `127.0.1.${at + 1}`)
    expect(await codeOf(connectTcp([...many, '127.0.0.1'], speaker([]), LIMIT_MS))).toBe(
      'ECONNREFUSED',
    )
  })

  test('packets that are dropped end at the limit', async () => {
    await withBlackHole(async ({ address, port }) => {
      const startedMs = performance.now()
      expect(await codeOf(connectTcp([address], port, 200))).toBe('timeout')
      expect(performance.now() - startedMs).toBeWithin(150, LIMIT_MS)
    })
  })
})

describe('a question', () => {
  test('its answer, whole by its length or by the end of the connection', async () => {
    const head = 'HTTP/1.1 407 No\r\nProxy-Authenticate: Basic realm="x"\r\n'
    const told = await askAt(speaker([head, 'Content-Le', 'ngth: 3\r\n\r', '\nabc'], false))
    expect([told.status, told.body]).toEqual([407, 'abc'])
    expect(told.headers.get('proxy-authenticate')).toBe('Basic realm="x"')
    const ended = await askAt(speaker([`${head}\r\n`, 'abc', 'def']))
    expect(ended.body).toBe('abcdef')
    const headOnly = await askAt(speaker([`${head}\r\n`], false), LIMIT_MS, false)
    expect(headOnly.status).toBe(407)
  })

  test('no answer, no HTTP, no end', async () => {
    expect(await codeOf(askAt(speaker([], false), 50))).toBe('timeout')
    expect(await codeOf(askAt(speaker([])))).toBe('closed')
    expect(await codeOf(askAt(speaker(['SSH-2.0-x\r\n\r\n'])))).toBe('not-http')
    expect(await codeOf(askAt(speaker(['x'.repeat(64 * 1024)], false)))).toBe('not-http')
    const endless = `HTTP/1.1 200 OK\r\n\r\n${'y'.repeat(64 * 1024)}`
    expect((await askAt(speaker([endless], false))).status).toBe(200)
  })
})

describe.skipIf(opensslPath() === undefined)('TLS', () => {
  let made: Certificates | undefined
  const certificates = (): Certificates => {
    if (made === undefined) {
      const fresh = makeCertificates()
      cleanups.push(() => fresh.remove())
      made = fresh
    }
    return made
  }
  const text = (path: string) => readFileSync(path, 'utf8')

  async function shake(pair: { certFile: string; keyFile: string }, host: string, ca?: string) {
    const server = Bun.serve({
      hostname: '127.0.0.1',
      port: 0,
      tls: { cert: text(pair.certFile), key: text(pair.keyFile) },
      fetch: () => new Response('ok'),
    })
    cleanups.push(() => server.stop(true))
    const { socket } = await connectTcp(['127.0.0.1'], server.port ?? 0, LIMIT_MS)
    const secured = await handshake(socket, host, ca === undefined ? {} : { ca }, LIMIT_MS)
    secured.socket.destroy()
    return secured
  }

  test('what a certificate says, and why it does not hold', async () => {
    const { caFile, expired, otherCaFile, server, stranger, wrongHost } = certificates()
    const ca = text(caFile)
    const good = await shake(server, 'upstream.test', ca)
    expect(good).toMatchObject({ protocol: 'TLSv1.3', isWrongHost: false })
    expect(good.chainProblem).toBeUndefined()
    expect(good.chain[0]).toMatchObject({
      subject: 'upstream.test',
      issuer: 'Weir Test Root',
      names: ['upstream.test', '*.upstream.test', 'localhost', '127.0.0.1'],
      isSelfSigned: false,
    })
    expect((await shake(server, '127.0.0.1', ca)).isWrongHost).toBe(false)
    expect((await shake(wrongHost, 'upstream.test', ca)).isWrongHost).toBe(true)
    const old = await shake(expired, 'upstream.test', ca)
    expect(old.chainProblem).toBe('CERT_HAS_EXPIRED')
    expect(old.chain[0]?.validUntilMs).toBe(Date.UTC(2020, 1, 1))
    const unknown = await shake(stranger, 'upstream.test', ca)
    expect(unknown.chainProblem).toMatch(/^UNABLE_TO_/)
    expect(issuerAmong(unknown.chain, splitPem(text(otherCaFile)))).toBe('signed')
    expect(issuerAmong(unknown.chain, [ca, 'no certificate', ...rootCertificates])).toBeUndefined()
  })

  test('an authority of the same name with another key', async () => {
    const unknown = await shake(certificates().server, 'upstream.test')
    const renewed = makeCertificates()
    cleanups.push(() => renewed.remove())
    expect(issuerAmong(unknown.chain, splitPem(text(renewed.caFile)))).toBe('same-name')
    expect(issuerAmong([], [])).toBeUndefined()
  })

  test('no TLS at all, and a server that says nothing', async () => {
    const shakeAt = async (port: number, timeoutMs = LIMIT_MS) => {
      const { socket } = await connectTcp(['127.0.0.1'], port, LIMIT_MS)
      return await handshake(socket, 'upstream.test', {}, timeoutMs)
    }
    const web = speaker(['HTTP/1.1 400 Bad Request\r\n\r\n'], false)
    expect(await codeOf(shakeAt(web))).toContain('WRONG_VERSION_NUMBER')
    expect(await codeOf(shakeAt(speaker([], false), 50))).toBe('timeout')
    expect(await codeOf(shakeAt(speaker([])))).toMatch(/^(closed|ECONNRESET)$/)
  })
})
