// What the commands about tenants share: how one is shown.

import type { Tenant } from '../core/identity.ts'
import { formatDate } from './format.ts'
import type { ListOf } from './people.ts'
import { tenantJson } from '../server/admin/people/json.ts'

export { tenantJson }

export const TENANTS: ListOf<Tenant> = {
  columns: [
    { header: 'ID' },
    { header: 'NAME', maxWidth: 60 },
    { header: 'STATE' },
    { header: 'CREATED' },
  ],
  cells: ({ createdMs, id, name, status }) => [
    id,
    name,
    status,
    createdMs === 0 ? '-' : formatDate(createdMs),
  ],
  json: tenantJson,
  none: 'No tenants.',
}
