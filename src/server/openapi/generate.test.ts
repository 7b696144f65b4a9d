// What the library is known to get wrong, held against the document's way through it: where one of these fails after an update, a correction
// may be needed no more, or another one.

import { expect, test } from 'bun:test'
import { Type as t } from '@sinclair/typebox'
import { nullable, oneOf, strict, type RouteContract } from '../admin/contract.ts'
import { ruleOf } from '../route-actions.ts'
import { adminRoute } from './admin-operation.ts'
import { generate, type DescribedRoute, type Operation } from './generate.ts'
import { Components, type Schema } from './json-schema.ts'

const CONTRACT: RouteContract = {
  summary: 'One',
  tag: 'Keys',
  answers: { 200: t.Object({}) },
}

function route(path: string, operationId: string): DescribedRoute {
  return { method: 'POST', path, hooks: { detail: { operationId } }, finish: (made) => made }
}

function operationOf(method: string, path: string, contract: RouteContract): Operation {
  const components = new Components()
  const described = adminRoute({ contract, rule: ruleOf(method, path) }, components)
  const [item] = Object.values(generate([described], components).paths)
  return item![method.toLowerCase()]!
}

test('a dot or a colon of the path itself stays in it', () => {
  const routes = [
    route('/a.json', 'a'),
    route('/v1/models/{model}:embed', 'b'),
    route('/:c/d', 'c'),
  ]
  const { paths } = generate(routes, new Components())
  expect(Object.keys(paths)).toEqual(['/a.json', '/v1/models/{model}:embed', '/{c}/d'])
  expect(paths['/v1/models/{model}:embed']?.['post']?.['parameters']).toBeUndefined()
})

test('two routes of one name are a fault', () => {
  const routes = [route('/a', 'same'), route('/b', 'same')]
  expect(() => generate(routes, new Components())).toThrow(RangeError)
})

test('null fits wherever it is named, and the words of the whole stay', () => {
  const components = new Components()
  const inner = oneOf(['a', 'b'], { description: 'Of the type.' })
  components.use(
    strict(
      {
        word: nullable(inner, { description: 'Of the member.' }),
        only: nullable(t.Literal('a')),
        // A name that is also a keyword's.
        default: nullable(t.Integer({ minimum: 1 })),
      },
      { $id: 'One' },
    ),
  )
  const { One } = generate([], components).schemas as { readonly One: Schema }
  const { default: named, only, word } = One['properties'] as Readonly<Record<string, Schema>>
  expect(word).toEqual({
    type: ['string', 'null'],
    enum: ['a', 'b', null],
    description: 'Of the member.',
  })
  expect(only).toEqual({ type: ['string', 'null'], enum: ['a', null] })
  expect(named).toEqual({ type: ['integer', 'null'], minimum: 1 })
})

test('what is only a reference, or a choice, is not left out', () => {
  const components = new Components()
  components.add('Choice', { anyOf: [{ type: 'string' }, { type: 'integer' }] })
  const named = t.Object({ a: t.String() }, { $id: 'Named' })
  const { schemas } = generate([], components)
  expect(schemas['Choice']).toEqual({ anyOf: [{ type: 'string' }, { type: 'integer' }] })
  const made = operationOf('POST', '/admin/keys', {
    ...CONTRACT,
    body: named,
    answers: { 201: named },
  })
  const schema = { $ref: '#/components/schemas/Named' }
  expect(made['requestBody']).toEqual({
    required: true,
    content: { 'application/json': { schema } },
  })
  expect(made['responses']).toMatchObject({ 201: { content: { 'application/json': { schema } } } })
})

test('an empty answer has no content, another type has its own', () => {
  const empty = operationOf('DELETE', '/admin/keys/:id', {
    ...CONTRACT,
    answers: { 204: t.Void() },
  })
  expect((empty['responses'] as Record<string, object>)['204']).not.toHaveProperty('content')
  const csv = operationOf('GET', '/admin/usage/export', {
    ...CONTRACT,
    answers: { 200: t.String() },
    media: { 200: ['text/csv', 'application/json'] },
  })
  expect((csv['responses'] as Record<string, { content: object }>)['200']?.content).toEqual({
    'text/csv': { schema: { type: 'string' } },
    'application/json': { schema: { type: 'object' } },
  })
})

test('a query is described where pages look for it, its lists with commas', () => {
  const query = t.Object({
    all: t.Optional(t.Array(t.String(), { description: 'Several.' })),
    one: t.String(),
  })
  const { parameters } = operationOf('GET', '/admin/keys/:id', { ...CONTRACT, query })
  expect(parameters).toMatchObject([
    { name: 'id', in: 'path', required: true },
    { name: 'all', in: 'query', required: false, description: 'Several.', explode: false },
    { name: 'one', in: 'query', required: true },
    { $ref: '#/components/parameters/Tenant' },
  ])
})
