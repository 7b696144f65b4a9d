// `/admin/keys`: the API keys of a tenant, for whoever manages them; `/admin/me/keys`: one's own, for everybody who has some. What they do
// is in `keys.ts`; here is what they take and give.

import { Elysia } from 'elysia'
import type { ServerDeps } from '../context.ts'
import { adminRoutes, type RouteContract } from './contract.ts'
import { Keys } from './keys.ts'
import {
  KeyBody,
  KeyChangeBody,
  KeySchema,
  KeysQuery,
  KeysSchema,
  MadeKeySchema,
  OwnKeyBody,
  OwnKeysQuery,
  RotateBody,
} from './key-schemas.ts'

const tag = 'Keys'
const ONCE = 'The key itself is in this answer and in no other.'

const LIST = {
  summary: 'API keys',
  description: 'Of the tenant: those of the configuration file and those of the store.',
  tag,
  query: KeysQuery,
  answers: { 200: KeysSchema },
} as const satisfies RouteContract

const SHOW = {
  summary: 'One API key',
  tag,
  answers: { 200: KeySchema },
  errors: [404],
  versioned: true,
} as const satisfies RouteContract

const CREATE = {
  summary: 'Make an API key',
  description: `${ONCE} Nobody makes a key that may do more than they may themselves.`,
  tag,
  body: KeyBody,
  answers: { 201: MadeKeySchema },
  once: true,
  examples: {
    narrow: {
      name: 'ci',
      models: ['fast', 'openai/*'],
      limits: { requests_per_minute: 60 },
      budget: { usd: 5, window: 'month', action: 'block' },
      expires: '2030-01-31',
    },
    service: { name: 'crawler', owner: { kind: 'service', id: 'crawler' } },
  },
} as const satisfies RouteContract

const UPDATE = {
  summary: 'Change an API key',
  description:
    'What is not named stays; null takes a restriction away. Owner and roles stay as they are.',
  tag,
  body: KeyChangeBody,
  answers: { 200: KeySchema },
  errors: [404, 409],
  versioned: true,
  examples: { off: { disabled: true }, wider: { models: null } },
} as const satisfies RouteContract

const REVOKE = {
  summary: 'Revoke an API key',
  description: 'For good, on every replica within a second. A revoked key stays in the list.',
  tag,
  answers: { 200: KeySchema },
  errors: [404, 409],
  versioned: true,
} as const satisfies RouteContract

const ROTATE = {
  summary: 'Rotate an API key',
  description: `Makes a key like this one in its place; the old one goes on for the overlap. ${ONCE}`,
  tag,
  body: RotateBody,
  answers: { 201: MadeKeySchema },
  errors: [404, 409],
  once: true,
  examples: { day: { overlap_seconds: 86_400 } },
} as const satisfies RouteContract

const own = { tag: 'Me' } as const
const OWN_LIST = {
  ...LIST,
  ...own,
  summary: 'One’s own API keys',
  description: 'Of the user who asks.',
  query: OwnKeysQuery,
} as const
const OWN_SHOW = { ...SHOW, ...own, summary: 'One of one’s own API keys' } as const
const OWN_CREATE = {
  ...CREATE,
  ...own,
  summary: 'Make an API key of one’s own',
  description: ONCE,
  body: OwnKeyBody,
  errors: [409],
  examples: { plain: { name: 'laptop' } },
} as const
const OWN_UPDATE = { ...UPDATE, ...own, summary: 'Change one of one’s own API keys' } as const
const OWN_REVOKE = { ...REVOKE, ...own, summary: 'Revoke one of one’s own API keys' } as const
const OWN_ROTATE = { ...ROTATE, ...own, summary: 'Rotate one of one’s own API keys' } as const

export function keysRoutes(deps: ServerDeps) {
  const on = adminRoutes(deps)
  const keys = new Keys(deps)
  const all = '/admin/keys'
  const one = '/admin/keys/:id'
  const mine = '/admin/me/keys'
  const myOne = '/admin/me/keys/:id'
  return new Elysia({ name: 'keys-routes' })
    .get(all, ...on('GET', all, LIST, keys.list))
    .post(all, ...on('POST', all, CREATE, keys.create))
    .get(one, ...on('GET', one, SHOW, keys.show))
    .patch(one, ...on('PATCH', one, UPDATE, keys.update))
    .delete(one, ...on('DELETE', one, REVOKE, keys.revoke))
    .post(`${one}/rotate`, ...on('POST', `${one}/rotate`, ROTATE, keys.rotate))
    .get(mine, ...on('GET', mine, OWN_LIST, keys.list))
    .post(mine, ...on('POST', mine, OWN_CREATE, keys.create))
    .get(myOne, ...on('GET', myOne, OWN_SHOW, keys.show))
    .patch(myOne, ...on('PATCH', myOne, OWN_UPDATE, keys.update))
    .delete(myOne, ...on('DELETE', myOne, OWN_REVOKE, keys.revoke))
    .post(`${myOne}/rotate`, ...on('POST', `${myOne}/rotate`, OWN_ROTATE, keys.rotate))
}
