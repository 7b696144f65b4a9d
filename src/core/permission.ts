// What can be done through the HTTP surface, as actions. Every route names one; a route without an action cannot be written.
// Who may do what is decided here alone and nowhere near a path.

import type { Principal } from './principal.ts'

export type Action =
  /** Anybody, without saying who: health, the page that helps to begin. */
  'public.read' | 'model.invoke' | 'model.list'

/** Whether the principal may act; undefined is a caller who did not authenticate. */
export function can(principal: Principal | undefined, action: Action): boolean {
  switch (action) {
    case 'public.read':
      return true
    case 'model.invoke':
    case 'model.list':
      return principal !== undefined
  }
}
