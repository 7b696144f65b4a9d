// The commands about people, rights and keys: what they refuse, what one tenant's do not touch of another's, and the answers of
// `weir can`. Run within this process but where something is typed in.

import { afterAll, afterEach, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { removeFolders, storeIn, TEST_ACTOR as BY } from '../storage/test-store.ts'
import { runCommandLine } from './run.ts'
import { PROGRAMS_LIMIT_MS, TestProgram } from './test-program.ts'

setDefaultTimeout(PROGRAMS_LIMIT_MS)

const folders: string[] = []
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true })
})
afterAll(removeFolders)

interface Result {
  readonly code: number
  readonly out: string
  readonly err: string
}

/** A machine of its own; its commands run here. */
function machine(config = 'log: {}') {
  const folder = mkdtempSync(join(tmpdir(), 'weir-people-'))
  folders.push(folder)
  const file = join(folder, 'weir.yaml')
  const data = join(folder, 'data')
  writeFileSync(file, config)
  const run = async (...args: string[]): Promise<Result> => {
    const [out, err]: [string[], string[]] = [[], []]
    const code = await runCommandLine([...args, '--config', file, '--data', data], {
      out: (text) => void out.push(text),
      error: (text) => void err.push(text),
      color: false,
      isTerminal: false,
      columns: 160,
      closed: new AbortController().signal,
    })
    return { code, out: out.join(''), err: err.join('') }
  }
  const ok = async (...args: string[]): Promise<string> => {
    const { code, err, out } = await run(...args)
    expect([args, code, err]).toEqual([args, 0, expect.any(String)])
    return out
  }
  const json = async (...args: string[]) => JSON.parse(await ok(...args, '--json'))
  const store = async () => await storeIn(data)
  return { run, ok, json, store, data, folder }
}

/** Two tenants with a user, a team, a group and a service each, of the same names. */
async function twoTenants() {
  const weir = machine(
    'auth: { oidc: [{ id: kc, issuer: "https://kc.example.com", client_id: weir }] }',
  )
  const ids: Record<string, string> = {}
  const store = await weir.store()
  const [name, createdMs] = ['X', 1]
  for (const tenantId of ['acme', 'globex']) {
    await store.tenants.create({ id: tenantId, name, createdMs }, BY)
    const row = { tenantId, name, createdMs }
    const identity = { issuer: 'kc', subject: `sub-${tenantId}`, email: 'alice@example.com' }
    const user = { tenantId, createdMs, id: Bun.randomUUIDv7(), ...identity }
    ids[tenantId] = (await store.users.create(user, BY)).id
    await store.teams.create({ ...row, id: 'research' }, BY)
    await store.groups.create({ ...row, id: 'engineers' }, BY)
    await store.services.create({ ...row, id: 'robot', name: 'robot' }, BY)
  }
  await store.close()
  return { ...weir, ids }
}

describe('wrong use', () => {
  test('says what is missing or cannot be, and makes nothing', async () => {
    const { data, run } = machine()
    const wrong: [string[], string][] = [
      [['tenants', 'create'], 'Missing the id of the tenant'],
      [['teams', 'add', 'research'], 'Missing the user'],
      [['assign', 'member', 'user:a'], "'to' is missing"],
      [['assign', 'member', 'to', 'user:a', '/'], "'at' is missing"],
      [['assign', 'member', 'to', 'alice'], 'is written as user:'],
      [['assign', 'member', 'to', 'user:'], 'is written as user:'],
      [['can', 'everyone', 'model.invok'], 'Did you mean model.invoke?'],
      [['can', 'everyone', 'constructor'], 'No action is called'],
      [['can', 'everyone', 'model.invoke', 'fast'], 'A scope is'],
      [['can', 'user:nobody', 'model.invoke'], "There is no user 'nobody'"],
      [['can', 'key:nobody', 'model.invoke'], "There is no key 'nobody'"],
      [['can', 'everyone', 'model.invoke', '--tenant', 'nobody'], "There is no tenant 'nobody'"],
      [['roles', 'save', 'keeper'], '--action is missing'],
      [['roles', 'save', 'keeper', '--action', 'key.reed'], 'Did you mean key.read?'],
      [['keys', 'create', 'a', '--allow-from', '10.0.0.0/99'], '--allow-from takes'],
      [['keys', 'create', 'a', '--action', 'everything'], 'no action is called'],
      [['keys', 'create', 'a', '--budget', '1e9'], '--budget takes'],
      [['keys', 'create', 'a', '--window', 'day'], '--window is of a --budget'],
      [['keys', 'update', 'a'], 'Nothing to change'],
      [['keys', 'rotate', 'a', '--overlap', 'never'], '--overlap takes'],
      [['groups', 'update', 'a', '--external', 'x', '--listed'], 'contradict'],
      [['users', 'create', 'a', '--password', 'x'], "Unknown option '--password'"],
    ]
    for (const [args, words] of wrong) {
      const { code, err, out } = await run(...args)
      expect([args, code, out]).toEqual([args, 2, ''])
      expect(err).toContain(words)
    }
    for (const kind of [
      'tenants',
      'teams',
      'users',
      'groups',
      'services',
      'roles',
      'assignments',
    ]) {
      expect((await run(kind, 'list')).code).toBe(0)
    }
    expect(existsSync(data)).toBe(false)
  })

  test('what is not there, is taken or is built in ends with 1 and words', async () => {
    const { run } = await twoTenants()
    const wrong: [string[], string][] = [
      [['tenants', 'create', 'acme'], 'already'],
      [['tenants', 'create', 'Acme'], 'lower-case'],
      [['tenants', 'delete', 'acme'], 'still has users, teams'],
      [['tenants', 'disable', 'default'], 'always there'],
      [['tenants', 'enable', 'nobody'], "no tenant 'nobody'"],
      [['teams', 'list', '--tenant', 'nobody'], "no tenant 'nobody'"],
      [['teams', 'create', 'research', '--tenant', 'acme'], 'already'],
      [['teams', 'add', 'research', 'alice@example.com'], 'There is no user'],
      [['teams', 'add', 'none', 'alice@example.com', '--tenant', 'acme'], "no team 'none'"],
      [['teams', 'remove', 'research', 'sub-acme', '--tenant', 'acme'], 'is not in'],
      [['users', 'create', 'x', '--issuer', 'other'], 'no issuer'],
      [['users', 'password', 'sub-acme', '--tenant', 'acme'], 'logs in at kc'],
      [['roles', 'save', 'owner', '--action', '*'], 'built-in'],
      [['roles', 'delete', 'owner'], 'built in'],
      [['roles', 'show', 'nothing'], 'no role'],
      [['assign', 'nothing', 'to', 'everyone'], "no role 'nothing'"],
      [['assign', 'member', 'to', 'service:robot'], 'nobody of this id'],
      [['unassign', 'nothing'], "no assignment 'nothing'"],
      [['keys', 'create', 'a', '--owner', 'service:robot'], "no service 'robot'"],
      [['keys', 'create', 'a', '--tenant', 'nobody'], "no tenant 'nobody'"],
      [['keys', 'disable', 'nobody'], 'There is no API key'],
    ]
    for (const [args, words] of wrong) {
      const { code, err, out } = await run(...args)
      expect([args, code, out]).toEqual([args, 1, ''])
      expect(err).toContain(words)
    }
  })
})

describe('tenants', () => {
  test('commands of one touch nothing of another, though names are the same', async () => {
    const { ids, json, ok, store } = await twoTenants()
    const inAcme = ['--tenant', 'acme']
    await ok('teams', 'add', 'research', 'alice@example.com', ...inAcme)
    await ok('groups', 'add', 'engineers', ids['acme']!, ...inAcme)
    await ok('assign', 'admin', 'to', 'group:engineers', ...inAcme)
    await ok(
      'assign',
      'operator',
      'to',
      'user:alice@example.com',
      'at',
      'provider:open*',
      ...inAcme,
    )
    await ok('keys', 'create', 'ci', '--owner', 'user:sub-acme', ...inAcme)
    await ok('roles', 'save', 'own', '--action', 'key.*', ...inAcme)
    const made = await json('users', 'create', 'bob', '--issuer', 'kc', '--name', 'Bob', ...inAcme)
    expect(made).toMatchObject({ tenant: 'acme', subject: 'bob', name: 'Bob', status: 'active' })
    await ok('users', 'delete', 'bob', ...inAcme)
    await ok('teams', 'rename', 'research', 'R & D', ...inAcme)
    await ok('groups', 'update', 'engineers', '--external', '/eng', ...inAcme)
    expect(await json('groups', 'list', ...inAcme)).toMatchObject([{ external: '/eng' }])
    for (const kind of ['assignments', 'keys']) expect(await json(kind, 'list')).toEqual([])
    expect(await json('teams', 'list', '--tenant', 'globex')).toMatchObject([{ members: [] }])
    expect(await json('teams', 'list', ...inAcme)).toMatchObject([
      { name: 'R & D', members: [ids['acme']] },
    ])
    expect(await json('assignments', 'list', ...inAcme)).toMatchObject([
      {
        role: 'admin',
        assignee: 'group:engineers',
        scope: '/tenants/acme',
        who: 'group:engineers',
      },
      { role: 'operator', who: 'user:alice@example.com', scope: '/tenants/acme/providers/open*' },
    ])
    await ok('teams', 'delete', 'research', ...inAcme)
    await ok('groups', 'delete', 'engineers', ...inAcme)
    await ok('services', 'disable', 'robot', ...inAcme)
    await ok('users', 'delete', 'alice@example.com', ...inAcme)
    expect(await json('keys', 'list', ...inAcme)).toEqual([])
    expect(await json('keys', 'list', '--all', ...inAcme)).toMatchObject([{ state: 'revoked' }])
    const inGlobex = ['--tenant', 'globex']
    expect(await json('users', 'list', ...inGlobex)).toMatchObject([{ subject: 'sub-globex' }])
    expect(await json('services', 'list', ...inGlobex)).toMatchObject([{ status: 'active' }])
    expect(await json('groups', 'list', ...inGlobex)).toHaveLength(1)
    const opened = await store()
    const records = await opened.audit.list({ tenantId: 'acme', limit: 100 })
    expect(records[0]).toMatchObject({ action: 'user.delete', actor: { kind: 'cli' } })
    expect((await opened.audit.verify()).broken).toBeUndefined()
    await opened.close()
  })

  test('a key that is declared in the file is seen in its own tenant alone', async () => {
    const key = 'a-secret-of-thirty-two-characters-or-more'
    const { json, ok, run } = machine(`keys: [{ name: ci, key: ${key}, tenant: acme }]`)
    await ok('tenants', 'create', 'acme', '--name', 'Acme')
    await ok('tenants', 'update', 'acme', '--name', 'Acme Ltd')
    const tenants = await json('tenants', 'list')
    expect(tenants.map(({ name }: { name: string }) => name)).toEqual(['Default', 'Acme Ltd'])
    expect(await json('keys', 'list')).toEqual([])
    expect(await json('keys', 'list', '--tenant', 'acme')).toMatchObject([{ name: 'ci' }])
    const refused = await run('keys', 'disable', 'ci', '--tenant', 'acme')
    expect([refused.code, refused.err]).toEqual([1, expect.stringContaining('configuration file')])
  })
})

describe('keys', () => {
  test('what a key is narrowed to is set, changed and lifted; limits of its own as well', async () => {
    const { json, run } = machine()
    const narrow = [
      '--action',
      'model.*',
      '--action',
      'usage.self',
      '--allow-from',
      '10.0.0.0/8,::1',
    ]
    const limits = ['--requests-per-minute', '0', '--budget', '0.5', '--window', 'day']
    const made = await json('keys', 'create', 'ci', ...narrow, ...limits)
    expect(made).toMatchObject({
      tenant: 'default',
      actions: ['model.*', 'usage.self'],
      allowed_from: ['10.0.0.0/8', '::1'],
      limits: { requests_per_minute: 0 },
      budget: { usd: 0.5, window: 'day', action: 'block' },
    })
    const changed = await json('keys', 'update', 'ci', '--action', 'all', '--models', 'fast')
    expect(changed).toMatchObject({
      actions: null,
      models: ['fast'],
      allowed_from: ['10.0.0.0/8', '::1'],
    })
    const fewer = await json('keys', 'update', 'ci', '--requests-per-minute', '7')
    expect(fewer).toMatchObject({ limits: { requests_per_minute: 7 }, budget: { usd: 0.5 } })
    const more = await json('keys', 'update', 'ci', '--budget', '2')
    expect(more).toMatchObject({ limits: { requests_per_minute: 7 }, budget: { usd: 2 } })
    const free = ['--budget', 'none', '--requests-per-day', '9']
    const unpriced = await json('keys', 'update', 'ci', ...free)
    expect(unpriced).toMatchObject({ limits: { requests_per_day: 9 }, budget: null })
    const lifted = [
      '--models',
      'all',
      '--allow-from',
      'any',
      '--budget',
      'none',
      '--expires',
      'never',
    ]
    const bare = await json('keys', 'update', 'ci', ...lifted)
    expect(bare).toMatchObject({ models: null, allowed_from: null, limits: null, budget: null })
    expect(await json('keys', 'disable', 'ci')).toMatchObject({ state: 'disabled' })
    expect(await json('keys', 'list')).toMatchObject([{ state: 'disabled' }])
    expect(await json('keys', 'enable', 'ci')).toMatchObject({ state: 'active' })
    expect((await run('keys', 'revoke', 'ci')).code).toBe(0)
    for (const verb of ['enable', 'rotate']) {
      const { code, err } = await run('keys', verb, 'ci')
      expect([code, err]).toEqual([1, expect.stringContaining('revoked for good')])
    }
  })

  test('a successor has all that the old one had; there is one, and the old one ends', async () => {
    const { folder, json, ok, run } = await twoTenants()
    const inAcme = ['--tenant', 'acme']
    const owned = ['--owner', 'service:robot', '--models', 'fast', '--allow-from', '::1']
    const old = await json('keys', 'create', 'ci', ...owned, '--expires', '30d', ...inAcme)
    const next = await run('keys', 'rotate', old.id, '--overlap', '1h', ...inAcme)
    expect(next.code).toBe(0)
    expect(next.out).toMatch(/^weir_[A-Za-z0-9]{46}\n$/)
    expect(next.err).toContain('takes the place')
    const [first, second] = await json('keys', 'list', ...inAcme)
    expect(first).toMatchObject({ id: old.id, replaced_by: second.id })
    expect(Date.parse(first.expires)).toBeLessThan(Date.now() + 3_600_001)
    const { id: _a, masked: _b, hash: _c, created: _d, replaced_by: _e, ...same } = second
    expect(old).toMatchObject(same)
    const twice = await run('keys', 'rotate', old.id, ...inAcme)
    expect([twice.code, twice.out]).toEqual([1, ''])
    await ok('keys', 'rotate', second.id, '--overlap', '0s', ...inAcme)
    for (const name of readdirSync(join(folder, 'data'))) {
      expect(readFileSync(join(folder, 'data', name), 'latin1')).not.toContain(next.out.trim())
    }
  })

  test('a user’s key has no rights of its own to give', async () => {
    const { run } = await twoTenants()
    const args = ['keys', 'create', 'k', '--owner', 'user:sub-acme', '--admin', '--tenant', 'acme']
    const { code, err } = await run(...args)
    expect([code, err]).toEqual([2, expect.stringContaining('the user’s rights')])
  })
})

describe('weir can', () => {
  test('explains by grants, denials, keys and lists, as a server would decide', async () => {
    const { ids, json, ok, run } = await twoTenants()
    const inAcme = ['--tenant', 'acme']
    const asked = async (...args: string[]) => {
      const { code, out } = await run('can', ...args, ...inAcme)
      return `${code} ${out.trim()}`
    }
    expect(await asked('user:sub-acme', 'model.invoke')).toBe('1 no: no role gives it there')
    await ok('assign', 'member', 'to', 'user:alice@example.com', ...inAcme)
    const byUser = '0 yes: role member at /tenants/acme by user alice@example.com'
    expect(await asked('user:sub-acme', 'model.invoke')).toBe(byUser)
    expect(await asked(`user:${ids['acme']}`, 'model.invoke', 'model:fast')).toBe(byUser)
    expect(await asked('user:sub-acme', 'model.invoke', '/tenants/globex')).toStartWith('1 no')
    expect(await asked('user:sub-acme', 'tenant.write', '/')).toStartWith('1 no')
    await ok('teams', 'add', 'research', 'sub-acme', ...inAcme)
    const denied = await json(
      'assign',
      'member',
      'to',
      'team:research',
      'at',
      'model:secret*',
      '--deny',
      ...inAcme,
    )
    const words = '1 no: denied by role member at /tenants/acme/models/secret*'
    expect(await asked('user:sub-acme', 'model.invoke', 'model:secret-1')).toBe(words)
    expect(await asked('team:research', 'model.invoke', 'model:secret-1')).toBe(words)
    expect(await asked('user:sub-acme', 'model.invoke', 'model:fast')).toBe(byUser)
    await ok('unassign', denied.id, ...inAcme)
    expect(await asked('user:sub-acme', 'model.invoke', 'model:secret-1')).toBe(byUser)

    await ok(
      'keys',
      'create',
      'k',
      '--owner',
      'user:sub-acme',
      '--models',
      'fast',
      '--action',
      'model.*',
      ...inAcme,
    )
    expect(await asked('key:k', 'model.invoke', 'model:fast')).toBe(byUser)
    expect(await asked('key:k', 'model.invoke', 'model:slow')).toBe(
      '1 no: the key is narrowed to other models',
    )
    expect(await asked('key:k', 'key.self')).toBe('1 no: the key is narrowed to other actions')
    await ok('users', 'disable', 'sub-acme', ...inAcme)
    expect(await asked('key:k', 'model.invoke')).toBe(
      '1 no: whoever owns the key is gone or turned off',
    )
    expect(await asked('user:sub-acme', 'model.invoke')).toBe('1 no: the user is turned off')
    await ok('users', 'enable', 'sub-acme', ...inAcme)
    await ok('keys', 'disable', 'k', ...inAcme)
    expect(await asked('key:k', 'model.invoke')).toBe('1 no: the key is disabled')
    await ok('tenants', 'disable', 'acme')
    expect(await asked('user:sub-acme', 'model.invoke')).toBe('1 no: the tenant is turned off')
  })

  test('over the whole installation a group is that of one tenant; roles of one’s own count', async () => {
    const { json, ok, run } = await twoTenants()
    const inAcme = ['--tenant', 'acme']
    const given = await json('assign', 'owner', 'to', 'group:engineers', 'at', '/', ...inAcme)
    expect(given).toMatchObject({ assignee: 'group:acme/engineers', tenant: '/', scope: '/' })
    const code = async (...args: string[]) => (await run('can', ...args)).code
    expect(await code('group:engineers', 'secret.rotate', '/', ...inAcme)).toBe(0)
    expect(await code('group:engineers', 'secret.rotate', '/', '--tenant', 'globex')).toBe(1)
    expect(await code('group:engineers', 'secret.rotate', '/')).toBe(1)
    expect(await json('assignments', 'list', '--platform')).toHaveLength(1)
    await ok('unassign', given.id)
    await ok(
      'roles',
      'save',
      'keeper',
      '--action',
      'key.*',
      '--not-action',
      'key.delete',
      ...inAcme,
    )
    await ok('assign', 'keeper', 'to', 'service:robot', ...inAcme)
    expect(await code('service:robot', 'key.write', ...inAcme)).toBe(0)
    expect(await code('service:robot', 'key.delete', ...inAcme)).toBe(1)
    const shown = await json('roles', 'show', 'keeper', ...inAcme)
    expect(shown.gives).toContain('key.self')
    expect(shown.gives).not.toContain('key.delete')
    const answer = await run('can', 'service:robot', 'key.write', '--json', ...inAcme)
    expect(JSON.parse(answer.out)).toMatchObject({
      allowed: true,
      who: 'service:robot',
      action: 'key.write',
      scope: '/tenants/acme',
      grant: { role: 'keeper', because: 'service robot' },
    })
  })

  test('a model’s own list is asked as well, and keys of the file are known without a store', async () => {
    const key = 'a-secret-of-thirty-two-characters-or-more'
    const { data, run } = machine(`
providers: [{ id: m, type: mock }]
models: [{ id: fast, targets: [{ provider: m, model: x }], access: ['key:other'] }]
keys: [{ name: ci, key: ${key} }, { name: other, key: ${key}2 }]
`)
    const asked = async (...args: string[]) => {
      const { code, out } = await run('can', ...args)
      return `${code} ${out.trim()}`
    }
    expect(await asked('key:ci', 'model.invoke', 'model:fast')).toBe(
      '1 no: they are not on the model’s access list',
    )
    expect(await asked('key:other', 'model.invoke', 'model:fast')).toStartWith('0 yes: role member')
    expect(await asked('key:ci', 'model.invoke', 'model:m/x')).toStartWith('0 yes')
    expect(existsSync(data)).toBe(false)
  })
})

describe('passwords', () => {
  test('come from standard input alone, are long enough, and are in no file and no output', async () => {
    const weir = new TestProgram()
    const password = 'correct horse battery'
    try {
      const short = await weir.runWith('too short\n', 'users', 'create', 'alice')
      expect([short.code, short.out]).toEqual([2, ''])
      expect(short.err).toContain('at least 12')
      expect(short.err).not.toContain('too short')
      expect(weir.hasData()).toBe(false)
      const made = await weir.runWith(` ${password} \r\n`, 'users', 'create', 'alice', '--json')
      expect([made.code, made.err]).toEqual([0, ''])
      const store = await storeIn(weir.data)
      const user = (await store.users.list('default'))[0]!
      const hash = (await store.users.passwordHash('default', user.id)) ?? ''
      // Blanks count, the end of the line does not.
      expect(await Bun.password.verify(` ${password} `, hash)).toBe(true)
      const [, memory, passes] = /^\$argon2id\$v=19\$m=(\d+),t=(\d+),/.exec(hash) ?? []
      expect(Number(memory)).toBeGreaterThanOrEqual(19 * 1_024)
      expect(Number(passes)).toBeGreaterThanOrEqual(2)
      await store.close()
      const again = await weir.runWith('another good password', 'users', 'password', 'alice')
      expect([again.code, again.out]).toEqual([0, expect.stringContaining('every session')])
      for (const name of readdirSync(weir.data)) {
        const content = readFileSync(join(weir.data, name), 'latin1')
        expect(content).not.toContain(password)
        expect(content).not.toContain('another good')
      }
      expect(made.out + again.err).not.toContain(hash)
    } finally {
      weir.remove()
    }
  })
})
