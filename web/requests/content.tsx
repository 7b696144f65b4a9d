// What was said, where it is kept: what the client sent beside what the provider got, and what the provider answered beside what the client got.

import { useSignal } from '@preact/signals'
import { useMemo } from 'preact/hooks'
import { Panel } from '../components/page.tsx'
import { Tabs } from '../components/tabs.tsx'
import { CopyButton, PlainText } from '../components/values.tsx'
import type { RequestContent, RequestDetail } from './data.ts'
import { changesOf, linesOf, readBody, textOf, type Body, type StreamEvent } from './bodies.ts'

export function Content({ content, request }: { content: RequestContent; request: RequestDetail }) {
  const { client_request: asked, client_response: got } = content
  const { provider_request: sent, provider_response: came } = content
  return (
    <>
      <Pair
        title="Request"
        sides={[
          ['Client sent', asked],
          ['Provider got', sent],
        ]}
        same={
          request.attempts === 0
            ? 'No provider was asked.'
            : 'The provider was sent what the client sent, as it is.'
        }
      />
      <Pair
        title="Answer"
        sides={[
          ['Provider answered', came],
          ['Client got', got],
        ]}
        same={
          request.error_kind === null
            ? 'The client got what the provider answered, as it is.'
            : 'Of what a provider answered nothing else was kept.'
        }
      />
    </>
  )
}

type Side = readonly [title: string, text: string | null]

interface Read {
  readonly title: string
  readonly text: string | null
  readonly body: Body | undefined
}

const VIEWS = { text: 'Text', events: 'Events', pretty: 'JSON', raw: 'Raw' } as const
type View = keyof typeof VIEWS

function Pair({ same, sides, title }: { title: string; sides: readonly Side[]; same: string }) {
  const read = useMemo(
    () =>
      sides.map(([name, text]): Read => {
        return { title: name, text, body: text === null ? undefined : readBody(text) }
      }),
    sides.map(([, text]) => text),
  )
  const kinds = read.map(({ body }) => body?.kind)
  const views: View[] = [
    ...(kinds.includes('events') ? (['text', 'events'] as const) : []),
    ...(kinds.includes('json') ? (['pretty'] as const) : []),
    'raw',
  ]
  const chosen = useSignal<View>(views[0] ?? 'raw')
  const areBoth = read.every(({ text }) => text !== null)
  return (
    <Panel
      title={title}
      hint={
        areBoth
          ? chosen.value === 'pretty' && 'Marked: ~ is otherwise on the other side, + is not there.'
          : read.every(({ text }) => text === null)
            ? undefined
            : same
      }
    >
      <Tabs
        label={`${title}, shown as`}
        tabs={views.map((id) => ({ id: `${title}-${id}`, title: VIEWS[id] }))}
        current={`${title}-${chosen.value}`}
        onSelect={(id) => (chosen.value = id.slice(title.length + 1) as View)}
      >
        <div class={areBoth ? 'grid-2' : ''}>
          {read.map((side, at) =>
            side.text === null ? null : (
              <section key={side.title} class="requests-side">
                <header class="row spread">
                  <h3>{side.title}</h3>
                  <CopyButton text={side.text} what={side.title} />
                </header>
                <Shown side={side} other={read[1 - at]?.body} view={chosen.value} />
              </section>
            ),
          )}
        </div>
        {read.every(({ text }) => text === null) && (
          <p class="soft">There was none, or none was kept.</p>
        )}
      </Tabs>
    </Panel>
  )
}

function Shown({ other, side, view }: { side: Read; other: Body | undefined; view: View }) {
  const { body, text, title } = side
  if (body?.kind === 'events' && view === 'text')
    return <PlainText>{textOf(body.events)}</PlainText>
  if (body?.kind === 'events' && view === 'events') return <Events events={body.events} />
  if (body?.kind === 'json' && view !== 'raw') {
    const against = other?.kind === 'json' ? other.value : undefined
    return <Json label={title} value={body.value} other={against} />
  }
  return (
    <pre class="requests-body" tabIndex={0} role="region" aria-label={title}>
      {text}
    </pre>
  )
}

const MARKS = { changed: '~ ', alone: '+ ' }

function Json({ label, other, value }: { label: string; value: unknown; other: unknown }) {
  const lines = useMemo(() => linesOf(value), [value])
  const changes = useMemo(
    () => changesOf(lines, other === undefined ? undefined : linesOf(other)),
    [lines, other],
  )
  return (
    <pre class="requests-body" tabIndex={0} role="region" aria-label={label}>
      {lines.map(({ depth, path, text }, at) => {
        const change = changes[at]
        const line = `${'  '.repeat(depth)}${text}\n`
        return change === undefined ? (
          <span key={path}>{`  ${line}`}</span>
        ) : (
          <mark key={path}>{MARKS[change] + line}</mark>
        )
      })}
    </pre>
  )
}

const EVENTS_MAX = 500

function Events({ events }: { events: readonly StreamEvent[] }) {
  return (
    <ol class="requests-events">
      {events.slice(0, EVENTS_MAX).map(({ data, name }, at) => {
        const text = typeof data === 'string' ? data : JSON.stringify(data)
        return (
          <li key={at}>
            <details>
              <summary>
                <span class="soft">{at + 1}</span> {name !== undefined && <strong>{name} </strong>}
                <code>{text.slice(0, 200)}</code>
              </summary>
              <pre class="requests-body">
                {typeof data === 'string' ? data : JSON.stringify(data, null, 2)}
              </pre>
            </details>
          </li>
        )
      })}
      {events.length > EVENTS_MAX && <li class="soft">… {events.length - EVENTS_MAX} more</li>}
    </ol>
  )
}
