// The columns of the list of requests: what one looks for at a glance, fewer of them where the window is narrow.

import { Duration, Money, Tokens } from '../components/values.tsx'
import type { ListColumn } from '../components/virtual-list.tsx'
import { Link } from '../router.tsx'
import { pageOf, shortTime, whoOf, type RequestRow } from './data.ts'
import { RequestStatus, Signs } from './parts.tsx'

export const COLUMNS: readonly ListColumn<RequestRow>[] = [
  {
    id: 'time',
    title: 'Time',
    width: 'clamp(5rem, 13vw, 8.6rem)',
    cell: (row) => {
      const [day, time] = shortTime(row.time)
      return (
        <Link href={pageOf(row)} tabIndex={-1} class="number requests-time" title={row.time}>
          <span class="requests-wide">{day} </span>
          {time}
        </Link>
      )
    },
  },
  { id: 'status', title: 'Status', width: '3.8rem', cell: (row) => <RequestStatus row={row} /> },
  {
    id: 'model',
    title: 'Model',
    width: 'minmax(7rem, 2fr)',
    cell: (row) => (
      <span title={`${row.model ?? '—'} → ${row.provider ?? '—'} ${row.model_resolved ?? ''}`}>
        {row.model ?? row.endpoint}
        {row.provider !== null && <span class="soft"> → {row.provider}</span>}
      </span>
    ),
  },
  { id: 'who', title: 'Who', width: 'minmax(4.5rem, 1fr)', wideOnly: true, cell: whoOf },
  {
    id: 'tokens',
    title: 'In / out',
    width: '5.4rem',
    align: 'end',
    wideOnly: true,
    cell: (row) => (
      <>
        <Tokens count={row.input_tokens} /> / <Tokens count={row.output_tokens} />
      </>
    ),
  },
  {
    id: 'cost',
    title: 'Cost',
    width: '5.3rem',
    align: 'end',
    wideOnly: true,
    cell: (row) => (row.input_tokens === null ? '—' : <Money usd={row.cost_usd} />),
  },
  {
    id: 'took',
    title: 'Took',
    width: 'clamp(4.3rem, 12vw, 8.8rem)',
    align: 'end',
    cell: (row) => (
      <span title="First token / total">
        <span class="requests-wide soft">
          <Duration ms={row.first_token_ms} /> /{' '}
        </span>
        <Duration ms={row.total_ms} />
      </span>
    ),
  },
  {
    id: 'signs',
    title: 'Signs',
    width: 'minmax(7rem, 1.4fr)',
    wideOnly: true,
    cell: (row) => <Signs row={row} isBrief />,
  },
]
