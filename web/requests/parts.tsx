// Signs of a request that its line in the list and its own page both show.

import { Badge, Status } from '../components/badge.tsx'
import type { RequestRow } from './data.ts'

export function RequestStatus({ row }: { row: Pick<RequestRow, 'status' | 'error_kind'> }) {
  const { error_kind: error, status } = row
  const state = status < 400 ? 'ok' : status < 500 ? 'degraded' : 'down'
  return (
    <Status state={state} {...(error === null ? {} : { title: error })}>
      {status}
    </Status>
  )
}

/** @param isBrief where there is little room */
export function Signs({ isBrief = false, row }: { row: RequestRow; isBrief?: boolean }) {
  return (
    <span class="requests-signs">
      {row.error_kind !== null && <Badge tone="bad">{row.error_kind}</Badge>}
      {row.attempts > 1 && <Badge tone="warn">{row.attempts} attempts</Badge>}
      {row.losses > 0 && <Badge tone="warn">losses</Badge>}
      {(row.cache_read_tokens ?? 0) > 0 && <Badge tone="good">cached</Badge>}
      {row.stream && (
        <Badge icon="bolt" title="stream">
          <span class={isBrief ? 'visually-hidden' : ''}>stream</span>
        </Badge>
      )}
      {row.mode === 'translate' && <Badge>translated</Badge>}
    </span>
  )
}
