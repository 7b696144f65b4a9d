// Why something is shown and cannot be changed: the file or the environment declares it. One wording, whatever it is.

import type { Origin } from '../../core/catalog.ts'
import { GatewayError } from '../../core/error.ts'

/** In words for people; null where it can be changed. */
export function declaredReason(origin: Origin, what: string): string | null {
  switch (origin) {
    case 'store':
      return null
    case 'environment':
      return `A variable of the environment declares this ${what}; change it there.`
    default:
      return `The configuration file declares this ${what}; change it there.`
  }
}

/** @throws GatewayError 409 `declared_in_file` for what the store does not have */
export function refuseDeclared(origin: Origin, what: string): void {
  const reason = declaredReason(origin, what)
  if (reason === null) return
  throw new GatewayError('invalid_request', {
    status: 409,
    code: 'declared_in_file',
    message: reason,
  })
}
