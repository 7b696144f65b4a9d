// Tokens in Entra ID's shapes, from an issuer that answers as its documentation says: directories, versions, groups that do not fit and
// are asked of Graph. It is not Entra ID itself. Whoever's groups cannot be seen is denied.

import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { LIMITS } from '../core/limits.ts'
import type { IssuerSettings } from '../core/issuer.ts'
import { can } from '../core/permission.ts'
import { bearerRig, issuerSettings } from '../testing/bearer.ts'
import { EntraIssuer, type EntraApplication, type EntraUser } from '../testing/entra-issuer.ts'
import { sha256Hex } from './authenticate.ts'

const TENANT = '72f988bf-86f1-41af-91ab-2d7cd011db47'
const guid = (nth: number) => `aaaaaaaa-0000-4000-8000-${String(nth).padStart(12, '0')}`
const groups = (count: number) => Array.from({ length: count }, (_, nth) => guid(1_000 + nth))

const api: EntraApplication = {
  clientId: guid(1),
  id: guid(2),
  secret: 'api-secret~0123456789',
  graphPermissions: ['User.Read.All', 'GroupMember.Read.All'],
}
const powerless: EntraApplication = { clientId: guid(3), id: guid(4), secret: 'other-secret' }
const job: EntraApplication = {
  clientId: guid(5),
  id: guid(6),
  secret: 'job-secret',
  roles: ['Weir.Member'],
}
const few: EntraUser = {
  id: guid(11),
  name: 'Few',
  userName: 'few@contoso.test',
  roles: ['Weir.Member'],
  groups: groups(3),
}
const many: EntraUser = {
  id: guid(12),
  name: 'Many',
  userName: 'many@contoso.test',
  groups: groups(250),
}
const most: EntraUser = {
  id: guid(13),
  name: 'Most',
  userName: 'most@contoso.test',
  groups: groups(11_500),
}

let entra: EntraIssuer

beforeAll(async () => {
  entra = await EntraIssuer.start({
    tenantId: TENANT,
    users: [few, many, most],
    applications: [api, powerless, job],
  })
})

afterAll(() => entra[Symbol.asyncDispose]())

function rig(over: Partial<IssuerSettings> = {}) {
  return bearerRig([
    issuerSettings({
      kind: 'entra',
      issuer: entra.issuer,
      clientId: api.clientId,
      clientSecret: api.secret!,
      audiences: [api.clientId],
      roles: { 'Weir.Member': 'member' },
      groupRoles: { [guid(1_249)]: 'member', [guid(12_499)]: 'member' },
      graphUrl: entra.graph.url,
      ...over,
    }),
  ])
}

describe('who is not let in', () => {
  test.each([
    ['an ID token', () => entra.idToken(few, api)],
    [
      'an ID token with its nonce',
      () => entra.idToken(few, api, { nonce: 'n', azp: api.clientId }),
    ],
    [
      'a token for Graph',
      () => entra.userToken(few, { ...api, clientId: '00000003-0000-0000-c000-000000000000' }),
    ],
    ['a token for another application', () => entra.userToken(few, job)],
    [
      'one of another directory',
      () => entra.userToken(few, api, { iss: `${entra.origin}/${guid(9)}/v2.0`, tid: guid(9) }),
    ],
    ['another directory in its claim', () => entra.userToken(few, api, { tid: guid(9) })],
    ['no directory', () => entra.userToken(few, api, { tid: undefined })],
    ['no object', () => entra.userToken(few, api, { oid: undefined })],
    ['no subject', () => entra.userToken(few, api, { sub: undefined })],
  ])('%s', async (_name, make) => {
    expect(await rig().refusal(await make())).toMatchObject({ kind: 'authentication', status: 401 })
  })

  test('one whose key signs for another directory, as that of personal accounts', async () => {
    entra.keysOf = `${entra.origin}/${guid(9)}/v2.0`
    const token = await entra.userToken(few, api)
    expect(await rig().refusal(token)).toMatchObject({ status: 401 })
    entra.keysOf = entra.issuer
    await rig().ask(token)
    entra.keysOf = undefined
  })

  test('a token of version 1.0, with words for the operator', async () => {
    const old = await entra.userToken(few, api, {
      iss: `https://sts.windows.net/${TENANT}/`,
      ver: '1.0',
    })
    const error = await rig().refusal(old)
    expect(error).toMatchObject({ status: 401 })
    expect(String(error.cause)).toContain('requestedAccessTokenVersion')
  })

  test('anybody of any directory, unless each has a tenant here', async () => {
    const issuer = `${entra.origin}/organizations/v2.0`
    const token = await entra.userToken(few, api)
    const open = await rig({ issuer }).refusal(token)
    expect(open).toMatchObject({ status: 401 })
    expect(String(open.cause)).toContain('tenant_claim')
    const asked = rig({ issuer, tenantClaim: 'tid' })
    expect(await asked.refusal(token)).toMatchObject({ kind: 'permission', status: 403 })
    asked.change({ tenants: [{ id: TENANT, name: 'Contoso', status: 'active', createdMs: 1 }] })
    expect(await asked.ask(token)).toMatchObject({ tenantId: TENANT })
    const stranger = await entra.userToken(few, api, { tid: guid(9) })
    expect(await asked.refusal(stranger)).toMatchObject({ status: 401 })
  })
})

describe('who is', () => {
  test('a person by app roles and groups', async () => {
    const asked = rig()
    const principal = await asked.ask(await entra.userToken(few, api))
    expect(principal).toMatchObject({ kind: 'user', groups: groups(3) })
    expect(can(principal, 'model.invoke')).toBe(true)
    expect(asked.directory().users[0]).toMatchObject({
      subject: `${TENANT}:${few.id}`,
      name: 'Few',
    })
    // Asked through another application it is the same person, though `sub` is another one.
    await asked.ask(await entra.userToken(few, api, { sub: 'another' }))
    expect(asked.directory().users.length).toBe(1)
  })

  test('an application by itself', async () => {
    const asked = rig()
    const principal = await asked.ask(await entra.applicationToken(job, api))
    expect(principal).toMatchObject({ kind: 'service', serviceId: job.clientId })
    expect(can(principal, 'model.invoke')).toBe(true)
    expect(asked.directory().services[0]).toMatchObject({ clientId: job.clientId, issuer: 'idp' })
  })

  test('after the keys have changed', async () => {
    const asked = rig()
    await asked.ask(await entra.userToken(few, api))
    await entra.rotate()
    await asked.ask(await entra.userToken(few, api))
  })
})

describe('groups that do not fit into a token', () => {
  const overage = (over: Record<string, unknown> = {}) => entra.userToken(many, api, over)

  test('are asked of Graph once, by the application, whoever the token says should be asked', async () => {
    const asked = rig()
    entra.graph.questions.length = 0
    const sources = { src1: { endpoint: 'http://192.0.2.1/steal' } }
    const tokens = await Promise.all([overage(), overage(), overage({ _claim_sources: sources })])
    const principals = await Promise.all(tokens.map((token) => asked.ask(token)))
    expect(principals[0]!.groups?.length).toBe(250)
    expect(principals.every((principal) => can(principal, 'model.invoke'))).toBe(true)
    expect(entra.graph.questions).toEqual([
      {
        method: 'POST',
        target: `/v1.0/users/${many.id}/getMemberObjects`,
        body: '{"securityEnabledOnly":false}',
      },
    ])
    expect(
      asked.sent.some((url) => url.includes('192.0.2.1') || url.includes('graph.windows')),
    ).toBe(false)
    const form = entra.tokenForms.at(-1)
    expect(form).toMatchObject({
      grant_type: 'client_credentials',
      scope: `${entra.graph.url}/.default`,
    })
    expect(asked.bearer.principal(tokens[0], sha256Hex(tokens[0]))).not.toBeInstanceOf(Promise)
    asked.clock.advance(LIMITS.graphGroupsMs + 1)
    await asked.ask(await overage())
    expect(entra.graph.questions.length).toBe(2)
  })

  test('are read page by page where there are too many for one answer', async () => {
    const asked = rig()
    entra.graph.questions.length = 0
    const principal = await asked.ask(await entra.userToken(most, api))
    expect(principal.groups?.length).toBe(11_500)
    expect(can(principal, 'model.invoke')).toBe(true)
    expect(entra.graph.questions.length).toBe(1 + 12)
  })

  test('deny where they are not to be seen', async () => {
    const refused: readonly (readonly [string, Partial<IssuerSettings>, string])[] = [
      [
        'no right to read them',
        { clientId: powerless.clientId, clientSecret: powerless.secret! },
        'GroupMember.Read.All',
      ],
      ['a wrong secret', { clientSecret: 'wrong' }, 'AADSTS7000215'],
      ['no such application', { clientId: guid(99) }, 'AADSTS700016'],
    ]
    for (const [, over, words] of refused) {
      const asked = rig(over)
      const token = await overage({ roles: ['Weir.Member'] })
      const error = await asked.refusal(token)
      expect(error).toMatchObject({ kind: 'permission', status: 403 })
      expect(error.message).not.toContain(words)
      const line = asked.lines.find((each) => each.includes(words)) ?? ''
      expect(line).not.toBe('')
      expect(asked.lines.join('\n')).not.toMatch(/wrong"|other-secret|eyJ/)
      expect(asked.directory().users).toEqual([])
      // It is not asked again with every request.
      const before = asked.sent.length
      expect(await asked.refusal(token)).toMatchObject({ status: 403 })
      expect(asked.sent.length).toBe(before)
    }
    const gone = rig()
    const nobody = await overage({ oid: guid(77) })
    expect(await gone.refusal(nobody)).toMatchObject({ kind: 'permission' })
  })

  test('make wait where Graph is away, throttles or answers nonsense', async () => {
    for (const [status, code] of [
      [503, 'ServiceUnavailable'],
      [429, 'TooManyRequests'],
      [500, 'InternalServerError'],
    ] as const) {
      const asked = rig()
      entra.graph.fault = { status, code, times: 1 }
      const token = await overage()
      expect(await asked.refusal(token)).toMatchObject({
        kind: 'identity_unavailable',
        status: 503,
      })
      asked.clock.advance(LIMITS.issuerRetryMs)
      await asked.ask(token)
    }
    const lost = rig({ graphUrl: 'http://127.0.0.1:1' })
    expect(await lost.refusal(await overage())).toMatchObject({ status: expect.any(Number) })
  })

  test('are asked with a new token where the old one is refused', async () => {
    const asked = rig()
    entra.graph.fault = { status: 401, code: 'InvalidAuthenticationToken', times: 1 }
    expect((await asked.ask(await overage())).groups?.length).toBe(250)
  })

  test('are not asked elsewhere, wherever the next page is said to be', async () => {
    const asked = rig()
    entra.graph.foreignNextLink = 'https://evil.test/v1.0/users/x'
    const error = await asked.refusal(await entra.userToken(most, api))
    entra.graph.foreignNextLink = undefined
    expect(error).toMatchObject({ kind: 'identity_unavailable' })
    expect(asked.sent.some((url) => url.includes('evil.test'))).toBe(false)
  })

  test('of an application are asked as its own', async () => {
    const asked = rig()
    entra.graph.questions.length = 0
    const token = await entra.applicationToken(job, api, { _claim_names: { groups: 'src1' } })
    await asked.ask(token)
    expect(entra.graph.questions[0]?.target).toBe(
      `/v1.0/servicePrincipals/${job.id}/getMemberObjects`,
    )
  })
})
