// Issuers as the file declares them: reached as everything else is, and none that would let in all the world.

import { afterAll, expect, test } from 'bun:test'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { IssuerSettings } from '../core/issuer.ts'
import { loadConfig } from './load.ts'
import { ConfigError } from './problem.ts'

const root = mkdtempSync(join(tmpdir(), 'weir-issuers-'))
afterAll(() => rmSync(root, { recursive: true, force: true }))

let folders = 0

function load(config: object): readonly IssuerSettings[] {
  const folder = join(root, `case-${(folders += 1)}`)
  mkdirSync(folder)
  writeFileSync(join(folder, 'weir.json'), JSON.stringify(config))
  const surroundings = {
    environment: {},
    platform: 'linux',
    home: join(folder, 'home'),
    workingFolder: folder,
  } as const
  return loadConfig({ flags: {}, surroundings }).config.auth.issuers
}

const entra = (issuer: string, over: object = {}) => ({
  auth: { oidc: [{ id: 'entra', kind: 'entra', issuer, client_id: 'c', ...over }] },
})

test('an issuer of every directory needs to be told which ones may come', () => {
  for (const shared of ['common', 'organizations']) {
    const issuer = `https://login.microsoftonline.com/${shared}/v2.0`
    expect(() => load(entra(issuer))).toThrow(ConfigError)
    expect(() => load(entra(issuer))).toThrow('tenant_claim')
    expect(() => load(entra(issuer, { tenant: 'acme' }))).toThrow('tenant_claim')
    expect(load(entra(issuer, { tenant_claim: 'tid' }))[0]?.tenantClaim).toBe('tid')
  }
  const own = 'https://login.microsoftonline.com/72f988bf-86f1-41af-91ab-2d7cd011db47/v2.0'
  expect(load(entra(own))[0]?.issuer).toBe(own)
})

test('one is reached by the way of everything, but for what it says itself', () => {
  const caFile = join(root, 'corp.pem')
  writeFileSync(caFile, '')
  const network = { proxy: 'http://proxy.test:3128', ca_file: caFile }
  const [plain] = load({ network, ...entra('https://idp.test/x') })
  expect(plain?.network).toMatchObject({
    proxy: network.proxy,
    caFile,
    // The operator's own file names it, so it may stand inside.
    allowPrivate: true,
  })
  const [here] = load({ network, ...entra('http://127.0.0.1:8080/realms/x') })
  expect(here?.network.proxy).toBeUndefined()
  const own = { network: { proxy: 'http://other.test:3128', allow_private: false } }
  const [other] = load({ network, ...entra('https://idp.test/x', own) })
  expect(other?.network).toMatchObject({ proxy: own.network.proxy, allowPrivate: false })
})
