// Certificates given as text: what cannot be used is told by its setting and never repeated, and what can be is used as that of a file is, on
// the wire too.

import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { cpuMsOf } from '../testing/cpu-time.ts'
import { makeCertificate, type RsaCertificate } from '../testing/rsa-certificate.ts'
import { failure, request, transport } from '../testing/transport.ts'
import { loadMaterial, TlsFiles } from './tls-files.ts'

let folder: string
let own: RsaCertificate
let other: RsaCertificate
const pem = (path: string) => readFileSync(path, 'utf8')

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'weir-pem-'))
  own = makeCertificate(folder, { name: 'localhost' })
  other = makeCertificate(folder, { name: 'other' })
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

describe('what cannot be used', () => {
  test('is told by its setting, and never repeated', () => {
    const cert = own.pem
    const key = pem(own.keyFile)
    const cases = [
      [{ ca: 'canary' }, 'network.ca holds no certificate in PEM form'],
      [
        { ca: cert.replace(/\n.{20}/, '\ncanary') },
        'network.ca holds a certificate that cannot be read',
      ],
      [{ cert: 'canary', key }, 'network.cert holds no certificate in PEM form'],
      [{ cert, key: 'canary' }, 'network.key holds no private key in PEM form'],
      [
        { cert, key: pem(other.keyFile) },
        'network.key holds another key than that of network.cert',
      ],
      [
        { cert, key: pem(own.encryptedKeyFile) },
        'network.key is encrypted and network.key_passphrase is not set',
      ],
      [
        { cert, key: pem(own.encryptedKeyFile), keyPassphrase: 'canary' },
        'network.key is not opened by network.key_passphrase',
      ],
    ] as const
    for (const [network, words] of cases) {
      expect(() => loadMaterial(network)).toThrow(words)
      expect(() => new TlsFiles(network).current(0)).toThrow('could not be used')
    }
  })
})

test('a key that would hold up everybody while it is opened is refused at once', () => {
  const [cert, encrypted] = [own.pem, pem(own.encryptedKeyFile)]
  const der = Buffer.from(encrypted.replaceAll(/-----[^-]+-----/g, ''), 'base64')
  const rounds = der.indexOf(Buffer.from([0x02, 0x02, 0x08, 0x00]))
  expect(rounds).toBeGreaterThan(0)
  // One digit more for the rounds, and for whatever they lie in.
  const large = Buffer.concat([
    der.subarray(0, rounds),
    Buffer.from([0x02, 0x04, 0x05, 0xf5, 0xe1, 0x00]),
    der.subarray(rounds + 4),
  ])
  for (let at = 0; at < rounds;) {
    const first = large[at + 1]!
    const [head, size] = first === 0x82 ? [4, large.readUInt16BE(at + 2)] : [2, first]
    const isAround = (large[at]! & 0x20) !== 0 && at + head + size >= rounds + 4
    if (isAround && head === 4) large.writeUInt16BE(size + 2, at + 2)
    else if (isAround) large[at + 1] = size + 2
    at += isAround ? head : head + size
  }
  const key = `-----BEGIN ENCRYPTED PRIVATE KEY-----\n${large.toString('base64')}\n-----END ENCRYPTED PRIVATE KEY-----\n`
  const refusing = () =>
    expect(() => loadMaterial({ cert, key, keyPassphrase: 'canary' })).toThrow(
      'network.key is encrypted so that opening it would take too long',
    )
  expect(cpuMsOf(refusing)).toBeLessThan(1_000)
  // What is cut off anywhere is told like anything else that cannot be read.
  for (const length of [0, 1, 2, 5, 40, 100]) {
    const cut = key.replace(large.toString('base64'), large.subarray(0, length).toString('base64'))
    expect(() => loadMaterial({ cert, key: cut, keyPassphrase: 'canary' })).toThrow('network.key ')
  }
})

test('as text it is the same as in files, its key encrypted or not', () => {
  const files = loadMaterial({
    caFile: other.certFile,
    certFile: own.certFile,
    keyFile: own.keyFile,
  })
  const cert = own.pem
  expect(loadMaterial({ ca: other.pem, cert, key: pem(own.keyFile) })).toEqual(files)
  const encrypted = { cert, key: pem(own.encryptedKeyFile), keyPassphrase: own.passphrase }
  expect(loadMaterial({ ca: other.pem, ...encrypted })).toEqual(files)
  const both = loadMaterial({ ca: own.pem, caFile: other.certFile }).ca
  expect(both).toContain(own.pem.trim())
  expect(both).toContain(other.pem.trim())
})

test('an authority given as text is trusted by those that name it, and by nobody else', async () => {
  await using server = Bun.serve({
    port: 0,
    hostname: '127.0.0.1',
    tls: { cert: own.pem, key: pem(own.keyFile) },
    fetch: () => new Response('here'),
  })
  const via = transport()
  const url = `https://localhost:${server.port}/`
  const ask = (ca?: string) =>
    via.send({
      ...request(url),
      network: { allowPrivate: true, ...(ca === undefined ? {} : { ca }) },
    })
  expect((await ask(own.pem)).status).toBe(200)
  expect((await failure(ask())).kind).toBe('upstream_error')
  expect((await failure(ask(other.pem))).kind).toBe('upstream_error')
})
