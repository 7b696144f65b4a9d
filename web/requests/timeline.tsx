// When what happened within one request: the whole, its waiting, and each attempt, drawn to one scale and said in words beside it.

import { formatDuration } from '../format.ts'
import { stageName, type RequestDetail } from './data.ts'

interface Span {
  readonly label: string
  readonly from: number
  readonly to: number
  /** Where the first byte came. */
  readonly first?: number | null
  readonly tone: 'good' | 'bad' | 'warn' | 'neutral'
}

function spansOf(request: RequestDetail): readonly Span[] {
  const { attempts_made: attempts, first_token_ms: first, queued_ms: queued, status } = request
  const whole: Span = {
    label: 'Request',
    from: 0,
    to: request.total_ms,
    first,
    tone: status < 400 ? 'good' : 'bad',
  }
  const waited: Span[] =
    queued === null ? [] : [{ label: 'Waited for a place', from: 0, to: queued, tone: 'warn' }]
  const tried = attempts.flatMap((attempt, at): Span[] => {
    const {
      as,
      duration_ms: took,
      error,
      first_byte_ms: byte,
      provider,
      started_ms: from,
    } = attempt
    // Older rows do not know when an attempt began.
    if (from === null) return []
    const label = `${at + 1}. ${provider}${as === null ? '' : ` (${as})`}`
    return [
      {
        label,
        from,
        to: Math.max(from + took, byte ?? 0),
        first: byte,
        tone: error === null ? 'good' : 'bad',
      },
    ]
  })
  const judged = (request.guardrails ?? []).map((one): Span => {
    const { duration_ms: took, rule, stage, started_ms: from, verdict } = one
    const isBad = verdict === 'blocked' || verdict === 'failed-closed'
    const tone = isBad ? 'bad' : verdict === 'pass' ? 'good' : 'warn'
    return { label: `${rule}, ${stageName(stage)}`, from, to: from + took, tone }
  })
  const { cache } = request
  const looked: Span[] =
    cache === null || cache.started_ms === null
      ? []
      : [
          {
            label: `Response cache: ${cache.state}`,
            from: cache.started_ms,
            to: cache.started_ms + (cache.duration_ms ?? 0),
            tone: cache.state === 'hit' ? 'good' : 'neutral',
          },
        ]
  const within = [...judged, ...looked, ...tried].toSorted((one, other) => one.from - other.from)
  return [whole, ...waited, ...within]
}

export function Timeline({ request }: { request: RequestDetail }) {
  const spans = spansOf(request)
  const end = Math.max(0.001, ...spans.map(({ to }) => to))
  const share = (ms: number) => `${(Math.max(0, ms) / end) * 100}%`
  return (
    <ol class="requests-timeline">
      {spans.map(({ first, from, label, to, tone }) => (
        <li key={label}>
          <span class="truncate" title={label}>
            {label}
          </span>
          <span class={`requests-track tone-${tone}`} aria-hidden="true">
            <i style={{ left: share(from), width: share(to - from) }} />
            {first != null && <b style={{ left: share(first), width: share(to - first) }} />}
          </span>
          <span class="soft">
            {from > 0 && `after ${formatDuration(from)}, `}
            {first != null && `first byte at ${formatDuration(first)}, `}
            took {formatDuration(to - from)}
          </span>
        </li>
      ))}
    </ol>
  )
}
