// The first page: what to do first, what needs attention, and how things go. Whoever may not look at all of it sees what is their own.

import { Stat, Stats } from '../components/badge.tsx'
import { ButtonLink } from '../components/button.tsx'
import { PageHeader } from '../components/page.tsx'
import { Loaded } from '../components/states.tsx'
import { TimeRangePicker, useTimeRange } from '../components/time-range.tsx'
import { Count, Money, Tokens } from '../components/values.tsx'
import { api, unwrap } from '../api.ts'
import { useQuery } from '../query.ts'
import { can } from '../session.ts'
import { Attention } from './attention.tsx'
import { FirstSteps } from './steps.tsx'
import { Traffic } from './traffic.tsx'

export default function HomePage() {
  const range = useTimeRange('24h')
  return (
    <>
      <PageHeader title="Home" actions={<TimeRangePicker range={range} />}>
        One address for every model. Clients keep the protocol they speak.
      </PageHeader>
      <div class="stack">
        <FirstSteps />
        <Attention />
        {can('request.read') ? <Traffic /> : can('usage.self') && <OwnUse />}
      </div>
    </>
  )
}

function OwnUse() {
  const range = useTimeRange('24h')
  const own = useQuery(
    ['own-usage', 'home', range.id, range.since, range.until],
    ({ signal }) => unwrap(api.usage.self.get({ query: range.moments(), fetch: { signal } })),
    { pollMs: 30_000, keep: true },
  )
  return (
    <Loaded query={own}>
      {({ sum }) => (
        <Stats>
          <Stat label="Your requests" icon="list" value={<Count value={sum.requests} />} />
          <Stat label="Spent" icon="money" value={<Money usd={sum.cost_usd} />} />
          <Stat label="Tokens in" icon="bolt" value={<Tokens count={sum.input_tokens} />} />
          <Stat label="Tokens out" icon="bolt" value={<Tokens count={sum.output_tokens} />} />
          <Stat
            label="What is left"
            icon="gauge"
            value={<ButtonLink href="/ui/me">My usage</ButtonLink>}
          />
        </Stats>
      )}
    </Loaded>
  )
}
