// Which methods a path takes, for the 405 that says so. Made from the routes the server has, so that it cannot lag behind.

export interface RegisteredRoute {
  readonly method: string
  readonly path: string
}

/** Answers with the value of the `Allow` header for a path that some route takes; undefined for a path that none does. */
export function createAllowedMethods(
  routes: readonly RegisteredRoute[],
): (path: string) => string | undefined {
  const patterns = routes.map(({ method, path }) => ({ method, pattern: patternOf(path) }))
  return (path) => {
    const methods = patterns.filter(({ pattern }) => pattern.test(path))
    if (methods.length === 0) return undefined
    return [...new Set(methods.map(({ method }) => method))].join(', ')
  }
}

function patternOf(path: string): RegExp {
  return new RegExp(`^${path.replace(/:[a-z]+/g, '[^/]+').replace('*', '.+')}$`)
}
