// Scopes as people write them, in a command or in a request: whole paths, or short words for what lies in one tenant. Pure.

import type { Scope } from '../identity.ts'
import { isScope, scopes } from '../permission.ts'

/** What is told to whoever writes another thing. */
export const SCOPE_WORDS =
  'A scope is / for the whole installation, tenant, team:ID, provider:ID, model:NAME, or a path such as /tenants/acme/models/fast.'

/** `/`, a path, or within the tenant `tenant`, `team:research`, `provider:openai`, `model:fast`; undefined for what is none. */
export function scopeFromWords(text: string, tenantId: string): Scope | undefined {
  const colon = text.indexOf(':')
  const [kind, name] = [text.slice(0, colon), text.slice(colon + 1)]
  const scope =
    text === 'tenant'
      ? scopes.tenant(tenantId)
      : kind === 'model' || kind === 'provider' || kind === 'team'
        ? scopes[kind](tenantId, name)
        : text
  return isScope(scope) ? scope : undefined
}
