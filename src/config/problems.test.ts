// Every way a configuration file can be wrong, and the exact words it gets. Real files, through the whole of loading.

import { afterAll, describe, expect, test } from 'bun:test'
import { folderWith, problemsIn, problemsOf, removeFolders } from './test-files.ts'

afterAll(removeFolders)

const SECRET = 'a-secret-of-more-than-thirty-two-characters'
const PROVIDER =
  'providers: [{ id: p, type: custom, compatible: openai, base_url: "http://127.0.0.1:1" '
const ENTRA =
  'providers: [{ id: a, type: azure, base_url: "https://a.example", entra: { tenant: t, client_id: c, client_secret: s'
const BEDROCK = 'providers: [{ id: p, type: bedrock, base_url: "http://127.0.0.1:1" '

describe('issuers', () => {
  const issuer = (id: string) => `{ id: ${id}, issuer: "https://${id}.example", client_id: weir }`

  test('of one id, or of the id of users with a password, would be each other’s users', () => {
    const yaml = (...ids: string[]) => `auth: { oidc: [${ids.map(issuer).join(', ')}] }\n`
    expect(problemsOf(yaml('team', 'other'))).toEqual([])
    expect(problemsOf(yaml('team', 'team')).join('\n')).toContain(
      'auth.oidc[1].id: is the same as that of auth.oidc[0]',
    )
    expect(problemsOf(yaml('local')).join('\n')).toContain('auth.oidc[0].id: is the name of users')
  })
})

describe('problems', () => {
  test('are all told at once, in the order of the file, with line, path and suggestion', () => {
    const yaml = [
      'server:',
      '  prot: 99',
      '  port: 70000',
      'providers:',
      '- id: openai',
      '  type: opnai',
      '  timeouts: { connect: 5 }',
      '- { id: az, type: azure }',
      'models:',
      '  - id: fast',
      '    targets: [{ provider: opena1, model: gpt }]',
      'keys:',
      '  - { name: ci, key: short }',
    ].join('\n')
    expect(problemsOf(yaml)).toEqual([
      'weir.yaml:2: server.prot: unknown key (did you mean port?)',
      'weir.yaml:3: server.port: must be a whole number from 0 to 65535',
      'weir.yaml:6: providers[0].type: must be one of openai, azure, anthropic, ollama, gemini, cohere, bedrock, mistral, openrouter, lmstudio, nemo, custom, mock (did you mean openai?)',
      'weir.yaml:7: providers[0].timeouts.connect: must be a duration with its unit, such as 250ms, 5s, 10m or 1h',
      'weir.yaml:8: providers[1].base_url: missing; a provider of type azure has no address of its own',
      'weir.yaml:11: models[0].targets[0].provider: no provider "opena1" is declared here or found in the environment (did you mean openai?)',
      'weir.yaml:13: keys[0].key: must be at least 32 characters long',
    ])
  })

  test('what is the client’s own in a request is no target’s to set', () => {
    const target =
      'provider: mock, model: echo, overrides: { temperature: 0, stream: true, model: m }'
    expect(problemsOf(`models: [{ id: m, targets: [{ ${target} }] }]`)).toEqual(
      ['stream', 'model'].map(
        (name) => `weir.yaml:1: models[0].targets[0].overrides.${name}: is the client’s own`,
      ),
    )
  })

  test.each([
    'mysql://u:hunter2@h/db',
    'postgres:///db',
    'postgres://u:hunter2@h',
    'postgres://u:hunter2@h/db#x',
    'postgres://u:hunter2@h,/db',
    'postgres://u:hunter2@,h/db',
    'postgres://u:hunter2@h:x,i/db',
  ])('a store that there is not is refused without repeating its address: %s', (url) => {
    const [problem = ''] = problemsOf(`storage: { url: "${url}" }`)
    expect(problem).toStartWith('weir.yaml:1: storage.url: must be')
    expect(problem).not.toContain('hunter2')
  })

  test.each([
    ['server: 5', 'server: must be a section with keys, not a number'],
    ['server: []', 'server: must be a section with keys, not a list'],
    ['providers: {}', 'providers: must be a list, not a section'],
    ['server: { port: "9347" }', 'server.port: must be a whole number, not text'],
    ['server: { port: 1.5 }', 'server.port: must be a whole number from 0 to 65535'],
    ['server: { port: -1 }', 'server.port: must be a whole number from 0 to 65535'],
    ['server: { port: .nan }', 'server.port: must be a whole number'],
    ['server: { host: 5 }', 'server.host: must be text, not a number; put it in quotes'],
    ['server: { host: "" }', 'server.host: must not be empty'],
    ['server: { host: "http://x" }', 'server.host: must be an IP address or a host name'],
    ['server: { host: "127.1" }', 'server.host: must be an IP address or a host name'],
    ['server: { keepalive: 10ms }', 'server.keepalive: must be from 100ms to 1h'],
    ['server: { max_body_size: 2GB }', 'server.max_body_size: must be from 1KiB to 1GiB'],
    [
      'server: { max_body_size: 32 }',
      'server.max_body_size: must be a size with its unit, such as 512KiB, 32MiB or 2GB',
    ],
    ['server: { trusted_proxies: 10.0.0.0/8 }', 'server.trusted_proxies: must be a list, not text'],
    [
      'server: { trusted_proxies: [10.0.0.0/33] }',
      'server.trusted_proxies[0]: must be an IP address or a block such as 10.0.0.0/8',
    ],
    ['server: { trusted_proxies: [~] }', 'server.trusted_proxies[0]: must not be empty'],
    [
      'server: { allowed_hosts: ["https://a.b"] }',
      'server.allowed_hosts[0]: must be a host name without scheme and port; "*." may stand in front',
    ],
    [
      'server: { allowed_hosts: ["*"] }',
      'server.allowed_hosts[0]: must be a host name without scheme and port; "*." may stand in front',
    ],
    [
      'server: { allowed_origins: ["*"] }',
      'server.allowed_origins[0]: must be an origin such as https://app.example.com, without a path',
    ],
    [
      'server: { allowed_origins: ["null"] }',
      'server.allowed_origins[0]: must be an origin such as https://app.example.com, without a path',
    ],
    [
      'server: { allowed_origins: ["https://a.b/c"] }',
      'server.allowed_origins[0]: must be an origin such as https://app.example.com, without a path',
    ],
    ['server: { public_url: "ftp://a" }', 'server.public_url: must begin with http:// or https://'],
    ['auth: { anonymous: yes }', 'auth.anonymous: must be one of loopback, never'],
    ['log: { level: warning }', 'log.level: must be one of debug, info, warn, error'],
    ['discovery: { local: "no" }', 'discovery.local: must be true or false'],
    [
      'storage: { url: "sqlite://weir.db" }',
      'storage.url: needs three slashes: sqlite:///path/weir.db',
    ],
    ['storage: { url: "sqlite::memory:" }', 'storage.url: must name a file, without a query'],
    ['port: 5', 'port: unknown key (did you mean server.port?)'],
    ['provider: []', 'provider: unknown key (did you mean providers?)'],
    ['__proto__: { port: 1 }', '__proto__: unknown key'],
    ['constructor: 1', 'constructor: unknown key'],
    [
      `${PROVIDER}, keys: ["a b\\n"] }]`,
      'providers[0].keys[0]: has spaces or line breaks around it',
    ],
    [
      `${PROVIDER}, keys: [x, x] }]`,
      'providers[0].keys[1]: is the same as that of providers[0].keys[0]',
    ],
    [`${PROVIDER}, api_key: x }]`, 'providers[0].api_key: unknown key (did you mean keys?)'],
    [
      `${PROVIDER}, api_version: x }]`,
      'providers[0].api_version: is for providers of type azure only',
    ],
    [
      `${PROVIDER}, region: eu-west-1 }]`,
      'providers[0].region: is for providers of type bedrock only',
    ],
    [
      `${ENTRA}, authority: "http://sts.example" } }]`,
      'providers[0].entra.authority: must begin with https://: secrets and tokens go there',
    ],
    [
      `${ENTRA}, management: "http://10.0.0.1" } }]`,
      'providers[0].entra.management: must begin with https://: secrets and tokens go there',
    ],
    [`${BEDROCK}, region: here }]`, 'providers[0].region: must be a region such as eu-central-1'],
    [
      `${BEDROCK}, keys: ["AKIDEXAMPLE:wJalrXUtnFEMI"] }]`,
      'providers[0].region: missing; base_url does not say which it is',
    ],
    [
      `${BEDROCK}, region: eu-west-1, keys: [k, "AKIDEXAMPLE:wJalrXUtnFEMI:t:u"] }]`,
      'providers[0].keys[1]: must be an API key, or ACCESS_KEY_ID:SECRET_ACCESS_KEY with or without :SESSION_TOKEN',
    ],
    [`${PROVIDER}, headers: { "a b": x } }]`, 'providers[0].headers."a b": is no name of a header'],
    [`${PROVIDER}, headers: { Host: x } }]`, 'providers[0].headers.Host: is set by Weir itself'],
    [
      `${PROVIDER}, headers: { x-a: "b\\r\\nc: d" } }]`,
      'providers[0].headers.x-a: has characters that an HTTP header cannot carry',
    ],
    [
      `${PROVIDER}, retries: { max: 8 } }]`,
      'providers[0].retries.max: must be a whole number from 0 to 7',
    ],
    [
      `${PROVIDER}, retries: { base: 9s } }]`,
      'providers[0].retries.base: must not be longer than cap',
    ],
    [
      `${PROVIDER}, network: { ca_file: nope.pem } }]`,
      'providers[0].network.ca_file: no such file',
    ],
    [
      `${PROVIDER}, network: { ca_file: weir.yaml/x } }]`,
      'providers[0].network.ca_file: no such file',
    ],
    [`${PROVIDER}, network: { ca_file: "a\\0b" } }]`, 'providers[0].network.ca_file: no such file'],
    [`${PROVIDER}, network: { ca_file: . } }]`, 'providers[0].network.ca_file: must be a file'],
    [
      `${PROVIDER}, network: { cert_file: weir.yaml } }]`,
      'providers[0].network.key_file: missing; cert_file and key_file need each other',
    ],
    [
      `${PROVIDER}, network: { proxy: "socks5://x" } }]`,
      'providers[0].network.proxy: must begin with http:// or https://',
    ],
    [
      `${PROVIDER}, network: { proxy: "http://x/path" } }]`,
      'providers[0].network.proxy: must end after the port',
    ],
    [
      `${PROVIDER}, network: { proxy: "http://169.254.169.254:80" } }]`,
      'providers[0].network.proxy: points at a link-local or metadata address, which is refused',
    ],
    [
      `${PROVIDER}, network: { no_proxy: [ok.test, "http://x"] } }]`,
      'providers[0].network.no_proxy[1]: must be a host, .domain, an address or a block, with or without a port, or *',
    ],
    [
      `${PROVIDER}, network: { key_passphrase: hunter22 } }]`,
      'providers[0].network.key_passphrase: is for an encrypted key_file, and there is none',
    ],
    [
      `${PROVIDER}, network: { min_tls_version: "1.1" } }]`,
      'providers[0].network.min_tls_version: must be one of 1.2, 1.3 (did you mean 1.2?)',
    ],
    [
      'network: { key_file: weir.yaml }',
      'network.cert_file: missing; cert_file and key_file need each other',
    ],
    [
      'network: { key_passphrase: hunter22 }',
      'network.key_passphrase: is for an encrypted key_file, and there is none',
    ],
    [
      'providers: [{ id: a b, type: openai }]',
      'providers[0].id: must be letters, digits, ".", "_" and "-" only',
    ],
    ['providers: [{ type: openai }]', 'providers[0].id: missing'],
    ['providers: [~]', 'providers[0]: must not be empty'],
    [
      'providers: [{ id: mock, type: openai }]',
      'providers[0].id: mock is kept for the provider of that type',
    ],
    [
      'providers: [{ id: c, type: custom, base_url: "http://h" }]',
      'providers[0].compatible: missing; say whether it speaks openai or anthropic',
    ],
    [
      'providers: [{ id: o, type: openai, compatible: openai }]',
      'providers[0].compatible: is for providers of type custom only',
    ],
    ['models: [{ id: m, targets: [] }]', 'models[0].targets: must have at least 1 entry'],
    ['models: [{ id: m }]', 'models[0].targets: missing'],
    [
      'models: [{ id: m, targets: [{ provider: mock, model: echo, weight: -1 }] }]',
      'models[0].targets[0].weight: must be a number from 0 to 1000000',
    ],
    [
      'models: [{ id: m, targets: [{ provider: mock, model: e }], price: { input: -1 } }]',
      'models[0].price.input: must be a number from 0 to 1000000',
    ],
    [
      `keys: [{ name: a, key: ${SECRET}, expires: 2027-02-30 }]`,
      'keys[0].expires: must be a date or a time with its zone, such as 2027-01-31 or 2027-01-31T12:00:00Z',
    ],
    [
      `keys: [{ name: a, key: ${SECRET} }, { name: b, key: ${SECRET} }]`,
      'keys[1].key: is the same as that of keys[0]',
    ],
    ['secrets: { master_key: short }', 'secrets.master_key: must be at least 32 characters long'],
  ])('%s', (yaml, wanted) => {
    expect(problemsOf(yaml)).toEqual([`weir.yaml:1: ${wanted}`])
  })

  test.each([
    ['http://169.254.169.254/v1', 'points at a link-local or metadata address, which is refused'],
    ['http://2852039166/', 'points at a link-local or metadata address, which is refused'],
    ['http://0xa9.0xfe.0xa9.0xfe', 'points at a link-local or metadata address, which is refused'],
    ['http://[fd00:ec2::254]/', 'points at a link-local or metadata address, which is refused'],
    ['http://[fe80::1]/', 'points at a link-local or metadata address, which is refused'],
    [
      'http://[::ffff:169.254.169.254]/',
      'points at a link-local or metadata address, which is refused',
    ],
    [
      'http://metadata.google.internal/',
      'points at a link-local or metadata address, which is refused',
    ],
    ['http://0.0.0.0:11434', 'points at an address that no server has'],
    ['http://224.0.0.1', 'points at an address that no server has'],
    ['http://[ff02::1]', 'points at an address that no server has'],
    ['http://user:pw@host', 'must not hold a user name or password'],
    ['http://@host', 'must not hold a user name or password'],
    ['http://host?a=b', 'must not have a query'],
    ['http://host?', 'must not have a query'],
    ['http://host#', 'must not have a fragment'],
    ['file:///etc/passwd', 'must begin with http:// or https://'],
    ['host:8080/v1', 'must begin with http:// or https://'],
    ['api.example.com', 'must be a URL such as https://host/path'],
    ['http://a\\b', 'has characters a URL cannot have'],
  ])('base_url %s is refused', (url, wanted) => {
    const yaml = `providers: [{ id: o, type: openai, base_url: '${url}' }]`
    expect(problemsOf(yaml)).toEqual([`weir.yaml:1: providers[0].base_url: ${wanted}`])
  })

  test.each([
    'http://127.0.0.1:8080/v1',
    'http://localhost',
    'http://10.1.2.3',
    'http://[fd12::1]:80',
    'http://ollama:11434',
    'https://api.example.com/v1/',
  ])('base_url %s is accepted from an operator', (url) => {
    expect(problemsOf(`providers: [{ id: o, type: openai, base_url: '${url}' }]`)).toEqual([])
  })

  test('a key written twice is an error, although the parsers take the last', () => {
    expect(problemsOf('server: { port: 1 }\nserver: { host: localhost }')).toEqual([
      'weir.yaml:1: server: stands here and again in line 2',
    ])
    const json = '{\n "log": {\n  "level": "info",\n  "level": "warn" } }'
    expect(problemsIn(folderWith({ 'weir.json': json }))).toEqual([
      'weir.json:3: log.level: stands here and again in line 4',
    ])
  })

  test('no message holds a value', () => {
    const canary = 'sk-canary-0123456789'
    const places = [
      `server: { port: ${canary}, host: "${canary} x", public_url: "${canary}", keepalive: ${canary}, max_body_size: ${canary} }`,
      `log: { level: ${canary}, requests: ${canary} }`,
      `providers: [{ id: "${canary} x", type: ${canary}, base_url: "${canary}", keys: "${canary}", headers: ${canary} }]`,
      `secrets: { master_key: ${canary} }`,
      `keys: [{ name: "${canary}/", key: ${canary}, expires: ${canary} }]`,
      `storage: { url: "${canary}" }`,
    ]
    const problems = problemsOf(places.join('\n'))
    expect(problems.length).toBeGreaterThanOrEqual(15)
    expect(problems.join('\n')).not.toContain('canary')
  })

  test('a key cannot write control characters to the terminal', () => {
    expect(problemsOf('"\\e[2J\\r\\nforged": 1')).toEqual([
      'weir.yaml: "?[2J??forged": unknown key',
    ])
  })

  test('long lists of problems are cut and counted', () => {
    const yaml = Array.from({ length: 150 }, (_, index) => `zzzz${index}zzzz: 1`).join('\n')
    const problems = problemsOf(yaml)
    expect(problems).toHaveLength(101)
    expect(problems.at(-1)).toBe('and 50 more')
  })

  test('flags and variables are checked like the file, under their own names', () => {
    const setting = {
      environment: { WEIR_PORT: 'x', WEIR_LOG_LEVEL: 'warning' },
      flags: { host: 'a b' },
    }
    const problems = problemsOf('{}', setting)
    expect(problems.toSorted()).toEqual([
      '--host: server.host: must be an IP address or a host name',
      'WEIR_LOG_LEVEL: log.level: must be one of debug, info, warn, error',
      'WEIR_PORT: server.port: must be a whole number',
    ])
  })

  test('a reference that is missing is the only problem of its place', () => {
    const yaml = `${PROVIDER}, keys: ["\${NOPE}"] }]\nkeys: [{ name: a, key: "\${file:nope}" }]`
    expect(problemsOf(yaml)).toEqual([
      'weir.yaml:1: providers[0].keys[0]: the environment variable NOPE is not set',
      'weir.yaml:2: keys[0].key: the file "nope" does not exist',
    ])
  })

  test('a value from a variable names the variable', () => {
    const environment = { PORT: 'eighty', KEY: '' }
    const yaml = `server: { port: "\${PORT}" }\n${PROVIDER}, keys: ["\${KEY}"] }]`
    expect(problemsOf(yaml, { environment })).toEqual([
      'weir.yaml:1: server.port: must be a whole number (from ${PORT})',
      'weir.yaml:2: providers[0].keys[0]: must not be empty (from ${KEY})',
    ])
  })
})
