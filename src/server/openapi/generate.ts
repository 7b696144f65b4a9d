// The way through `@elysiajs/openapi`, which makes paths, parameters, bodies, answers and schemas of routes as the framework has them. Each
// route then adds to its own operation what the library cannot know; what the library gets wrong is put right here and nowhere else.

import { toOpenAPISchema } from '@elysiajs/openapi/openapi'
import { Kind } from '@sinclair/typebox'
import type { AnyElysia } from 'elysia'
import type { JsonObject } from '../../core/json.ts'
import type { RouteRule } from '../route-actions.ts'
import type { Components, Schema } from './json-schema.ts'

export const OPENAPI_VERSION = '3.1.1'

/** One operation, as it stands in the document. */
export interface Operation extends JsonObject {
  readonly operationId: string
}

/** A route in the framework's terms. */
export interface DescribedRoute {
  readonly method: string
  /** As it is registered; a name instead of a wildcard, and `{model}:method` where a colon is the path's own. */
  readonly path: string
  readonly hooks: RouteHooks
  /** Adds to what the library made of it. */
  finish(made: Operation): Operation
}

/** What the library reads of a route. */
export interface RouteHooks {
  /** Goes into the operation as it is, but for `parameters` and `responses` where there are schemas for them. */
  readonly detail: Operation
  readonly query?: Schema
  readonly body?: Schema
  readonly response?: Readonly<Record<string, Schema>>
}

type Paths = Record<string, Record<string, Operation>>

/**
 * The paths of these routes, and the schemas they refer to.
 * @throws RangeError for two routes of one `operationId`
 */
export function generate(
  routes: readonly DescribedRoute[],
  components: Components,
): { readonly paths: Paths; readonly schemas: Readonly<Record<string, Schema>> } {
  const byId = new Map(routes.map((route) => [route.hooks.detail.operationId, route]))
  if (byId.size !== routes.length) throw new RangeError('openapi: an operationId is there twice')
  const app = {
    getGlobalRoutes: () => routes.map(asRegistered),
    getGlobalDefinitions: () => ({ type: eachAsTypeBox(components.all()) }),
  } as unknown as AnyElysia
  // Else it takes what has a dot in its path for a file, and leaves it out.
  const exclude = { staticFile: false }
  const made = toOpenAPISchema(app, exclude, undefined, undefined, OPENAPI_VERSION)
  const paths: Paths = {}
  for (const [path, item] of Object.entries(made.paths as unknown as Paths)) {
    paths[path.replaceAll(ESCAPED, ':')] = Object.fromEntries(
      Object.entries(item).map(([method, operation]) => [
        method,
        byId.get(operation.operationId)?.finish(operation) ?? operation,
      ]),
    )
  }
  return { paths, schemas: { ...(made.components.schemas as Record<string, Schema>) } }
}

/** A colon inside a part of a path: whatever follows one is a parameter's name to the library. */
const ESCAPED = '%3A'

function asRegistered({ hooks, method, path }: DescribedRoute): object {
  const { body, detail, query, response } = hooks
  return {
    method,
    path: path.replaceAll('}:', `}${ESCAPED}`),
    hooks: {
      detail,
      // Without a parser it says that forms are taken too.
      ...(body === undefined ? {} : { body: asTypeBox(body), parse: [{ fn: 'json' }] }),
      ...(query === undefined ? {} : { query: asTypeBox(query) }),
      ...(response === undefined ? {} : { response: eachAsTypeBox(response) }),
    },
  }
}

/** The library leaves out what is only a reference, or a choice, and has no mark of TypeBox; a hidden one is not in the copies it makes. */
function asTypeBox(schema: Schema): Schema {
  return Object.defineProperty({ ...schema }, Kind, { value: 'Unsafe' })
}

function eachAsTypeBox(schemas: Readonly<Record<string, Schema>>): Record<string, Schema> {
  return Object.fromEntries(
    Object.entries(schemas).map(([name, schema]) => [name, asTypeBox(schema)]),
  )
}

/** `GET /admin/keys/:id` as `get_admin_keys_id`. */
export function operationId({ method, path }: Pick<RouteRule, 'method' | 'path'>): string {
  const words = path.split(/[^A-Za-z0-9]+/).filter((word) => word !== '')
  return [method.toLowerCase(), ...words].join('_')
}
