// What needs attention now, the worst first, each with the place where something can be done about it. Nothing is shown where nothing does.

import { api, unwrap } from '../api.ts'
import { Panel } from '../components/page.tsx'
import type { Tone } from '../components/notice.tsx'
import { TONE_ICONS } from '../components/notice.tsx'
import { formatCount, formatDuration, formatPercent } from '../format.ts'
import { Icon } from '../icons.tsx'
import { useQuery } from '../query.ts'
import { Link } from '../router.tsx'
import { can, canEverywhere } from '../session.ts'
import { useHealth, type Health } from './data.ts'

interface Item {
  readonly tone: Tone
  readonly what: string
  readonly href?: string
}

const NEAR_END = 0.8
const ITEMS_MAX = 12

export function Attention() {
  const health = useHealth()
  const budgets = useQuery(
    ['budgets', 'near'],
    ({ signal }) =>
      unwrap(
        api.budgets.get({ query: { limit: 20, sort: 'used', order: 'desc' }, fetch: { signal } }),
      ),
    { pollMs: 30_000, enabled: can('budget.read') },
  )
  const spent = (budgets.data?.data ?? []).flatMap(({ accounts, per }) =>
    accounts.flatMap(({ name, subject, used_share: share }): Item[] => {
      if (share === null || share < NEAR_END) return []
      const whom = per === 'tenant' ? 'everybody' : `${per} ${name ?? subject}`
      return [
        {
          tone: share >= 1 ? 'bad' : 'warn',
          what: `The budget of ${whom} is spent to ${formatPercent(share)}`,
          href: '/ui/limits',
        },
      ]
    }),
  )
  const sinks = useQuery(
    'sinks',
    ({ signal }) => unwrap(api.telemetry.get({ fetch: { signal } })),
    {
      pollMs: 30_000,
      enabled: canEverywhere('health.read'),
    },
  )
  const content = useQuery(
    'content',
    ({ signal }) => unwrap(api.content.get({ fetch: { signal } })),
    {
      pollMs: 30_000,
      enabled: canEverywhere('content_rule.read'),
    },
  )
  const problem = content.data?.problem ?? null
  const items = [
    ...(health.data === undefined ? [] : processItems(health.data)),
    ...(sinks.data?.data ?? []).flatMap(sinkItems),
    ...(problem === null
      ? []
      : [{ tone: 'bad' as const, what: `Bodies cannot be stored: ${problem}`, href: CONTENT }]),
    ...spent,
  ]
  if (items.length === 0) return null
  const worst = items.toSorted(
    (one, other) => Number(other.tone === 'bad') - Number(one.tone === 'bad'),
  )
  return (
    <Panel title="Needs attention" hint={items.length > ITEMS_MAX && `${items.length} things`}>
      <ul class="home-attention">
        {worst.slice(0, ITEMS_MAX).map(({ href, tone, what }) => (
          <li key={what} class={`tone-${tone}`}>
            <Icon name={TONE_ICONS[tone]} />
            {href === undefined ? what : <Link href={href}>{what}</Link>}
          </li>
        ))}
      </ul>
    </Panel>
  )
}

const CHECKS: Readonly<Record<string, string>> = {
  store: 'The store does not answer: nothing can be changed, and requests are not logged',
  provider: 'No provider is usable: every request is refused',
  accepting: 'This process is stopping and takes no more requests',
}

const CONTENT = '/ui/settings/content'

interface Sink {
  readonly id: string
  readonly dropped: number
  readonly last_error: string | null
  readonly last_error_at: string | null
  readonly last_sent_at: string | null
}

function sinkItems({
  dropped,
  id,
  last_error: error,
  last_error_at: at,
  last_sent_at: sentAt,
}: Sink) {
  const isFailing = error !== null && (sentAt === null || (at ?? '') > sentAt)
  const about = (what: string): Item => ({ tone: 'warn', what, href: '/ui/settings/telemetry' })
  return [
    ...(isFailing ? [about(`${id} takes no outcomes: ${error}`)] : []),
    ...(dropped > 0 ? [about(`${formatCount(dropped)} outcomes did not get to ${id}`)] : []),
  ]
}

function processItems({ checks, guardrails, limits, providers, redis }: Health): Item[] {
  const items = Object.entries(checks)
    .filter(([, isFine]) => !isFine)
    .map(([name]): Item => ({ tone: 'bad', what: CHECKS[name] ?? `${name} fails` }))
  if (redis.configured && !redis.connected) {
    items.push({ tone: 'warn', what: 'Redis does not answer: replicas tell each other nothing' })
  }
  if (!limits.connected) {
    const what = `Limits are not counted together: ${limits.counted} does not answer`
    items.push({ tone: 'warn', what, href: '/ui/limits' })
  }
  for (const { id, problem } of guardrails) {
    items.push({
      tone: 'bad',
      what: `Guardrail ${id} refuses what it concerns: ${problem}`,
      href: `/ui/guardrails/${encodeURIComponent(id)}`,
    })
  }
  return [...items, ...providers.flatMap(providerItems)]
}

function providerItems(provider: Health['providers'][number]): Item[] {
  const { check, id, keys, targets, usable, warnings = [] } = provider
  const href = `/ui/providers/${encodeURIComponent(id)}`
  const about = (tone: Tone, what: string): Item => ({ tone, what: `${id}: ${what}`, href })
  return [
    ...(usable ? [] : [about('bad', 'can’t be asked, it has no key that works')]),
    ...(check?.last?.ok === false
      ? [
          about(
            'bad',
            `does not answer its check${check.last.error === null ? '' : ` (${check.last.error})`}`,
          ),
        ]
      : []),
    ...keys.flatMap(({ free_in_ms: freeMs, hint, reason, state }) => {
      if (state !== 'limited' && state !== 'refused') return []
      const words = state === 'refused' ? 'is refused' : `rests for ${formatDuration(freeMs)}`
      return [
        about(
          state === 'refused' ? 'bad' : 'warn',
          `key …${hint ?? ''} ${words}${reason === null ? '' : ` (${reason})`}`,
        ),
      ]
    }),
    ...targets.flatMap(({ circuit, model }) =>
      circuit === 'open' ? [about('warn', `${model} fails and is left alone for a while`)] : [],
    ),
    ...warnings.map((warning) => about('warn', warning)),
  ]
}
