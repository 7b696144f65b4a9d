// A model that the environment names, as settings that say nothing else of it: every member is there, most of them undefined.

import type { Found } from './environment.ts'
import type { ModelSettings } from './schema-catalog.ts'

export function foundModelSettings({ id, provider }: Found['models'][number]): ModelSettings {
  return {
    id,
    targets: [
      {
        provider,
        model: id,
        order: 0,
        weight: 1,
        tags: [],
        abilities: undefined,
        overrides: {},
      },
    ],
    defaults: {},
    routing: undefined,
    losses: 'report',
    context_window: undefined,
    price: undefined,
    price_changes: undefined,
    tenant: undefined,
    access: undefined,
    cache: undefined,
    cache_ttl: undefined,
  }
}
