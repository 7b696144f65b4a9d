// `weir providers discover` as a child process: wrong use first, then applications from options, a certificate and the environment.

import { afterEach, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { AzureCloud } from '../testing/azure-cloud.ts'
import { makeCertificate } from '../testing/rsa-certificate.ts'
import { PROGRAMS_LIMIT_MS, TestProgram } from './test-program.ts'

setDefaultTimeout(PROGRAMS_LIMIT_MS)

const programs: TestProgram[] = []

function program(environment?: Record<string, string>): TestProgram {
  const made = new TestProgram(environment)
  programs.push(made)
  return made
}

afterEach(() => {
  for (const each of programs.splice(0)) each.remove()
})

const SECRET = 'secret-of-the-application-1'

function cloudWith(certificate?: string): AzureCloud {
  return new AzureCloud({
    application: {
      tenant: 't-1',
      clientId: 'c-1',
      secret: SECRET,
      ...(certificate === undefined ? {} : { certificate }),
    },
    subscriptions: [
      {
        id: 'sub-1',
        name: 'One',
        accounts: [
          {
            name: 'Team_EU',
            endpoint: 'https://team-eu.openai.azure.com',
            deployments: [{ name: 'prod', model: 'gpt-4o', version: '2024-11-20', capacity: 0 }],
          },
        ],
      },
    ],
  })
}

const ASK = ['providers', 'discover', 'azure', '--tenant', 't-1', '--client-id', 'c-1']

function placesOf({ authority, management }: AzureCloud): string[] {
  return ['--authority', authority, '--management', management]
}

describe('wrong use', () => {
  test('exits with 2, says what is missing, and makes nothing', async () => {
    const weir = program({ EMPTY: ' ' })
    const cases: readonly (readonly [readonly string[], string])[] = [
      [['providers', 'discover'], "Missing what to discover: 'azure'"],
      [['providers', 'discover', 'moon'], "not 'moon'"],
      [['providers', 'discover', 'azure'], 'No provider has an Entra ID application'],
      [['providers', 'discover', 'azure', '--provider', 'x'], 'no such provider'],
      [['providers', 'discover', 'azure', '--provider', 'mock'], 'has no Entra ID application'],
      [
        ['providers', 'discover', 'azure', '--provider', 'x', '--tenant', 't'],
        '--tenant does not go',
      ],
      [['providers', 'discover', 'azure', '--models'], '--models goes with --import'],
      [['providers', 'discover', 'azure', '--client-id', 'c'], 'Missing --tenant.'],
      [ASK, 'AZURE_CLIENT_SECRET is not set'],
      [[...ASK, '--client-secret-env', 'EMPTY'], 'EMPTY is not set'],
      [[...ASK, '--cert', 'absent.pem'], 'absent.pem'],
      [[...ASK, '--cloud', 'moon'], '--cloud is one of'],
      [[...ASK, '--authority', 'nowhere'], '--authority must be a URL'],
    ]
    const secret = program({ AZURE_CLIENT_SECRET: SECRET })
    const places: readonly (readonly [readonly string[], string])[] = [
      [['--authority', 'http://sts.example'], '--authority must begin with https://'],
      [['--management', 'http://arm.example'], '--management must begin with https://'],
      [['--subscription', '..'], '--subscription must be'],
    ]
    for (const [args, words] of places) {
      const { code, err } = await secret.run(...ASK, ...args)
      expect([args, code]).toEqual([args, 2])
      expect(err).toContain(words)
    }
    const application = { AZURE_TENANT_ID: 't', AZURE_CLIENT_ID: 'c', AZURE_CLIENT_SECRET: SECRET }
    const wrong = program({ ...application, AZURE_AUTHORITY_HOST: 'not a url ^^' })
    const told = await wrong.run('providers', 'discover', 'azure')
    expect([told.code, told.err]).toEqual([2, expect.stringContaining('AZURE_AUTHORITY_HOST')])
    for (const [args, words] of cases) {
      const { code, err, out } = await weir.run(...args)
      expect([args, code, out]).toEqual([args, 2, ''])
      expect(err).toContain(words)
    }
    expect(weir.hasData()).toBe(false)
  })
})

test('a refused application is told by its code and fails', async () => {
  await using cloud = cloudWith()
  const weir = program({ APP_SECRET: 'canary-wrong' })
  const { code, err, out } = await weir.run(
    ...ASK,
    ...placesOf(cloud),
    '--client-secret-env',
    'APP_SECRET',
  )
  expect([code, out]).toEqual([1, ''])
  expect(err).toContain('AADSTS7000215')
  expect(err).not.toContain('canary')
})

describe('what there is', () => {
  test('is a table, with a secret from the named variable; looking makes no store', async () => {
    await using cloud = cloudWith()
    const weir = program({ APP_SECRET: SECRET })
    const { code, err, out } = await weir.run(
      ...ASK,
      ...placesOf(cloud),
      '--client-secret-env',
      'APP_SECRET',
    )
    expect(code).toBe(0)
    const [header, row, ...rest] = out.trimEnd().split('\n')
    expect(header!.split(/ {2,}/)).toEqual(
      'ACCOUNT DEPLOYMENT MODEL VERSION STATE REGION SKU CAPACITY'.split(' '),
    )
    expect(row!.split(/ {2,}/)).toEqual(
      'Team_EU prod gpt-4o 2024-11-20 Succeeded westeurope Standard 0'.split(' '),
    )
    expect(rest).toEqual([])
    expect(err).toBe('1 account, 1 deployment.\n')
    expect(weir.hasData()).toBe(false)
  })

  test('with a certificate, imported: sealed in the store, listed as usable', async () => {
    const weir = program()
    const { certFile, encryptedKeyFile, passphrase, pem } = makeCertificate(weir.folder, {
      name: 'app',
    })
    await using cloud = cloudWith(pem)
    const withPassphrase = program({ WEIR_DATA: weir.data, APP_PASSPHRASE: passphrase })
    const imported = await withPassphrase.run(
      ...ASK,
      ...placesOf(cloud),
      '--cert',
      certFile,
      '--key',
      encryptedKeyFile,
      '--key-passphrase-env',
      'APP_PASSPHRASE',
      '--import',
      '--json',
    )
    expect(imported.code).toBe(0)
    expect(JSON.parse(imported.out)).toMatchObject({
      imported: { providers: [{ account: 'Team_EU', id: 'team_eu', action: 'added' }], models: [] },
    })
    expect(imported.out + imported.err).not.toContain(passphrase)
    const listed = await weir.run('providers', 'list', '--json')
    expect(JSON.parse(listed.out)).toContainEqual(
      expect.objectContaining({
        id: 'team_eu',
        type: 'azure',
        origin: 'store',
        base_url: 'https://team-eu.openai.azure.com',
        usable: true,
      }),
    )
  })

  test('with the variables of Azure’s own SDKs', async () => {
    await using cloud = cloudWith()
    const weir = program({
      AZURE_TENANT_ID: 't-1',
      AZURE_CLIENT_ID: 'c-1',
      AZURE_CLIENT_SECRET: SECRET,
      AZURE_AUTHORITY_HOST: cloud.authority,
    })
    const { code, err } = await weir.run('providers', 'discover', 'azure')
    // The management API is the public cloud's, for which this token service has no tokens.
    expect(code).toBe(1)
    expect(err).toContain('AADSTS500011')
    expect(cloud.tokenQuestions[0]).toMatchObject({ client_id: 'c-1', client_secret: SECRET })
  })
})
