// Which methods a path takes, for the 405 that says so. Derived from the same tables the routes come from.

import { MODEL_ROUTES } from './routes.ts'

const GET_PATHS = [
  '/health',
  '/readyz',
  '/ui',
  '/ui/*',
  '/v1/models',
  '/v1/models/*',
  '/openai/v1/models',
  '/openai/models',
  '/anthropic/v1/models',
  '/api/tags',
  '/api/ps',
  '/api/version',
]

const PATTERNS: readonly { readonly pattern: RegExp; readonly method: string }[] = [
  ...GET_PATHS.map((path) => ({ pattern: patternOf(path), method: 'GET' })),
  ...[...MODEL_ROUTES.map((route) => route.path), '/api/show'].map((path) => ({
    pattern: patternOf(path),
    method: 'POST',
  })),
]

/** Value of the `Allow` header for a path that exists under another method; undefined for a path that does not. */
export function allowedMethods(path: string): string | undefined {
  const methods = PATTERNS.filter(({ pattern }) => pattern.test(path)).map(({ method }) => method)
  return methods.length === 0 ? undefined : [...new Set(methods)].join(', ')
}

function patternOf(path: string): RegExp {
  const body = path.replace(/:[a-z]+/g, '[^/]+').replace('*', '.+')
  return new RegExp(`^(/k/[^/]+)?${body}$`)
}
