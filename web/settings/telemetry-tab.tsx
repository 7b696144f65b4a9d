// Where outcomes are sent and how that fares, and what the response cache holds and has saved.

import { api, unwrap } from '../api.ts'
import { Badge, Stat, Stats, Status } from '../components/badge.tsx'
import { Button } from '../components/button.tsx'
import { confirmAction } from '../components/dialog.tsx'
import { Panel } from '../components/page.tsx'
import { EmptyState, Loaded } from '../components/states.tsx'
import { Table } from '../components/table.tsx'
import { toast } from '../components/toast.tsx'
import { Count, Money, RelativeTime } from '../components/values.tsx'
import { formatBytes, formatCount, formatPercent } from '../format.ts'
import { invalidate, useQuery } from '../query.ts'
import { can, canEverywhere } from '../session.ts'

const POLL_MS = 5_000

export function TelemetryTab() {
  return (
    <div class="stack">
      {canEverywhere('health.read') && <Sinks />}
      {can('cache.read') && <Cache />}
    </div>
  )
}

function Sinks() {
  const sinks = useQuery(
    'sinks',
    ({ signal }) => unwrap(api.telemetry.get({ fetch: { signal } })),
    { pollMs: POLL_MS },
  )
  return (
    <Panel title="Where outcomes are sent" flush>
      <Loaded query={sinks}>
        {({ data }) => (
          <Table
            caption="Places and how they fare"
            rows={data}
            keyOf={({ id }) => id}
            columns={[
              {
                id: 'id',
                title: 'To',
                card: 'title',
                cell: ({ endpoint, id, type }) => (
                  <>
                    {id} <Badge>{type}</Badge>
                    <div class="soft">{endpoint}</div>
                  </>
                ),
              },
              {
                id: 'state',
                title: 'State',
                cell: (sink) => {
                  const { last_error: error, last_error_at: at, last_sent_at: sentAt } = sink
                  // The last of the two says how it is now.
                  const isFailing = error !== null && (sentAt === null || (at ?? '') > sentAt)
                  return (
                    <>
                      <Status state={isFailing ? 'down' : sentAt === null ? 'unknown' : 'ok'}>
                        {isFailing ? 'Fails' : sentAt === null ? 'Nothing sent yet' : 'Arrives'}
                      </Status>
                      {error !== null && (
                        <div class="soft">
                          {error} <RelativeTime at={at} />
                        </div>
                      )}
                    </>
                  )
                },
              },
              {
                id: 'sent',
                title: 'Sent',
                align: 'end',
                cell: (row) => <Count value={row.sent} />,
              },
              {
                id: 'queued',
                title: 'Waiting',
                align: 'end',
                cell: (row) => <Count value={row.queued} />,
              },
              {
                id: 'dropped',
                title: 'Lost',
                align: 'end',
                cell: ({ dropped }) =>
                  dropped > 0 ? <Badge tone="bad">{formatCount(dropped)}</Badge> : '0',
              },
            ]}
            empty={
              <EmptyState icon="external" title="Outcomes are sent nowhere">
                Traces, log exports and ClickHouse are set up in the configuration file.
              </EmptyState>
            }
          />
        )}
      </Loaded>
    </Panel>
  )
}

function Cache() {
  const cache = useQuery('cache', ({ signal }) => unwrap(api.cache.get({ fetch: { signal } })), {
    pollMs: POLL_MS,
  })
  return (
    <Loaded query={cache}>
      {({
        bytes,
        data,
        enabled,
        entries,
        hits,
        misses,
        saved_usd: saved,
        semantic_hits: alike,
        store,
      }) => {
        const asked = hits + alike + misses
        return (
          <Panel
            title="Response cache"
            hint={
              enabled
                ? `Since this process began; answers lie in ${store === 'memory' ? 'its memory' : store === 'redis' ? 'Redis' : 'the log store'}.`
                : 'It is off; the configuration turns it on.'
            }
            actions={
              can('cache.write') &&
              entries > 0 && (
                <Button icon="trash" onClick={() => void purge()}>
                  Empty it
                </Button>
              )
            }
          >
            <div class="stack">
              <Stats>
                <Stat label="Entries" value={formatCount(entries)} hint={formatBytes(bytes)} />
                <Stat
                  label="Hits"
                  value={formatCount(hits + alike)}
                  hint={asked === 0 ? '' : `${formatPercent((hits + alike) / asked)} of requests`}
                />
                <Stat label="Of these by meaning" value={formatCount(alike)} />
                <Stat label="Saved" value={<Money usd={saved} />} />
              </Stats>
              {data.length > 0 && (
                <Table
                  caption="What is kept, by model"
                  rows={data}
                  keyOf={({ model, tenant }) => `${tenant} ${model}`}
                  nameOf={({ model }) => model}
                  columns={[
                    { id: 'model', title: 'Model', card: 'title', cell: ({ model }) => model },
                    {
                      id: 'entries',
                      title: 'Entries',
                      align: 'end',
                      cell: (row) => <Count value={row.entries} />,
                    },
                    {
                      id: 'bytes',
                      title: 'Size',
                      align: 'end',
                      cell: (row) => formatBytes(row.bytes),
                    },
                  ]}
                  actions={({ model }) => [
                    can('cache.write')
                      ? { label: 'Empty', icon: 'trash', onSelect: () => void purge(model) }
                      : undefined,
                  ]}
                />
              )}
            </div>
          </Panel>
        )
      }}
    </Loaded>
  )
}

/** @param model of it alone */
async function purge(model?: string): Promise<void> {
  let deleted = 0
  const isDone = await confirmAction({
    title: model === undefined ? 'Empty the response cache?' : `Forget the answers of ${model}?`,
    message: 'What is asked again is asked of a provider, and costs again.',
    confirm: 'Empty it',
    run: async () => {
      const query = model === undefined ? {} : { model }
      deleted = (await unwrap(api.cache.delete(undefined, { query }))).deleted
    },
  })
  if (!isDone) return
  invalidate('cache')
  toast(`${formatCount(deleted)} answers are forgotten.`)
}
