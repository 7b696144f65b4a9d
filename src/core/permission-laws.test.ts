// Laws of rights, over any grants, scopes and keys, and the table of what each built-in role gives. What must never happen is said here as
// properties: nobody gets more by a denial, a narrower scope or a narrower key.

import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { memberGrants } from '../testing/principals.ts'
import { checkParameters } from '../testing/seed.ts'
import {
  ACTIONS,
  can,
  canSomewhere,
  decide,
  isOnList,
  isScope,
  isTargetDenied,
  mayAskProvider,
  mayUseEveryModel,
  mayUseModel,
  roleGives,
  scopeContains,
  scopes,
  tenantOfScope,
  type Action,
} from './permission.ts'
import { beyond, mayAssign } from './policy/giving.ts'
import type { Grant, Principal } from './principal.ts'
import { BUILT_IN_ROLES, builtInRole, impliedGrant } from './roles.ts'

const ALL_ACTIONS = Object.keys(ACTIONS) as Action[]

const PLACES = [
  '/',
  '/tenants/a',
  '/tenants/ab',
  '/tenants/b',
  '/tenants/a/teams/t',
  '/tenants/a/providers/p',
  '/tenants/a/providers/p*',
  '/tenants/a/providers/*',
  '/tenants/a/models/m',
  '/tenants/a/models/p/m',
  '/tenants/a/models/p/*',
  '/tenants/a/models/*m',
  '/tenants/a/models/*',
  '/tenants/b/models/*',
]
const PLAIN_PLACES = PLACES.filter((scope) => !scope.includes('*'))

const ROLES = [
  ...BUILT_IN_ROLES,
  { id: 'models', actions: ['model.*'], notActions: [] },
  { id: 'invoke', actions: ['model.invoke'], notActions: [] },
  { id: 'most', actions: ['*'], notActions: ['model.invoke', 'key.*'] },
  { id: 'nothing', actions: [], notActions: [] },
]

const scope = fc.constantFrom(...PLACES)
const place = fc.constantFrom(...PLAIN_PLACES)
const role = fc.constantFrom(...ROLES)
const action = fc.constantFrom(...ALL_ACTIONS)
const effect = fc.constantFrom('allow' as const, 'allow' as const, 'deny' as const)
const grant = fc.record({ scope, effect, role, because: fc.constant('a test') })
const patterns = fc.option(
  fc.array(fc.constantFrom('*', 'p/*', 'm', 'p/m', 'other/*', 'model.*', '*.read', 'key.self'), {
    maxLength: 3,
  }),
  { nil: undefined },
)
const name = fc.constantFrom('m', 'p/m', 'p/n', 'q/m', 'p', '*', 'p/*')

function holder(
  grants: readonly Grant[],
  over: { models?: readonly string[] | undefined; actions?: readonly string[] | undefined } = {},
): Principal {
  return {
    kind: 'key',
    tenantId: 'a',
    grants,
    ...(over.models === undefined ? {} : { models: over.models }),
    ...(over.actions === undefined ? {} : { actions: over.actions }),
  }
}

const principal = fc
  .record({ grants: fc.array(grant, { maxLength: 5 }), models: patterns, actions: patterns })
  .map(({ grants, models, actions }) => holder(grants, { models, actions }))

const law = (property: fc.IProperty<unknown[]>) =>
  fc.assert(property as fc.IProperty<unknown>, checkParameters(2_000))

/** Somebody who may give roles more often than not. */
const giver = fc
  .tuple(principal, fc.constantFrom('/', '/tenants/a', '/tenants/a/models/*', undefined))
  .map(([who, at]) =>
    at === undefined ? who : { ...who, grants: [...who.grants, impliedGrant('owner', at, '')] },
  )

/** Everything that is asked of rights on the way of a request. */
function answers(who: Principal, act: Action, where: string, model: string): boolean[] {
  return [
    can(who, act, where),
    canSomewhere(who, act),
    mayUseModel(who, model),
    mayUseEveryModel(who),
    mayAskProvider(who, 'p', []),
    mayAskProvider(who, 'p', ['m']),
    !isTargetDenied(who, { providerId: 'p', model: 'm' }),
  ]
}

/** Nothing that was refused before is allowed after. */
function expectNoMore(before: readonly boolean[], after: readonly boolean[]): void {
  for (const [at, allowed] of after.entries()) if (allowed) expect(before[at]).toBe(true)
}

describe('laws', () => {
  test('what is asked in short is what is explained, for nobody too', () => {
    const where = fc.oneof(
      fc.constant(undefined),
      place,
      fc.array(place, { minLength: 1, maxLength: 2 }),
    )
    law(
      fc.property(fc.option(principal, { nil: undefined }), action, where, (who, act, at) => {
        expect(can(who, act, at)).toBe(decide(who, act, at).allowed)
      }),
    )
  })

  test('a denial beats every permission at the same place and below it', () => {
    law(
      fc.property(principal, role, scope, place, action, (who, denied, at, where, act) => {
        fc.pre(roleGives(denied, act) && scopeContains(at, where))
        const grants = [
          ...who.grants,
          { scope: at, effect: 'deny', role: denied, because: '' } as const,
        ]
        expect(can({ ...who, grants }, act, where)).toBe(act === 'public.read')
      }),
    )
  })

  test('one more denial never allows more, wherever it stands among the grants', () => {
    law(
      fc.property(
        principal,
        grant,
        action,
        place,
        name,
        fc.nat(5),
        (who, more, act, where, model, at) => {
          const grants = who.grants.toSpliced(at, 0, { ...more, effect: 'deny' })
          expectNoMore(
            answers(who, act, where, model),
            answers({ ...who, grants }, act, where, model),
          )
        },
      ),
    )
  })

  test('one more permission never denies', () => {
    law(
      fc.property(
        principal,
        grant,
        action,
        place,
        name,
        fc.nat(5),
        (who, more, act, where, model, at) => {
          const grants = who.grants.toSpliced(at, 0, { ...more, effect: 'allow' })
          expectNoMore(
            answers({ ...who, grants }, act, where, model),
            answers(who, act, where, model),
          )
        },
      ),
    )
  })

  test('the order of grants decides nothing', () => {
    law(
      fc.property(principal, action, place, name, (who, act, where, model) => {
        const turned = { ...who, grants: who.grants.toReversed() }
        expect(answers(turned, act, where, model)).toEqual(answers(who, act, where, model))
      }),
    )
  })

  test('a permission at a wider scope allows what one at a narrower does', () => {
    law(
      fc.property(scope, scope, role, place, action, (wide, narrow, given, where, act) => {
        fc.pre(!narrow.includes('*') && scopeContains(wide, narrow))
        const at = (each: string) =>
          can(holder([{ scope: each, effect: 'allow', role: given, because: '' }]), act, where)
        if (at(narrow)) expect(at(wide)).toBe(true)
      }),
    )
  })

  test('a narrower key never has more than whose it is', () => {
    law(
      fc.property(
        fc.array(grant, { maxLength: 5 }),
        patterns,
        patterns,
        action,
        place,
        name,
        (grants, models, actions, act, where, model) => {
          const narrow = holder(grants, { models, actions })
          expectNoMore(
            answers(holder(grants), act, where, model),
            answers(narrow, act, where, model),
          )
        },
      ),
    )
  })

  test('what is decided is what may be done, with a grant that says so', () => {
    law(
      fc.property(principal, action, place, (who, act, where) => {
        const decision = decide(who, act, where)
        expect(decision.allowed).toBe(can(who, act, where))
        expect(decision.reason).not.toBe('')
        const { grant: deciding } = decision
        if (deciding === undefined) return
        expect(deciding.effect).toBe(decision.allowed ? 'allow' : 'deny')
        expect(roleGives(deciding.role, act) && scopeContains(deciding.scope, where)).toBe(true)
      }),
    )
  })

  test('whoever may do it in the tenant may do it somewhere, and whoever may nowhere may not at a place of it', () => {
    law(
      fc.property(principal, action, place, (who, act, where) => {
        if (can(who, act)) expect(canSomewhere(who, act)).toBe(true)
        if (tenantOfScope(where) === who.tenantId && can(who, act, where)) {
          // A denial of the whole does not leave a part, and a permission of a part is somewhere.
          expect(canSomewhere(who, act)).toBe(true)
        }
      }),
    )
  })

  test('who may use every model may use each, ask each provider, and is denied no target', () => {
    law(
      fc.property(principal, name, (who, model) => {
        if (!mayUseEveryModel(who)) return
        expect(mayUseModel(who, model)).toBe(true)
        expect(mayAskProvider(who, 'p', [])).toBe(true)
        expect(isTargetDenied(who, { providerId: 'p', model: 'm' })).toBe(false)
      }),
    )
  })

  test('who may ask a whole provider may ask each model of it, and none of these is denied', () => {
    let asked = 0
    law(
      fc.property(principal, fc.constantFrom('m', 'n', 'p/m', '*', 'x/y'), (who, model) => {
        if (!mayAskProvider(who, 'p', [])) return
        asked += 1
        expect(mayAskProvider(who, 'p', [model])).toBe(true)
      }),
    )
    expect(asked).toBeGreaterThan(20)
  })

  test('rights in one tenant are none in another', () => {
    const own = PLACES.filter((each) => tenantOfScope(each) === 'a')
    law(
      fc.property(
        fc.array(
          fc.record({
            scope: fc.constantFrom(...own),
            effect: fc.constant('allow' as const),
            role,
            because: fc.constant(''),
          }),
        ),
        action,
        fc.constantFrom(
          '/',
          '/tenants/ab',
          '/tenants/b',
          '/tenants/b/models/m',
          '/tenants/ab/providers/p',
        ),
        (grants, act, where) => {
          expect(can(holder(grants), act, where)).toBe(act === 'public.read')
        },
      ),
    )
  })
})

describe('a provider as a whole', () => {
  const with_ = (...denied: readonly string[]) =>
    holder([
      ...memberGrants('a'),
      ...denied.map((each) => ({
        scope: each,
        effect: 'deny' as const,
        role: { id: 'invoke', actions: ['model.invoke'], notActions: [] },
        because: '',
      })),
    ])
  test.each([
    ['/tenants/a/models/p/m', false],
    ['/tenants/a/models/p/m*', false],
    ['/tenants/a/models/p', false],
    ['/tenants/a/models/*-large', false],
    ['/tenants/a/models/gpt-5', false],
    ['/tenants/a/providers/p', false],
    ['/tenants/a/providers/*', false],
    ['/tenants/a', false],
    ['/', false],
    ['/tenants/a/models/q/m', true],
    ['/tenants/a/models/q/*', true],
    ['/tenants/a/models/pp/m', true],
    ['/tenants/a/providers/q', true],
    ['/tenants/b/models/p/m', true],
    ['/tenants/a/teams/p', true],
  ])('denied %p: asked whole %p', (denied, allowed) => {
    expect(mayAskProvider(with_(denied), 'p', [])).toBe(allowed)
  })

  test('with a permission of some of its models alone is closed', () => {
    const some = (at: string) => holder([impliedGrant('member', at, '')])
    expect(mayAskProvider(some('/tenants/a/models/p/m'), 'p', [])).toBe(false)
    expect(mayAskProvider(some('/tenants/a/models/p/m*'), 'p', [])).toBe(false)
    expect(mayAskProvider(some('/tenants/a/models/p/m'), 'p', ['m'])).toBe(true)
    expect(mayAskProvider(some('/tenants/a/models/p/*'), 'p', [])).toBe(true)
    expect(mayAskProvider(some('/tenants/a/providers/p'), 'p', [])).toBe(true)
    expect(mayAskProvider(some('/tenants/a/providers/q'), 'p', [])).toBe(false)
  })

  test('a model that is denied by its bare name is denied at every provider', () => {
    const who = with_('/tenants/a/models/gpt-5')
    expect(isTargetDenied(who, { providerId: 'p', model: 'gpt-5' })).toBe(true)
    expect(isTargetDenied(who, { providerId: 'p', model: 'gpt-5-mini' })).toBe(false)
    expect(mayAskProvider(who, 'p', ['gpt-5'])).toBe(false)
    expect(mayAskProvider(who, 'p', ['gpt-5-mini'])).toBe(true)
  })
})

describe('scopes', () => {
  test.each([
    ['/', '/tenants/a', true],
    ['/tenants/a', '/', false],
    ['/tenants/a', '/tenants/ab', false],
    ['/tenants/a', '/tenants/a', true],
    ['/tenants/a', '/tenants/a/models/m', true],
    ['/tenants/a/models/m', '/tenants/a/models/m2', false],
    ['/tenants/a/models/m', '/tenants/a/models/m/x', false],
    ['/tenants/a/models/*', '/tenants/a/models/m/x', true],
    ['/tenants/a/models/*', '/tenants/a/models', false],
    ['/tenants/a/models/*', '/tenants/ab/models/m', false],
    ['/tenants/a/models/*', '/tenants/a/providers/p', false],
    ['/tenants/a/models/p/*', '/tenants/a/models/pp/x', false],
    ['/tenants/a/models/*x', '/tenants/a/models/x\n', false],
    ['/tenants/a/models/..', '/tenants/b', false],
    ['/tenants/a/models', '/tenants/a/models/../../b', false],
    ['/tenants/b', '/tenants/a/models/../../b', false],
  ])('%p holds %p: %p', (outer, inner, holds) => {
    expect(scopeContains(outer, inner)).toBe(holds)
  })

  test.each([
    '/',
    '/tenants/a',
    '/tenants/a-1',
    '/tenants/a/teams/t',
    '/tenants/a/models/p/m',
    '/tenants/a/models/*',
    '/tenants/a/providers/o*',
  ])('%p is one', (text) => {
    expect(isScope(text)).toBe(true)
  })

  test.each([
    '',
    'tenants/a',
    '/tenants',
    '/tenants/',
    '/tenants/a/',
    '/tenants/*',
    '/tenants/A',
    '/tenants/_platform',
    '/tenants/-a',
    '/tenants/a/b',
    '/tenants/a/keys/k',
    '/tenants/a/teams/*',
    '/tenants/a/models/',
    '/tenants/a/models/m\n',
    '/tenants/a/models/m\r\nx',
    '/tenants/a\n',
    '/tenants/a/models/m n',
    '/tenants/a/models/\u0000',
    '/tenants/a/../b',
    '/tenants/../a',
    '//tenants/a',
    `/tenants/a/models/${'m'.repeat(400)}`,
    `/tenants/${'a'.repeat(64)}`,
  ])('%p is none', (text) => {
    expect(isScope(text)).toBe(false)
  })

  test('of a scope only its own tenant is told', () => {
    law(
      fc.property(fc.constantFrom('a', 'ab', 'b'), fc.string(), (tenantId, rest) => {
        expect(tenantOfScope(scopes.model(tenantId, rest))).toBe(tenantId)
        expect(scopeContains(scopes.tenant(tenantId), scopes.model(tenantId, rest))).toBe(true)
      }),
    )
    expect(tenantOfScope('/')).toBeUndefined()
  })
})

describe('who gives roles', () => {
  test('gives nobody more than they have', () => {
    let given = 0
    law(
      fc.property(
        giver,
        role,
        scope,
        place,
        action,
        name,
        (who, assigned, at, where, act, model) => {
          if (!mayAssign(who, { scope: at, effect: 'allow' }, assigned)) return
          given += 1
          const other = holder([{ scope: at, effect: 'allow', role: assigned, because: '' }])
          if (can(other, act, where)) expect(can(who, act, where)).toBe(true)
          if (mayUseModel(other, model)) expect(mayUseModel(who, model)).toBe(true)
          if (mayAskProvider(other, 'p', [])) expect(mayAskProvider(who, 'p', [])).toBe(true)
          expect(can(who, 'assignment.write', at)).toBe(true)
        },
      ),
    )
    expect(given).toBeGreaterThan(20)
  })

  test('what those who come by it are denied as well, the giver need not have', () => {
    let given = 0
    law(
      fc.property(
        giver,
        fc.array(fc.record({ role, scope }), { minLength: 1, maxLength: 2 }),
        role,
        scope,
        place,
        action,
        name,
        (who, denials, assigned, at, where, act, model) => {
          const shared = denials.map((each) => ({
            ...each,
            effect: 'deny' as const,
            because: 'everyone',
          }))
          const denied = { ...who, grants: [...who.grants, ...shared] }
          if (beyond(denied, [{ scope: at, role: assigned }], shared) !== undefined) return
          given += 1
          const allowed = { scope: at, effect: 'allow', role: assigned, because: '' } as const
          const other = holder([allowed, ...shared])
          if (can(other, act, where)) expect(can(denied, act, where)).toBe(true)
          if (mayUseModel(other, model)) expect(mayUseModel(denied, model)).toBe(true)
          if (mayAskProvider(other, 'p', [])) expect(mayAskProvider(denied, 'p', [])).toBe(true)
        },
      ),
    )
    expect(given).toBeGreaterThan(10)
  })

  test.each([
    ['owner', '/', 'owner', '/', true],
    ['owner', '/tenants/a', 'owner', '/tenants/a', true],
    ['owner', '/tenants/a', 'owner', '/', false],
    ['owner', '/tenants/a', 'member', '/tenants/b', false],
    ['admin', '/tenants/a', 'admin', '/tenants/a', true],
    ['admin', '/tenants/a', 'owner', '/tenants/a', false],
    ['admin', '/tenants/a', 'member', '/tenants/a/models/m', true],
    ['admin', '/tenants/a', 'admin', '/', false],
    ['operator', '/tenants/a', 'viewer', '/tenants/a', false],
    ['member', '/tenants/a', 'member', '/tenants/a', false],
  ])('%p at %p may give %p at %p: %p', (own, at, wanted, where, allowed) => {
    const who = holder([impliedGrant(own, at, '')])
    const assigned = builtInRole(wanted)!
    expect(mayAssign(who, { scope: where, effect: 'allow' }, assigned)).toBe(allowed)
  })
})

describe('an access list', () => {
  const key = (over: Partial<Principal> = {}): Principal => ({ ...holder([]), ...over })
  test.each([
    ['nobody on it', key(), [], false],
    ['everyone', key(), ['everyone'], true],
    ['its group', key({ groups: ['g'] }), ['group:g'], true],
    ['another group', key({ groups: ['g'] }), ['group:gg', 'team:g'], false],
    ['its team', key({ teamId: 't' }), ['team:t'], true],
    ['one of the user’s teams', key({ teamIds: ['s', 't'] }), ['team:t'], true],
    ['its service', key({ serviceId: 's' }), ['service:s'], true],
    ['its id', key({ keyId: 'k' }), ['key:k'], true],
    ['its name', key({ keyId: 'k', keyName: 'ci' }), ['key:ci'], true],
    [
      'a name that a user gave it',
      key({ keyId: 'k', keyName: 'ci', userId: 'u' }),
      ['key:ci'],
      false,
    ],
    ['its user', key({ userId: 'u' }), ['user:u'], true],
    ['a name, for a key', key({ userId: 'u', name: 'ann' }), ['user:ann'], false],
    [
      'a name, which people change, for the user',
      key({ kind: 'user', userId: 'u', name: 'ann' }),
      ['user:ann'],
      false,
    ],
    ['no such word', key({ keyId: 'x' }), ['', ':', 'key', 'keys:x', 'KEY:x'], false],
  ])('%s', (_name, who, access, allowed) => {
    expect(isOnList(who, { access, tenantId: 'a' })).toBe(allowed)
  })

  test('names of one tenant are none of another; a key of the file is known everywhere', () => {
    const access = ['group:g', 'key:ci', 'team:t', 'user:u', 'service:s']
    const all = key({ groups: ['g'], keyName: 'ci', keyId: 'k', teamId: 't', serviceId: 's' })
    expect(isOnList(all, { access, tenantId: 'a' })).toBe(true)
    expect(isOnList(all, { access, tenantId: 'b' })).toBe(false)
    expect(isOnList(all, { access })).toBe(false)
    expect(isOnList({ ...all, tenantId: 'default' }, { access })).toBe(true)
    expect(isOnList(key({ keyId: 'file:ci', keyName: 'ci' }), { access })).toBe(true)
    expect(isOnList(key({ groups: ['g'] }), { access: ['everyone'] })).toBe(true)
    expect(isOnList(key(), {})).toBe(true)
  })
})

/** By role, in the order of `ACTIONS`: what must not change unseen. */
const GIVEN: Readonly<Record<string, string>> = {
  owner: [
    'public.read model.invoke model.list provider.proxy target.pin metrics.read health.read',
    'route.read discovery.read discovery.write provider.read provider.write provider.delete',
    'provider_key.read provider_key.write model.read model.write model.delete key.read',
    'key.write key.delete key.self user.read user.write user.delete group.read group.write',
    'group.delete team.read team.write team.delete service.read service.write service.delete',
    'tenant.read tenant.write tenant.delete role.read role.write role.delete assignment.read',
    'assignment.write assignment.delete limit.read limit.write limit.delete budget.read',
    'budget.write budget.delete guardrail.read guardrail.write guardrail.delete flag.read',
    'flag.write cache.read cache.write usage.read usage.self request.read request.content.read',
    'content_rule.read content_rule.write content_rule.delete hold.read hold.write',
    'hold.release erasure.read erasure.write',
    'audit.read audit.export session.read session.delete settings.read settings.write',
    'secret.rotate',
  ].join(' '),
  admin: [
    'public.read model.invoke model.list provider.proxy target.pin metrics.read health.read',
    'route.read discovery.read discovery.write provider.read provider.write provider.delete',
    'provider_key.read provider_key.write model.read model.write model.delete key.read',
    'key.write key.delete key.self user.read user.write user.delete group.read group.write',
    'group.delete team.read team.write team.delete service.read service.write service.delete',
    'tenant.read role.read role.write role.delete assignment.read assignment.write',
    'assignment.delete limit.read limit.write limit.delete budget.read budget.write',
    'budget.delete guardrail.read guardrail.write guardrail.delete flag.read flag.write',
    'cache.read cache.write usage.read usage.self request.read request.content.read',
    'content_rule.read content_rule.write content_rule.delete hold.read hold.write',
    'hold.release erasure.read erasure.write',
    'audit.read audit.export session.read session.delete settings.read',
  ].join(' '),
  operator: [
    'model.invoke model.list provider.proxy target.pin metrics.read health.read route.read',
    'discovery.read discovery.write provider.read provider.write provider.delete',
    'provider_key.read provider_key.write model.read model.write model.delete key.self',
    'limit.read budget.read guardrail.read flag.read cache.read cache.write usage.read usage.self request.read',
  ].join(' '),
  auditor: [
    'public.read model.list metrics.read health.read route.read discovery.read provider.read',
    'provider_key.read model.read key.read user.read group.read team.read service.read',
    'tenant.read role.read assignment.read limit.read budget.read guardrail.read flag.read cache.read usage.read usage.self',
    'request.read content_rule.read hold.read erasure.read audit.read audit.export',
    'session.read settings.read',
  ].join(' '),
  member: ['model.invoke model.list provider.proxy metrics.read key.self usage.self'].join(' '),
  viewer: [
    'public.read model.list metrics.read health.read route.read discovery.read provider.read',
    'provider_key.read model.read group.read team.read service.read tenant.read role.read',
    'assignment.read limit.read budget.read guardrail.read flag.read cache.read usage.read usage.self',
    'content_rule.read',
  ].join(' '),
}

test('what each built-in role gives', () => {
  const given = BUILT_IN_ROLES.map((each) => [
    each.id,
    ALL_ACTIONS.filter((act) => roleGives(each, act)).join(' '),
  ])
  expect(Object.fromEntries(given)).toEqual(GIVEN)
})
