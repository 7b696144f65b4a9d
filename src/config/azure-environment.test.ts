// Applications of Entra ID in the configuration: what the file must not say, and what the environment's variables mean together.

import { afterAll, describe, expect, test } from 'bun:test'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { loadConfig } from './load.ts'
import { ConfigError, formatProblem } from './problem.ts'

const folder = mkdtempSync(join(tmpdir(), 'weir-azure-config-'))
const certFile = join(folder, 'app.pem')
writeFileSync(certFile, 'a certificate')
afterAll(() => rmSync(folder, { recursive: true, force: true }))

function load(yaml: string | undefined, environment: Record<string, string> = {}) {
  const config = join(folder, 'weir.yaml')
  writeFileSync(config, yaml ?? '{}')
  return loadConfig({
    flags: { config },
    surroundings: { environment, platform: 'linux', home: folder, workingFolder: folder },
  })
}

function problemsOf(yaml: string): string[] {
  try {
    load(yaml)
    return []
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    return error.message.split('\n').map((line) => line.replace(/^.*weir\.yaml:\d+: /, ''))
  }
}

const AT = 'providers[0]'
const provider = (rest: string, type = 'azure') =>
  `providers: [{ id: az, type: ${type}, base_url: "https://t.openai.azure.com", ${rest} }]`
const APP = 'tenant: t.example, client_id: c'

describe('in the file', () => {
  test.each([
    [
      provider(`entra: { ${APP}, client_secret: s }`, 'openai'),
      `${AT}.entra: is for providers of type azure only`,
    ],
    [
      provider(`entra: { ${APP} }`),
      `${AT}.entra.client_secret: missing; the application needs it, or cert_file`,
    ],
    [
      provider(`entra: { ${APP}, client_secret: canary, cert_file: app.pem }`),
      `${AT}.entra.cert_file: must not stand beside client_secret: choose one`,
    ],
    [
      provider(`entra: { ${APP}, client_secret: canary, key_passphrase: canary }`),
      `${AT}.entra.key_passphrase: belongs to cert_file, which is missing`,
    ],
    [
      provider(`keys: [canary], entra: { ${APP}, client_secret: s }`),
      `${AT}.keys: must not stand beside entra: tokens take their place`,
    ],
    [
      provider(`entra: { ${APP}, client_secret: s, cloud: moon }`),
      `${AT}.entra.cloud: must be one of public, us_government, china`,
    ],
    [provider('entra: { client_id: c, client_secret: s }'), `${AT}.entra.tenant: missing`],
    [
      provider(`entra: { ${APP}, cert_file: absent.pem }`),
      `${AT}.entra.cert_file: there is no file at this path`,
    ],
  ])('%s', (yaml, problem) => {
    const problems = problemsOf(yaml)
    expect(problems.join('\n')).toContain(problem.replace(/: there is no file.*/, ': '))
    expect(problems).toHaveLength(1)
    expect(problems.join()).not.toContain('canary')
  })

  test('an application needs no keys, and a certificate’s path is absolute', () => {
    const { config } = load(provider(`entra: { ${APP}, cert_file: app.pem, cloud: china }`))
    expect(config.providers[0]).toMatchObject({
      keys: [],
      entra: { tenant: 't.example', clientId: 'c', certFile, cloud: 'china' },
    })
  })
})

const ENDPOINT = { AZURE_OPENAI_ENDPOINT: 'https://t.openai.azure.com/' }
const APPLICATION = { AZURE_TENANT_ID: 't-1', AZURE_CLIENT_ID: 'c-1' }
const SECRET = { AZURE_CLIENT_SECRET: 'canary-secret' }

function found(environment: Record<string, string>) {
  const { config, warnings } = load(undefined, environment)
  return {
    azure: config.providers.find(({ id }) => id === 'azure'),
    warnings: warnings.map(formatProblem),
  }
}

describe('in the environment', () => {
  test.each([
    ['no address', { ...APPLICATION, ...SECRET }],
    ['no tenant', { ...ENDPOINT, AZURE_CLIENT_ID: 'c-1', ...SECRET }],
    ['no client', { ...ENDPOINT, AZURE_TENANT_ID: 't-1', ...SECRET }],
    ['no proof', { ...ENDPOINT, ...APPLICATION }],
    ['blank', { ...ENDPOINT, ...APPLICATION, AZURE_CLIENT_SECRET: ' ' }],
  ])('%s: it was not meant', (_name, environment) => {
    expect(found(environment)).toEqual({ azure: undefined, warnings: [] })
  })

  test.each([
    [{ AZURE_TENANT_ID: '../x' }, 'AZURE_TENANT_ID: must be letters'],
    [{ AZURE_CLIENT_SECRET: 'canary\n2' }, 'AZURE_CLIENT_SECRET: has characters'],
    [{ AZURE_AUTHORITY_HOST: 'http://169.254.169.254' }, 'AZURE_AUTHORITY_HOST: points at'],
  ])('%o is told, and leaves it out', (over, words) => {
    const { azure, warnings } = found({ ...ENDPOINT, ...APPLICATION, ...SECRET, ...over })
    expect(azure).toBeUndefined()
    expect(warnings.join('\n')).toContain(words)
    expect(warnings.join('\n')).not.toContain('canary')
  })

  test('a secret, or a certificate with its passphrase, makes an application', () => {
    expect(found({ ...ENDPOINT, ...APPLICATION, ...SECRET }).azure).toMatchObject({
      type: 'azure',
      origin: 'environment',
      baseUrl: 'https://t.openai.azure.com',
      keys: [],
      entra: { tenant: 't-1', clientId: 'c-1', clientSecret: 'canary-secret', cloud: 'public' },
    })
    const withFile = found({
      ...ENDPOINT,
      ...APPLICATION,
      AZURE_CLIENT_CERTIFICATE_PATH: certFile,
      AZURE_CLIENT_CERTIFICATE_PASSWORD: 'canary',
      AZURE_AUTHORITY_HOST: 'https://login.microsoftonline.us/',
    })
    expect(withFile.azure?.entra).toEqual({
      tenant: 't-1',
      clientId: 'c-1',
      certFile,
      keyPassphrase: 'canary',
      cloud: 'us_government',
    })
  })

  test('the authority names the cloud, or stands for itself', () => {
    const entraWith = (host: string) =>
      found({ ...ENDPOINT, ...APPLICATION, ...SECRET, AZURE_AUTHORITY_HOST: host }).azure?.entra
    expect(entraWith('login.chinacloudapi.cn')).toMatchObject({ cloud: 'china' })
    expect(entraWith('https://login.partner.microsoftonline.cn')).toMatchObject({ cloud: 'china' })
    expect(entraWith('sts.corp.example')).toMatchObject({
      cloud: 'public',
      authority: 'https://sts.corp.example',
    })
  })

  test('the secret is not offered to an address without TLS', () => {
    const all = { ...ENDPOINT, ...APPLICATION, ...SECRET }
    for (const host of ['http://sts.corp.example', 'not a url']) {
      expect(found({ ...all, AZURE_AUTHORITY_HOST: host }).azure).toBeUndefined()
    }
    expect(found({ ...all, AZURE_AUTHORITY_HOST: 'http://127.0.0.1:9' }).azure).toBeDefined()
  })

  test('a key wins, and one that cannot be used is not replaced', () => {
    const all = { ...ENDPOINT, ...APPLICATION, ...SECRET }
    const keyed = found({ ...all, AZURE_OPENAI_API_KEY: 'k' }).azure
    expect(keyed?.entra).toBeUndefined()
    expect(keyed?.keys.map(({ secret }) => secret)).toEqual(['k'])
    expect(found({ ...all, AZURE_OPENAI_API_KEY: 'k\ny' }).azure).toBeUndefined()
  })
})
