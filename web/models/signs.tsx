// The small signs of a model: where it is declared, how it fares, what its provider says of it, what it can do.

import { Badge, Status } from '../components/badge.tsx'
import { RelativeTime } from '../components/values.tsx'
import { fareOf, type Model } from './data.ts'

/** Where it is declared, unless it is made here. */
export function Origin({ model }: { model: Model }) {
  if (model.origin === 'store' || model.kind === 'direct') return null
  return (
    <Badge icon="file" title={model.read_only ?? ''}>
      {model.origin}
    </Badge>
  )
}

/** How it fares, with the reasons. */
export function Fare({ model }: { model: Model }) {
  const words = { ok: 'OK', degraded: 'Partly lost', down: 'Lost' }[fareOf(model)]
  const hasOther = model.problems.length > 0 && fareOf(model) === 'ok'
  return (
    <Status state={hasOther ? 'degraded' : fareOf(model)} title={model.problems.join(' ')}>
      {hasOther ? 'See problems' : words}
    </Status>
  )
}

export function DirectState({ status }: { status: Model['status'] }) {
  if (status === null) return <Status state="unknown">Not listed</Status>
  if (status.state === 'available') {
    return status.retires === null ? (
      <Status state="ok">Available</Status>
    ) : (
      <Status state="degraded">Until {status.retires.slice(0, 10)}</Status>
    )
  }
  return (
    <Status state="down">
      {status.state === 'gone' ? (
        <>
          Gone <RelativeTime at={status.gone_since} none="" />
        </>
      ) : (
        'Retired'
      )}
    </Status>
  )
}

export function Capabilities({ words }: { words: readonly string[] | null }) {
  if (words === null) return <span class="soft">unknown</span>
  return (
    <span class="row models-can">
      {words.map((word) => (
        <Badge key={word}>{word}</Badge>
      ))}
    </span>
  )
}
