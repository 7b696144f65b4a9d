// What the first page asks for beside the request log.

import { api, unwrap } from '../api.ts'
import { useQuery } from '../query.ts'
import { can } from '../session.ts'

/** How the process and its providers fare. */
export function useHealth() {
  return useQuery(
    'health',
    ({ signal }) => unwrap(api.health.get({ query: {}, fetch: { signal } })),
    {
      pollMs: 10_000,
      enabled: can('health.read'),
    },
  )
}

export type Health = NonNullable<ReturnType<typeof useHealth>['data']>
