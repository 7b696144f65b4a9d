// The model lists of every kind as they are on the wire: where the next page is, what a list says of a model's end, and what is a
// list at all. Real lists are read from recordings where they are there.

import { describe, expect, test } from 'bun:test'
import * as fc from 'fast-check'
import type { ProviderType } from '../core/catalog.ts'
import type { JsonValue } from '../core/json.ts'
import { haveRecordings, recordings } from '../testing/recordings.ts'
import { checkParameters } from '../testing/seed.ts'
import type { ProviderKind } from './provider.ts'
import { providerKind } from './registry.ts'
import { isModelList, pageAfter } from './shared.ts'

function listsOf(type: ProviderType): NonNullable<ProviderKind['models']> {
  const models = providerKind(type)?.models
  if (models === undefined) throw new Error(`${type} lists no models`)
  return models
}

const read = (type: ProviderType, entry: JsonValue, member = 'data') =>
  listsOf(type).read({ [member]: [entry] })[0]

describe('the next page', () => {
  const URL_ = 'https://host.example/base/v1/models?limit=5'
  const cases: [ProviderType, JsonValue, string | undefined][] = [
    ['anthropic', { data: [], has_more: true, last_id: 'm' }, `${URL_}&after_id=m`],
    ['anthropic', { data: [], has_more: false, last_id: 'm' }, undefined],
    ['anthropic', { data: [], has_more: true, last_id: null }, undefined],
    ['anthropic', { data: [], has_more: true }, undefined],
    ['custom', { data: [], has_more: true, last_id: 'm' }, `${URL_}&after_id=m`],
    ['gemini', { models: [], nextPageToken: 'a/b=' }, `${URL_}&pageToken=a%2Fb%3D`],
    ['gemini', { models: [], nextPageToken: '' }, undefined],
    ['gemini', { models: [] }, undefined],
    ['cohere', { models: [], next_page_token: 't' }, `${URL_}&page_token=t`],
    ['cohere', { models: [], next_page_token: null }, undefined],
    ['bedrock', { modelSummaries: [], nextToken: 't' }, `${URL_}&nextToken=t`],
  ]
  test.each(cases)('%s %j', (type, body, next) => {
    expect(listsOf(type).next?.(body, URL_)).toBe(next)
  })

  test('the page before is replaced, not added to', () => {
    const at = { member: 't', parameter: 'p' }
    expect(pageAfter({ t: '2' }, 'https://h.example/m?p=1&q=x', at)).toBe(
      'https://h.example/m?p=2&q=x',
    )
  })

  test('whatever the token is, it stays at its origin and comes back as it was', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', minLength: 1 }), (token) => {
        const next = URL.parse(
          pageAfter({ t: token }, 'https://h.example/m', { member: 't', parameter: 'p' }) ?? '',
        )
        expect(next?.origin).toBe('https://h.example')
        expect(next?.pathname).toBe('/m')
        expect(next?.searchParams.get('p')).toBe(token.toWellFormed())
      }),
      checkParameters(100),
    )
  })

  test('the rest have one page', () => {
    for (const type of ['openai', 'mistral', 'openrouter', 'ollama', 'lmstudio'] as const) {
      expect(listsOf(type).next).toBeUndefined()
    }
  })
})

describe('what a list says of a model', () => {
  const at = (text: string) => Date.parse(text)
  const cases: [string, ProviderType, JsonValue, string, object | undefined][] = [
    ['nothing', 'openai', { id: 'm' }, 'data', undefined],
    ['Groq: not active', 'custom', { id: 'm', active: false }, 'data', { status: 'inactive' }],
    ['Groq: active', 'custom', { id: 'm', active: true }, 'data', undefined],
    ['a status', 'custom', { id: 'm', status: 'available' }, 'data', { status: 'available' }],
    ['no status', 'custom', { id: 'm', status: '' }, 'data', undefined],
    [
      'Mistral: its day',
      'mistral',
      { id: 'm', deprecation: '2026-01-31T12:00:00Z' },
      'data',
      { retiresMs: at('2026-01-31T12:00:00Z') },
    ],
    ['Mistral: no day', 'mistral', { id: 'm', deprecation: null }, 'data', undefined],
    ['Mistral: archived', 'mistral', { id: 'm', archived: true }, 'data', { status: 'archived' }],
    [
      'OpenRouter: its day',
      'openrouter',
      { id: 'm', expiration_date: '2026-12-31' },
      'data',
      { retiresMs: at('2026-12-31') },
    ],
    [
      'Cohere: deprecated',
      'cohere',
      { name: 'm', is_deprecated: true },
      'models',
      { status: 'deprecated' },
    ],
    ['Cohere: not so', 'cohere', { name: 'm', is_deprecated: false }, 'models', undefined],
    [
      'Gemini: version',
      'gemini',
      { name: 'models/m', version: '001', baseModelId: 'b' },
      'models',
      { version: '001', baseModel: 'b' },
    ],
    [
      'Azure: lifecycle',
      'azure',
      {
        id: 'm',
        status: 'succeeded',
        lifecycle_status: 'generally-available',
        deprecation: { fine_tune: 1, inference: 1_709_284_527 },
      },
      'data',
      { status: 'generally-available', retiresMs: 1_709_284_527_000 },
    ],
    [
      'Bedrock: lifecycle',
      'bedrock',
      {
        modelId: 'm',
        inferenceTypesSupported: ['ON_DEMAND'],
        modelLifecycle: { status: 'LEGACY', endOfLifeTime: '2027-01-01T00:00:00Z' },
      },
      'modelSummaries',
      { status: 'LEGACY', retiresMs: at('2027-01-01T00:00:00Z') },
    ],
    ['a day that is none', 'mistral', { id: 'm', deprecation: 'soon' }, 'data', undefined],
  ]
  test.each(cases)('%s', (_name, type, entry, member, facts) => {
    const model = read(type, entry, member)
    expect(model?.id).toBe('m')
    expect<object | undefined>(model?.facts).toEqual(facts)
  })
})

describe('what is a list', () => {
  const yes: JsonValue[] = [
    [],
    [{ id: 'm' }],
    { data: [] },
    { data: null },
    { models: [] },
    { modelSummaries: [] },
  ]
  const no: JsonValue[] = [{}, null, 'data', 5, { error: {} }, { data: {} }, { data: 'none' }]
  test('an array, or an object with one or with an empty slice', () => {
    expect(yes.filter((body) => !isModelList(body))).toEqual([])
    expect(no.filter(isModelList)).toEqual([])
  })
})

const areRecorded = haveRecordings('model lists of real accounts')

describe.skipIf(!areRecorded)('recorded', () => {
  // The body of a suite runs though its tests are left out.
  const recorded = areRecorded ? [...recordings({ endpoints: ['models'] })] : []
  const lists = recorded.filter(
    ({ response }) => response.status === 200 && isModelList(response.body ?? null),
  )
  const bodies = (provider: string) =>
    lists.flatMap((each) => (each.provider === provider ? [each.response.body ?? null] : []))

  test('every list is one', () => {
    expect(lists.length).toBeGreaterThan(8)
  })

  test("Gemini's first page leads to its second, which is the last", () => {
    const { next } = listsOf('gemini')
    const pages = bodies('gemini').map((body) => next?.(body, 'https://g.example/v1beta/models'))
    expect(pages.toSorted()).toEqual([
      expect.stringContaining('https://g.example/v1beta/models?pageToken=Ch'),
      undefined,
    ])
  })

  test("Mistral's names the day of those that go, and every other one is there to stay", () => {
    const models = bodies('mistral').flatMap((body) => listsOf('mistral').read(body))
    const leaving = models.filter(({ facts }) => facts?.retiresMs !== undefined)
    expect(leaving.length).toBeGreaterThan(3)
    expect(leaving.length).toBeLessThan(models.length)
    for (const { facts } of leaving) {
      expect(new Date(facts?.retiresMs ?? 0).getUTCFullYear()).toBeGreaterThan(2024)
    }
  })

  test("Anthropic's whole list in one page has none behind it", () => {
    const [body = null] = bodies('anthropic')
    expect(listsOf('anthropic').read(body)).toHaveLength(10)
    expect(listsOf('anthropic').next?.(body, 'https://a.example/v1/models')).toBeUndefined()
  })
})
