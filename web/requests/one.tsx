// One request: when what happened, who was asked and why, what it used and cost, what could not be said, and what was said where that is kept.

import { ButtonLink, IconButton } from '../components/button.tsx'
import { Badge, Stat, Stats } from '../components/badge.tsx'
import { Notice } from '../components/notice.tsx'
import { Facts, PageHeader, Panel } from '../components/page.tsx'
import { ErrorState, Loaded } from '../components/states.tsx'
import { Table } from '../components/table.tsx'
import { CopyButton, Duration, Money, Time, Tokens } from '../components/values.tsx'
import { formatBytes, formatCount } from '../format.ts'
import type { PageProps } from '../pages.ts'
import { useQuery } from '../query.ts'
import { Link, navigate } from '../router.tsx'
import { can } from '../session.ts'
import { Content } from './content.tsx'
import {
  isHeldBy,
  pageOf,
  readContent,
  readHolds,
  readOne,
  stageName,
  VERDICT_TONES,
  whoOf,
  type FilterName,
  type RequestContent,
  type RequestDetail,
} from './data.ts'
import { useKeys } from './list-keys.ts'
import { RequestStatus, Signs } from './parts.tsx'
import { besides, listAddress } from './search.ts'
import { Timeline } from './timeline.tsx'

export default function RequestPage({ params }: PageProps) {
  const id = params['id'] ?? ''
  const request = useQuery(['request', id], (options) => readOne(id, options), { freshMs: 60_000 })
  const isShown = request.data?.has_content === true && can('request.content.read')
  const content = useQuery(['request-content', id], (options) => readContent(id, options), {
    enabled: isShown,
    freshMs: 60_000,
  })
  const { newer, older } = besides(id)
  const go = (row: typeof newer) => row !== undefined && navigate(pageOf(row), { replace: true })
  useKeys((key) => {
    if (key !== 'j' && key !== 'k') return false
    go(key === 'j' ? older : newer)
    return true
  })
  const { data } = request
  return (
    <>
      <PageHeader
        title={data?.model ?? 'Request'}
        back={{ href: listAddress.value, label: 'Requests' }}
        badges={data !== undefined && <Signs row={data} />}
        actions={
          <>
            <IconButton icon="up" label="Newer" disabled={!newer} onClick={() => go(newer)} />
            <IconButton icon="down" label="Older" disabled={!older} onClick={() => go(older)} />
            {content.data?.client_request != null && data !== undefined && (
              <>
                <CopyButton text={curlOf(data, content.data.client_request)} what="as curl" wide />
                {can('model.invoke') && (
                  <ButtonLink icon="play" href={`/ui/playground?replay=${id}`}>
                    Replay on another model
                  </ButtonLink>
                )}
              </>
            )}
          </>
        }
      >
        {data !== undefined && (
          <>
            <code>{data.endpoint}</code> by {whoOf(data)}, <Time at={data.time} />
          </>
        )}
      </PageHeader>
      <Loaded query={request}>
        {(one) => (
          <div class="stack">
            <OnHold request={one} />
            <Sums request={one} />
            {one.error_kind !== null && (
              <Notice tone="bad" title={one.error_kind}>
                {one.error ?? 'Nothing more is known.'}
              </Notice>
            )}
            <Panel title="Timeline">
              <Timeline request={one} />
            </Panel>
            <Judged request={one} />
            <Cached request={one} />
            <Attempts request={one} />
            <Route request={one} />
            <Losses request={one} />
            {isShown ? (
              content.problem !== undefined && content.data === undefined ? (
                <ErrorState problem={content.problem} onRetry={() => void content.refetch()} />
              ) : (
                content.data !== undefined && <Content content={content.data} request={one} />
              )
            ) : (
              <NotKept request={one} />
            )}
            <Details request={one} />
          </div>
        )}
      </Loaded>
    </>
  )
}

/** As one would ask again, with a word where the key belongs. */
function curlOf({ endpoint }: RequestDetail, body: NonNullable<RequestContent['client_request']>) {
  return [
    `curl ${location.origin}${endpoint}`,
    "-H 'content-type: application/json'",
    "-H 'authorization: Bearer YOUR_KEY'",
    `-d '${body.replaceAll("'", String.raw`'\''`)}'`,
  ].join(' \\\n  ')
}

function Sums({ request }: { request: RequestDetail }) {
  const { usage } = request
  return (
    <Stats>
      <Stat label="Status" value={<RequestStatus row={request} />} hint={request.finish ?? ''} />
      <Stat label="First token" value={<Duration ms={request.first_token_ms} />} />
      <Stat label="Total" value={<Duration ms={request.total_ms} />} />
      <Stat
        label="Tokens"
        value={
          <>
            <Tokens count={request.input_tokens} /> / <Tokens count={request.output_tokens} />
          </>
        }
        hint={usage.estimated ? 'in / out, estimated' : 'in / out'}
      />
      <Stat label="Cost" value={<Money usd={request.cost_usd} />} />
    </Stats>
  )
}

function Attempts({ request }: { request: RequestDetail }) {
  const rows = request.attempts_made.map((attempt, at) => ({ ...attempt, at }))
  return (
    <Panel title="Attempts" flush>
      <Table
        caption="Targets asked"
        rows={rows}
        keyOf={({ at }) => String(at)}
        columns={[
          {
            id: 'target',
            title: 'Asked',
            card: 'title',
            cell: ({ at, model, provider }) => `${at + 1}. ${provider}/${model}`,
          },
          { id: 'as', title: 'As', cell: ({ as }) => as ?? 'first try' },
          {
            id: 'key',
            title: 'Key',
            cell: (row) => (row.key_hint === null ? '—' : `•••• ${row.key_hint}`),
          },
          { id: 'mode', title: 'Mode', cell: ({ mode }) => mode },
          {
            id: 'status',
            title: 'Came back',
            cell: ({ error, status }) => (
              <>
                {status ?? 'nothing'} {error !== null && <Badge tone="bad">{error}</Badge>}
              </>
            ),
          },
          {
            id: 'took',
            title: 'Took',
            align: 'end',
            cell: (row) => <Duration ms={row.duration_ms} />,
          },
        ]}
        empty={<p class="soft requests-note">No provider was asked.</p>}
      />
    </Panel>
  )
}

/** What keeps it from being deleted. */
function OnHold({ request }: { request: RequestDetail }) {
  const holds = useQuery('holds', readHolds, { enabled: can('hold.read'), freshMs: 60_000 })
  return (
    <>
      {holds.data?.data
        .filter((hold) => isHeldBy(request, hold))
        .map(({ id, reason }) => (
          <Notice key={id} title="On hold">
            <Link href="/ui/settings/content">{id}</Link> keeps it from being deleted: {reason}
          </Notice>
        ))}
    </>
  )
}

function Judged({ request: { guardrails } }: { request: RequestDetail }) {
  if (guardrails === null || guardrails.length === 0) return null
  const mayLook = can('guardrail.read')
  return (
    <Panel title="Guardrails" flush>
      <Table
        caption="Guardrails that were asked"
        rows={guardrails}
        keyOf={({ rule, stage }) => `${rule} ${stage}`}
        columns={[
          {
            id: 'rule',
            title: 'Guardrail',
            card: 'title',
            cell: ({ rule }) =>
              mayLook ? (
                <Link href={`/ui/guardrails/${encodeURIComponent(rule)}`}>{rule}</Link>
              ) : (
                rule
              ),
          },
          { id: 'stage', title: 'Looked at', cell: ({ stage }) => stageName(stage) },
          {
            id: 'verdict',
            title: 'Verdict',
            cell: ({ verdict }) => (
              <Link href={`/ui/requests?verdict=${verdict}`}>
                <Badge tone={VERDICT_TONES[verdict]}>{verdict}</Badge>
              </Link>
            ),
          },
          { id: 'found', title: 'Found', cell: ({ categories }) => categories.join(', ') || '—' },
          {
            id: 'took',
            title: 'Took',
            align: 'end',
            cell: ({ asked, duration_ms: took }) => (
              <>
                <Duration ms={took} />
                {asked > 1 && <span class="soft"> in {asked}</span>}
              </>
            ),
          },
        ]}
      />
    </Panel>
  )
}

function Cached({ request: { cache } }: { request: RequestDetail }) {
  if (cache === null) return null
  const isHit = cache.state === 'hit'
  return (
    <Panel title="Response cache">
      <Facts
        items={[
          [
            'State',
            <Badge key="state" tone={isHit ? 'good' : 'neutral'}>
              {cache.state}
            </Badge>,
          ],
          ['Compared', cache.kind === 'exact' ? 'equal requests' : 'the same meaning'],
          isHit ? ['Saved', <Money key="saved" usd={cache.saved_usd} />] : undefined,
          isHit ? ['Age of the answer', <Duration key="age" ms={cache.age_ms} />] : undefined,
        ]}
      />
    </Panel>
  )
}

interface RouteRecord {
  readonly model: string
  readonly by: string
  readonly fallback_for: string | null
  readonly candidates: readonly {
    readonly provider: string
    readonly model: string
    readonly rank: number | null
    readonly reason: string
  }[]
}

function Route({ request }: { request: RequestDetail }) {
  const records = (request.route ?? []) as readonly unknown[] as readonly RouteRecord[]
  if (records.length === 0) return null
  return (
    <Panel title="Why there">
      {records.map(({ by, candidates, fallback_for: why, model }) => (
        <section key={model}>
          <h3>
            {model}, {by}
            {why !== null && <span class="soft">: {why}</span>}
          </h3>
          <ul class="plain-list">
            {candidates.map((each) => (
              <li key={`${each.provider}/${each.model}`}>
                {each.rank === null ? 'Passed over: ' : `${each.rank + 1}. `}
                <strong>
                  {each.provider}/{each.model}
                </strong>{' '}
                <span class="soft">{each.reason}</span>
              </li>
            ))}
          </ul>
        </section>
      ))}
    </Panel>
  )
}

function Losses({ request: { losses_told: losses } }: { request: RequestDetail }) {
  if (losses.length === 0) return null
  return (
    <Panel title="Losses" hint="What the provider’s protocol could not say.">
      <ul class="plain-list">
        {losses.map(({ action, detail, feature, path, token }) => (
          <li key={token}>
            <strong>{feature}</strong> at <code>{path}</code>{' '}
            {action === 'dropped' ? 'was left out' : 'was said in another way'}
            {detail !== null && `: ${detail}`}
          </li>
        ))}
      </ul>
    </Panel>
  )
}

const CLASSES = {
  input_tokens: 'Input',
  cache_read_tokens: 'Read from cache',
  cache_write_5m_tokens: 'Written to cache, 5 min',
  cache_write_1h_tokens: 'Written to cache, 1 h',
  output_tokens: 'Output',
  reasoning_tokens: 'Of it reasoning',
  input_audio_tokens: 'Audio in',
  output_audio_tokens: 'Audio out',
} as const

function Details({ request }: { request: RequestDetail }) {
  const { usage } = request
  const only = (name: FilterName, id: string | null, words: string | null) =>
    id === null ? undefined : (
      <Link href={`/ui/requests?${name}=${encodeURIComponent(id)}`}>{words ?? id}</Link>
    )
  const items: [string, unknown][] = [
    ['Provider', only('provider', request.provider, null)],
    ['Provider’s model', request.model_resolved],
    ['Client speaks', request.client_format],
    ['Kind', request.operation],
    ['Mode', request.mode],
    ['Key', only('key', request.key, request.key_name)],
    ['User', only('user', request.user, request.user_name)],
    ['Team', only('team', request.team, request.team_name)],
    ['Service', only('service', request.service, request.service_name)],
    ...Object.entries(CLASSES).map(([name, words]): [string, unknown] => {
      const count = usage[name as keyof typeof CLASSES]
      return [`${words} tokens`, count === null || count === 0 ? null : formatCount(count)]
    }),
    [
      'Sent, received',
      `${formatBytes(request.request_bytes)}, ${formatBytes(request.response_bytes)}`,
    ],
    ['Program', request.user_agent],
    ['Request id', <code key="id">{request.request_id}</code>],
    ['Log id', <code key="id">{request.log_id}</code>],
    ['Trace id', request.trace_id],
  ]
  return (
    <Panel title="Details">
      <Facts
        items={items.map(([name, value]) =>
          value === null || value === undefined ? undefined : [name, value as string],
        )}
      />
    </Panel>
  )
}

function NotKept({ request }: { request: RequestDetail }) {
  if (request.has_content) {
    return (
      <Notice title="What was said is kept, and not shown to you">
        None of your roles lets you read the content of requests.
      </Notice>
    )
  }
  return (
    <Notice
      title="What was said is not kept"
      actions={can('settings.write') && <ButtonLink href="/ui/settings">Settings</ButtonLink>}
    >
      The log held metadata alone when this request was made. To keep bodies from now on, set{' '}
      <code>log.requests</code> to <code>content</code>.
    </Notice>
  )
}
