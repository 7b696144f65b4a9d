// The guard's word on written addresses: what nobody may ask first, in every spelling; then names, whose every answer counts.

import { expect, test } from 'bun:test'
import { refusedAddress } from './judge-address.ts'
import { ProbeError } from './probe.ts'

const nobody = () => Promise.reject(new Error('no name is looked up for an address'))

test('metadata services and what is no host are refused, whatever is allowed', async () => {
  for (const host of [
    '169.254.169.254',
    '0xa9fea9fe',
    'fe80::1',
    '0.0.0.0',
    '64:ff9b::a00:1',
    '',
  ]) {
    for (const allowPrivate of [false, true]) {
      expect(await refusedAddress(host, allowPrivate, nobody), host).toBeString()
    }
  }
  expect(await refusedAddress('metadata.google.internal', true, nobody)).toContain('metadata')
})

test('inside is refused unless it is allowed, outside never, and no host is repeated', async () => {
  for (const host of ['127.0.0.1', 'localhost', '10.1.2.3', 'fd00::1', '192.168.0.1']) {
    expect(await refusedAddress(host, true, nobody), host).toBeUndefined()
    const words = await refusedAddress(host, false, nobody)
    expect(words).toContain('allow_private')
    expect(words).not.toContain(host)
  }
  expect(await refusedAddress('8.8.8.8', false, nobody)).toBeUndefined()
})

test('of a name every answer is judged; one that is not known now passes', async () => {
  const answers =
    (...all: string[]) =>
    () =>
      Promise.resolve(all)
  expect(await refusedAddress('a.example', false, answers('8.8.8.8', '10.0.0.1'))).toBeString()
  expect(
    await refusedAddress('a.example', true, answers('8.8.8.8', '169.254.169.254')),
  ).toBeString()
  expect(await refusedAddress('a.example', false, answers('8.8.8.8', '1.1.1.1'))).toBeUndefined()
  const unknown = () => Promise.reject(new ProbeError('ENOTFOUND', 'no such name'))
  expect(await refusedAddress('a.example', false, unknown)).toBeUndefined()
  const broken = () => Promise.reject(new TypeError('a fault of ours'))
  await expect(refusedAddress('a.example', false, broken)).rejects.toThrow(TypeError)
})
