// What would happen: which targets a request would be put to, in which order and why, with what the server knows now. Nobody is asked.

import { useSignal } from '@preact/signals'
import { api, unwrap } from '../api.ts'
import { Badge } from '../components/badge.tsx'
import { Checkbox, Field, Input } from '../components/field.tsx'
import { ChipsInput, NumberInput } from '../components/inputs.tsx'
import { Notice } from '../components/notice.tsx'
import { Panel } from '../components/page.tsx'
import { Loaded } from '../components/states.tsx'
import { Duration } from '../components/values.tsx'
import { useQuery } from '../query.ts'

const NEEDS = [
  ['vision', 'with a picture'],
  ['tools', 'with tools'],
  ['json_schema', 'with a JSON Schema'],
] as const

type Need = (typeof NEEDS)[number][0]

interface Wishes {
  readonly needs: readonly Need[]
  readonly tokens: number | null
  readonly tags: readonly string[]
  readonly key: string
}

const readRoute = (model: string, wishes: Wishes, signal: AbortSignal) =>
  unwrap(
    api.route.post(
      {
        model,
        needs: [...wishes.needs],
        ...(wishes.tokens === null ? {} : { tokens: wishes.tokens }),
        ...(wishes.tags.length === 0 ? {} : { tags: [...wishes.tags] }),
        ...(wishes.key.trim() === '' ? {} : { key: wishes.key.trim() }),
      },
      { fetch: { signal } },
    ),
  )

type Route = Awaited<ReturnType<typeof readRoute>>['routes'][number]

export function ExplainPanel({ id }: { id: string }) {
  const wishes = useSignal<Wishes>({ needs: [], tokens: null, tags: [], key: '' })
  const { value } = wishes
  const set = (part: Partial<Wishes>) => (wishes.value = { ...wishes.peek(), ...part })
  const route = useQuery(['route', id, value], ({ signal }) => readRoute(id, value, signal), {
    keep: true,
    pollMs: 15_000,
  })
  const param = route.problem?.param
  const errorAt = (name: string) =>
    param === name || param?.startsWith(`${name}[`) === true ? route.problem?.detail : undefined
  return (
    <Panel title="What would happen" hint="To a request of now. Nobody is asked.">
      <div class="stack">
        <div class="explain-wishes">
          <fieldset>
            <legend>A request</legend>
            {NEEDS.map(([need, label]) => (
              <Checkbox
                key={need}
                label={label}
                value={value.needs.includes(need)}
                onValue={(isOn) =>
                  set({
                    needs: isOn
                      ? [...value.needs, need]
                      : value.needs.filter((each) => each !== need),
                  })
                }
              />
            ))}
          </fieldset>
          <Field label="Length of its prompt" error={errorAt('tokens')}>
            <NumberInput
              whole
              suffix="tokens"
              value={value.tokens}
              onValue={(tokens) => set({ tokens })}
            />
          </Field>
          <Field label="Tags it asks for" error={errorAt('tags')}>
            <ChipsInput value={value.tags} onValue={(tags) => set({ tags })} />
          </Field>
          <Field label="With the API key" hint="Its name or id." error={errorAt('key')}>
            <Input value={value.key} onValue={(key) => set({ key })} spellcheck={false} />
          </Field>
        </div>
        <Loaded query={route}>
          {({ routes }) => (
            <div class="stack" role="group" aria-label="Decision">
              {routes.map((each, at) => (
                <RouteSteps key={`${each.model} ${each.fallback_for ?? ''} ${at}`} route={each} />
              ))}
            </div>
          )}
        </Loaded>
      </div>
    </Panel>
  )
}

const CAUSE_WORDS: Readonly<Record<string, string>> = {
  rate_limited: 'if the provider limits requests',
  timed_out: 'if no answer comes in time',
  context_length: 'if the prompt is too long',
  content_filter: 'if content rules refuse it',
  failed: 'if it fails',
  any: 'if none of these answers',
}

/** What decided, where that is more than the order. */
const BY_WORDS: Readonly<Record<string, string>> = {
  weighted: 'By lot and weight: the next request may get another order.',
  round_robin: 'Each in turn: the next request begins with another one.',
  least_busy: 'The one with the fewest requests running comes first.',
  latency: 'The fastest of late comes first.',
  cost: 'The cheapest comes first.',
  sticky: 'Kept at the target that answered before.',
  pinned: 'The request names its target.',
}

/** They say something of a single target too. */
const OF_ONE: ReadonlySet<string> = new Set(['sticky', 'pinned'])

/** Whether there is anything to decide among targets of one order, which each reason begins with. */
function sharesOrder(asked: Route['candidates']): boolean {
  const orders = asked.map(({ reason }) => /^order \d+/.exec(reason)?.[0] ?? '')
  return new Set(orders).size < orders.length
}

function RouteSteps({ route }: { route: Route }) {
  const asked = route.candidates
    .filter(({ rank }) => rank !== null)
    .toSorted((a, b) => (a.rank ?? 0) - (b.rank ?? 0))
  const passed = route.candidates.filter(({ rank }) => rank === null)
  return (
    <section class="route">
      {route.fallback_for !== null && (
        <h3>
          Then {route.model}{' '}
          <span class="soft">{CAUSE_WORDS[route.fallback_for] ?? route.fallback_for}</span>
        </h3>
      )}
      {route.refused !== null && (
        <Notice tone="warn" title="Nobody would be asked">
          {route.refused.message}
          {route.retry_after_ms !== null && (
            <>
              {' '}
              Again in <Duration ms={route.retry_after_ms} />.
            </>
          )}
        </Notice>
      )}
      {(sharesOrder(asked) || OF_ONE.has(route.by)) && BY_WORDS[route.by] !== undefined && (
        <p class="soft">{BY_WORDS[route.by]}</p>
      )}
      <ol class="route-steps">
        {asked.map((candidate) => (
          <li key={`${candidate.provider}/${candidate.model}`}>
            <strong>
              {candidate.provider}/{candidate.model}
            </strong>
            <span class="soft">{candidate.reason}</span>
          </li>
        ))}
      </ol>
      {passed.length > 0 && (
        <ul class="route-passed" aria-label="Passed over">
          {passed.map((candidate) => (
            <li key={`${candidate.provider}/${candidate.model}`}>
              <Badge>passed over</Badge> {candidate.provider}/{candidate.model}
              <span class="soft">{candidate.reason}</span>
            </li>
          ))}
        </ul>
      )}
    </section>
  )
}
