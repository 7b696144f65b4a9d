import { describe, expect, test } from 'bun:test'
import type { NetworkSettings, Origin, Provider } from './catalog.ts'
import { NO_NETWORK_DEFAULTS, type NetworkDefaults, withNetworkDefaults } from './network.ts'

function provider(
  network: NetworkSettings,
  over: { origin?: Origin; baseUrl?: string } = {},
): Provider {
  return {
    id: 'p',
    type: 'openai',
    origin: 'file',
    baseUrl: 'https://api.example.com/v1',
    keys: [],
    timeouts: { connectMs: 1, firstByteMs: 1, idleMs: 1, totalMs: 1 },
    retries: { max: 0, baseMs: 1, capMs: 1 },
    headers: {},
    ...over,
    network,
  }
}

function merged(
  own: NetworkSettings,
  defaults: Partial<NetworkDefaults>,
  over: { origin?: Origin; baseUrl?: string } = {},
): NetworkSettings {
  return withNetworkDefaults(provider(own, over), { isShared: false, ...defaults }).network
}

const ALL: NetworkSettings = {
  proxy: 'http://proxy.corp:3128',
  noProxy: ['intern.corp'],
  caFile: '/ca.pem',
  certFile: '/common.pem',
  keyFile: '/common.key',
  keyPassphrase: 'common',
  verify: true,
  minTlsVersion: '1.3',
}

describe('settings of all providers', () => {
  test('hold where a provider says nothing', () => {
    expect(merged({}, ALL)).toEqual({ ...ALL, allowPrivate: true })
  })

  test('give way key by key, false and an empty list included', () => {
    expect(merged({ verify: false, noProxy: [], minTlsVersion: '1.2' }, ALL)).toEqual({
      ...ALL,
      verify: false,
      noProxy: [],
      minTlsVersion: '1.2',
      allowPrivate: true,
    })
  })

  test('give way to a certificate that is given as text as to one in files', () => {
    const network = merged({ cert: 'own', key: 'own' }, ALL)
    expect(network).toMatchObject({ cert: 'own', key: 'own', caFile: '/ca.pem' })
    for (const member of ['certFile', 'keyFile', 'keyPassphrase']) {
      expect(network).not.toHaveProperty(member)
    }
  })

  test('never mix one certificate with the key or the passphrase of another', () => {
    const network = merged({ certFile: '/own.pem', keyFile: '/own.key' }, ALL)
    expect(network.certFile).toBe('/own.pem')
    expect(network.keyFile).toBe('/own.key')
    expect(network.keyPassphrase).toBeUndefined()
    expect(merged({ certFile: '/own.pem' }, ALL).keyFile).toBeUndefined()
  })

  test.each([
    'http://127.0.0.1:11434',
    'http://localhost:1234/v1',
    'http://[::1]:8080',
    'http://LOCALHOST./v1',
  ])('send nothing for %s to the proxy of all', (baseUrl) => {
    const network = merged({}, ALL, { baseUrl })
    expect(network.proxy).toBeUndefined()
    expect(network.caFile).toBe('/ca.pem')
    expect(merged({ proxy: 'http://own:1' }, ALL, { baseUrl }).proxy).toBe('http://own:1')
  })

  test('leave other private addresses to the proxy', () => {
    expect(merged({}, ALL, { baseUrl: 'http://10.1.2.3/v1' }).proxy).toBe('http://proxy.corp:3128')
  })
})

describe('private addresses', () => {
  const cases: [Origin, boolean, boolean | undefined, boolean | undefined, boolean][] = [
    ['file', true, undefined, undefined, true],
    ['environment', true, undefined, undefined, true],
    ['store', false, undefined, undefined, true],
    ['store', true, undefined, undefined, false],
    ['store', true, undefined, true, true],
    ['store', true, true, undefined, true],
    ['store', true, true, false, true],
    ['store', true, false, true, false],
    ['file', false, false, undefined, false],
    ['file', true, undefined, false, false],
  ]
  test.each(cases)(
    'origin %p, shared %p, own %p, of all %p: %p',
    (origin, isShared, own, common, expected) => {
      const network = merged(
        own === undefined ? {} : { allowPrivate: own },
        { isShared, ...(common === undefined ? {} : { allowPrivate: common }) },
        { origin },
      )
      expect(network.allowPrivate).toBe(expected)
    },
  )
})

describe('a proxy inside', () => {
  const own = { proxy: 'http://10.0.0.1:3128' }
  test('may be connected to where the operator has said it, and else as a provider may be', () => {
    const cases: readonly (readonly [NetworkSettings, Origin, boolean, boolean | undefined])[] = [
      [{}, 'store', true, undefined],
      [own, 'file', true, undefined],
      [own, 'store', true, false],
      [own, 'store', false, true],
      [{ ...own, allowPrivate: true }, 'store', true, true],
      [{ ...own, allowPrivate: false }, 'store', false, false],
    ]
    for (const [network, origin, isShared, expected] of cases) {
      const found = merged(network, { ...ALL, isShared }, { origin })
      expect([network, origin, isShared, found.allowPrivateProxy]).toEqual([
        network,
        origin,
        isShared,
        expected,
      ])
    }
  })
})

test('a provider is the same but for its network', () => {
  const before = provider({ caFile: '/a.pem' })
  const after = withNetworkDefaults(before, NO_NETWORK_DEFAULTS)
  expect(after).toEqual({ ...before, network: { caFile: '/a.pem', allowPrivate: true } })
})
