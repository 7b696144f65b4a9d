// What an object with the bodies of a request is called: by its tenant, so that policies of a bucket can tell tenants apart, then by its
// day, then by the request. The same request always has the same name, so what is brought out twice is there once.

import type { Outcome } from '../core/outcome.ts'

const NAME = /^[a-z0-9][a-z0-9-]{0,62}\/\d{4,}\/\d\d\/\d\d\/[0-9a-f-]{36}\.json\.zst$/

/** Whether a name is one of these. Others behind the prefix are somebody else's. */
export function isObjectKey(prefix: string, key: string): boolean {
  return key.startsWith(prefix) && NAME.test(key.slice(prefix.length))
}

/** @param prefix empty or with a slash at its end */
export function objectKeyOf(
  prefix: string,
  { logId, tenantId, timestampMs }: Pick<Outcome, 'logId' | 'tenantId' | 'timestampMs'>,
): string {
  const day = new Date(timestampMs).toISOString().slice(0, 10).replaceAll('-', '/')
  return `${prefix}${tenantId}/${day}/${logId}.json.zst`
}
