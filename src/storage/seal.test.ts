// What sealed values must withstand: any change, any move to another cell, another key.

import { describe, expect, test } from 'bun:test'
import * as fc from 'fast-check'
import { createSecretKey, randomBytes } from 'node:crypto'
import { checkParameters } from '../testing/seed.ts'
import { StorageError } from './errors.ts'
import { envelopeKeyId, Sealer, sealKey, type SealPlace } from './seal.ts'

const place: SealPlace = {
  tenantId: 't',
  table: 'provider_keys',
  row: ['p', 'k'],
  column: 'secret',
}
const newKey = () => sealKey(createSecretKey(randomBytes(32)))

function codeOf(run: () => unknown): string {
  try {
    run()
  } catch (error) {
    if (error instanceof StorageError) return error.code
    throw error
  }
  return 'opened'
}

describe('seal', () => {
  test('every other place is refused: tenant, table, row, its parts shifted, column', () => {
    const sealer = new Sealer(newKey())
    const envelope = sealer.seal('secret', place)
    const others: Partial<SealPlace>[] = [
      { tenantId: 'u' },
      { table: 'providers' },
      { row: ['p', 'k2'] },
      { row: ['k', 'p'] },
      { row: ['pk'] },
      { row: ['p,k'] },
      { column: 'other' },
      { tenantId: '', table: 'tprovider_keys' },
    ]
    for (const other of others) {
      expect(codeOf(() => sealer.open(envelope, { ...place, ...other }))).toBe('seal_broken')
    }
    expect(sealer.open(envelope, place)).toBe('secret')
  })

  test('every changed character is refused', () => {
    const sealer = new Sealer(newKey())
    const envelope = sealer.seal('secret of some length', place)
    for (let at = 0; at < envelope.length; at += 1) {
      const changed = envelope[at] === 'A' ? 'B' : 'A'
      const forged = `${envelope.slice(0, at)}${changed}${envelope.slice(at + 1)}`
      // base64url's last character of a part may hold unused bits; then the bytes are the same and so is the secret.
      const result = codeOf(() => expect(sealer.open(forged, place)).toBe('secret of some length'))
      if (result === 'opened') expect(forged[at + 1] ?? '.').toBe('.')
      else expect(['seal_broken', 'master_key_wrong']).toContain(result)
    }
  })

  test('cut, empty and foreign texts are refused', () => {
    const sealer = new Sealer(newKey())
    const envelope = sealer.seal('secret', place)
    const parts = envelope.split('.')
    const shortTag = [...parts.slice(0, 4), parts[4]?.slice(0, 6)].join('.')
    for (const text of [
      '',
      '.',
      '....',
      'weir1',
      envelope.slice(0, -1),
      shortTag,
      `weir2${envelope.slice(5)}`,
    ]) {
      expect(codeOf(() => sealer.open(text, place))).not.toBe('opened')
    }
  })

  test('another key is refused by name, before anything is tried', () => {
    const sealer = new Sealer(newKey())
    const other = new Sealer(newKey())
    expect(codeOf(() => other.open(sealer.seal('secret', place), place))).toBe('master_key_wrong')
  })

  test('during a rotation old envelopes open and new ones name the new key', () => {
    const [old, fresh] = [newKey(), newKey()]
    const before = new Sealer(old).seal('secret', place)
    const rotating = new Sealer(fresh, [old])
    expect(rotating.open(before, place)).toBe('secret')
    expect(envelopeKeyId(rotating.seal('secret', place))).toBe(fresh.id)
    expect(envelopeKeyId(before)).toBe(old.id)
  })

  test('any text in any place comes back, and neither error nor envelope shows it', () => {
    const sealer = new Sealer(newKey())
    fc.assert(
      fc.property(
        fc.string({ unit: 'grapheme', minLength: 12 }),
        fc.string(),
        fc.array(fc.string(), { maxLength: 3 }),
        (text, tenantId, row) => {
          const at = { ...place, tenantId, row }
          const envelope = sealer.seal(text, at)
          expect(envelope).not.toContain(text)
          expect(sealer.open(envelope, at)).toBe(text)
        },
      ),
      checkParameters(200),
    )
  })

  test('ten thousand envelopes of one text have ten thousand nonces', () => {
    const sealer = new Sealer(newKey())
    const nonces = new Set<string | undefined>()
    for (let count = 0; count < 10_000; count += 1)
      nonces.add(sealer.seal('x', place).split('.')[2])
    expect(nonces.size).toBe(10_000)
  })
})
