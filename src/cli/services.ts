// What the commands about services share: how one is shown.

import type { Service } from '../core/identity.ts'
import { formatDate } from './format.ts'
import type { ListOf } from './people.ts'
import { serviceJson } from '../server/admin/people/json.ts'

export { serviceJson }

export const SERVICES: ListOf<Service> = {
  columns: [
    { header: 'ID' },
    { header: 'NAME', maxWidth: 60 },
    { header: 'STATE' },
    { header: 'CLIENT', maxWidth: 60 },
    { header: 'CREATED' },
  ],
  cells: ({ clientId, createdMs, id, issuer, name, status }) => [
    id,
    name,
    status,
    clientId === undefined ? '-' : `${issuer ?? ''}: ${clientId}`,
    formatDate(createdMs),
  ],
  json: serviceJson,
  none: 'No services. Make one with: weir services create ID',
}
