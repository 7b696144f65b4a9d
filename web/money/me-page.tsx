// My usage: what whoever looks has used and spent, what is left to them, and their own keys.

import { Bar } from '../components/badge.tsx'
import { ButtonLink } from '../components/button.tsx'
import { PageHeader, Panel } from '../components/page.tsx'
import { EmptyState, Loaded } from '../components/states.tsx'
import { TimeRangePicker, useTimeRange } from '../components/time-range.tsx'
import { RelativeTime } from '../components/values.tsx'
import { formatUsd } from '../format.ts'
import { useQuery } from '../query.ts'
import { can, session } from '../session.ts'
import { KeysBoard } from '../api-keys/keys-board.tsx'
import { ownKeys } from '../api-keys/keys-api.ts'
import { CounterBar } from './limits-tab.tsx'
import { readOwnLimits, readOwnUsage, type OwnLimits } from './money-api.ts'
import { Sums, UsageTable } from './usage-tab.tsx'
import { stepOf, UsageChart } from './usage-chart.tsx'
import { budgetWords, counterWords, subjectWords, whomWords, windowWords } from './words.ts'

export default function MyUsagePage() {
  const range = useTimeRange('30d')
  return (
    <>
      <PageHeader
        title="My usage"
        actions={
          <>
            <TimeRangePicker range={range} />
            <ButtonLink href="/ui/connect" icon="plug">
              Connect a tool
            </ButtonLink>
          </>
        }
      >
        What you have used and spent, and what is left.
      </PageHeader>
      <div class="stack">
        <OwnUse />
        <WhatIsLeft />
        {can('key.self') && session.value?.user !== undefined && <MyKeys />}
      </div>
    </>
  )
}

function OwnUse() {
  const range = useTimeRange('30d')
  const span = [range.id, range.since, range.until]
  const totals = useQuery(
    ['own-usage', 'totals', span],
    (options) => readOwnUsage({ ...range.moments(), by: ['model'] }, options),
    { pollMs: 30_000, keep: true },
  )
  const series = useQuery(
    ['own-usage', 'series', span],
    (options) => {
      const { since, until } = range.moments()
      const step = stepOf(Date.parse(since), Date.parse(until))
      return readOwnUsage({ since, until, by: [step, 'model'], limit: 10_000 }, options)
    },
    { pollMs: 30_000, keep: true },
  )
  return (
    <>
      <Loaded query={totals}>{({ sum }) => <Sums sum={sum} />}</Loaded>
      <div class="grid-2">
        <Panel title="Requests over time" hint="In UTC.">
          <Loaded query={series}>
            {({ data, group_by: groups, since, until }) => (
              <UsageChart
                label="Own requests over time"
                rows={data}
                since={since}
                until={until}
                step={groups[0] === 'hour' ? 'hour' : 'day'}
                by="model"
                measure="requests"
              />
            )}
          </Loaded>
        </Panel>
        <Panel title="By model" flush>
          <Loaded query={totals}>
            {({ data }) => <UsageTable rows={data} by="model" isBrief />}
          </Loaded>
        </Panel>
      </div>
    </>
  )
}

function WhatIsLeft() {
  const own = useQuery('own-limits', readOwnLimits, { pollMs: 10_000 })
  return (
    <Panel title="What is left" hint="Budgets and limits that your requests count for.">
      <Loaded query={own}>
        {({ budgets, limits }) =>
          budgets.length + limits.length === 0 ? (
            <EmptyState icon="gauge" title="Nothing holds you back">
              No budget and no limit concerns your requests.
            </EmptyState>
          ) : (
            <div class="bars">
              {budgets.map((budget) => (
                <OwnBudgetBar
                  key={`${budget.per} ${budget.subject} ${budget.window}`}
                  budget={budget}
                />
              ))}
              {limits.flatMap(({ counters, name, per, subject }) =>
                counters.map((counter) => (
                  <CounterBar
                    key={`${per} ${subject} ${counterWords(counter)}`}
                    counter={counter}
                    whom={whose(per, subject, name)}
                  />
                )),
              )}
            </div>
          )
        }
      </Loaded>
    </Panel>
  )
}

function whose(per: string, subject: string, name: string | null): string {
  if (per === 'user') return 'You'
  if (per === 'global' || per === 'tenant') return whomWords(per, null)
  return whomWords(per, subjectWords(subject, name))
}

function OwnBudgetBar({ budget }: { budget: OwnLimits['budgets'][number] }) {
  const {
    left_usd: left,
    name,
    per,
    subject,
    usd,
    used_share: share,
    window,
    window_end: end,
  } = budget
  const whom = whose(per, subject, name)
  return (
    <div class="account">
      <Bar
        label={`Budget of ${whom}`}
        value={share ?? 1}
        max={1}
        text={
          <>
            <strong>{whom}</strong>{' '}
            <span class="soft">
              {usd === null ? `budget ${windowWords(window)}` : budgetWords({ usd, window })}
            </span>
          </>
        }
      />
      <small class="soft">
        {usd === null ? 'Spent by others as well' : `${formatUsd(left)} of ${formatUsd(usd)} left`}
        {end !== null && (
          <>
            ; begins anew <RelativeTime at={end} />
          </>
        )}
      </small>
    </div>
  )
}

function MyKeys() {
  return (
    <KeysBoard keys={ownKeys} mayWrite mayDelete>
      {(create, list) => (
        <Panel title="My keys" flush actions={create}>
          {list}
        </Panel>
      )}
    </KeysBoard>
  )
}
