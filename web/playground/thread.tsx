// The conversation as it is read: what was said, and under it the answers side by side with what each took. Only the answer that is coming is drawn
// anew while it comes.

import { useSignal } from '@preact/signals'
import { useEffect, useRef } from 'preact/hooks'
import { Badge } from '../components/badge.tsx'
import { Button, IconButton } from '../components/button.tsx'
import { Field, Textarea } from '../components/field.tsx'
import { Notice } from '../components/notice.tsx'
import { CodeBlock, CopyButton, JsonView, PlainText } from '../components/values.tsx'
import { formatCompact, formatDuration, formatUsd } from '../format.ts'
import { Icon } from '../icons.tsx'
import { Link } from '../router.tsx'
import { can } from '../session.ts'
import { Thumbnails, tried } from './composer.tsx'
import { retry, sendResults } from './run.ts'
import { columns, liveStep, running, stop, turns, draft } from './state.ts'
import type { Column, Facts, Problem, Step, ToolCall, Turn } from './types.ts'

/** So near to its end one is at its end. */
const NEAR_PX = 80

/** Keeps the end of the conversation in sight while one is there, and goes there when something new is said. */
function useEndInSight(count: number) {
  const list = useRef<HTMLOListElement>(null)
  const isThere = useRef(true)
  const beyond = () => {
    const composer = document.querySelector('.pg-composer')
    const room = innerHeight - (composer?.getBoundingClientRect().height ?? 0)
    return (list.current?.getBoundingClientRect().bottom ?? 0) - room + NEAR_PX / 4
  }
  const follow = () => {
    const px = beyond()
    if (isThere.current && px > 0) scrollBy({ top: px })
  }
  useEffect(() => {
    isThere.current = true
    follow()
  }, [count])
  useEffect(() => {
    let lastPx = scrollY
    const look = () => {
      const isUp = scrollY < lastPx
      lastPx = scrollY
      // What has grown since is not left by anybody: only who goes up wants to stay there.
      if (beyond() < NEAR_PX) isThere.current = true
      else if (isUp) isThere.current = false
    }
    const growing = new ResizeObserver(follow)
    const composer = document.querySelector('.pg-composer')
    for (const each of [list.current, composer]) if (each !== null) growing.observe(each)
    addEventListener('scroll', look, { passive: true })
    return () => {
      growing.disconnect()
      removeEventListener('scroll', look)
    }
  }, [])
  return list
}

export function Thread() {
  const all = turns.value
  const list = useEndInSight(all.length)
  return (
    <ol ref={list} class="pg-thread" aria-label="Conversation">
      {all.map((turn, at) => (
        <TurnView key={turn.id} turn={turn} at={at} isLast={at === all.length - 1} />
      ))}
    </ol>
  )
}

function TurnView({ at, isLast, turn }: { turn: Turn; at: number; isLast: boolean }) {
  const shown = shownColumns(turn)
  const edit = () => {
    draft.value = { text: turn.text, pictures: turn.pictures }
    // What followed was an answer to the other words.
    turns.value = turns.peek().slice(0, at)
    document.querySelector<HTMLElement>('.pg-composer textarea')?.focus()
  }
  return (
    <li class="pg-turn">
      <article class="pg-said" aria-label="You">
        <header>
          <strong>You</strong>
          <span class="row">
            <CopyButton text={turn.text} what="message" />
            <IconButton
              icon="edit"
              label="Edit, and ask again from here"
              disabled={running.value > 0}
              onClick={edit}
            />
          </span>
        </header>
        <Thumbnails pictures={turn.pictures} />
        {turn.hasLostPictures === true && (
          <p class="soft">Its pictures were too large to be kept.</p>
        )}
        {turn.text !== '' && <PlainText>{turn.text}</PlainText>}
      </article>
      <div class={`pg-answers pg-answers-${shown.length}`}>
        {shown.map((column) => (
          <AnswerView key={column.id} turn={turn} column={column} isLast={isLast} />
        ))}
      </div>
    </li>
  )
}

/** Those of now, and of before where they have answered this. */
function shownColumns(turn: Turn): readonly Column[] {
  const now = columns.value
  const before = Object.entries(turn.answers)
    .filter(([id]) => !now.some((column) => column.id === id))
    .map(([id, { model }]) => ({ id, model }))
  const answered = now.filter(({ id }) => turn.answers[id] !== undefined)
  return [...answered, ...before]
}

function AnswerView({ column, isLast, turn }: { turn: Turn; column: Column; isLast: boolean }) {
  // Reading it draws this answer anew when its last step begins or ends.
  void running.value
  const answer = turn.answers[column.id]
  if (answer === undefined) return null
  const live = liveStep(turn.id, column.id)
  const steps = live === undefined ? answer.steps : [...answer.steps.slice(0, -1), live.value]
  const last = steps.at(-1)
  const isRunning = last?.state === 'running'
  const isThere = columns.value.some(({ id }) => id === column.id)
  const text = steps.map((step) => step.text).join('\n\n')
  return (
    <article class="pg-answer" aria-label={`Answer of ${answer.model}`} aria-busy={isRunning}>
      <header>
        <strong class="truncate">{answer.model}</strong>
        <span class="row">
          {isRunning ? (
            <IconButton
              icon="stop"
              label={`Stop ${answer.model}`}
              onClick={() => stop(turn.id, column.id)}
            />
          ) : (
            <>
              {text !== '' && <CopyButton text={text} what="answer" />}
              {isLast && isThere && (
                <IconButton
                  icon="refresh"
                  label={`Ask ${column.model} again`}
                  onClick={() => tried(() => retry(turn.id, current(column.id)))}
                />
              )}
            </>
          )}
        </span>
      </header>
      {steps.map((step, at) => (
        <StepView
          // Steps are added at the end alone.
          key={at}
          step={step}
          {...(at === steps.length - 1 && isLast && isThere
            ? {
                onResults: (results: Readonly<Record<string, string>>) =>
                  void tried(() => sendResults(turn.id, current(column.id), results)),
              }
            : {})}
        />
      ))}
    </article>
  )
}

/** As the column is now: its model may be another one. */
function current(id: string): Column {
  return columns.peek().find((column) => column.id === id) ?? { id, model: '' }
}

interface StepProps {
  readonly step: Step
  /** Where results of its calls can be given. */
  readonly onResults?: (results: Readonly<Record<string, string>>) => void
}

function StepView({ onResults, step }: StepProps) {
  const { calls, facts, problem, reasoning, refusal, state, text } = step
  const isEmpty = text === '' && reasoning === '' && calls.length === 0 && refusal === ''
  return (
    <div class="pg-step">
      {reasoning !== '' && (
        <details class="pg-reasoning" open={text === '' && state === 'running'}>
          <summary>
            <Icon name="right" size={12} /> Reasoning
          </summary>
          <PlainText>{reasoning}</PlainText>
        </details>
      )}
      {isEmpty && state === 'running' && (
        <p class="soft pg-waiting">
          <span class="spinner" aria-hidden="true" /> Waiting for the first word
        </p>
      )}
      {isEmpty && state === 'done' && <p class="soft">The answer is empty.</p>}
      {text !== '' && <Words text={text} />}
      {refusal !== '' && (
        <Notice tone="warn" title="The model refuses">
          {refusal}
        </Notice>
      )}
      {calls.length > 0 && (
        <Calls
          step={step}
          {...(onResults === undefined || state === 'running' ? {} : { onResults })}
        />
      )}
      {problem !== undefined && <ProblemNotice problem={problem} />}
      {state !== 'running' && <FactsLine step={step} facts={facts} />}
    </div>
  )
}

const FENCE = /^```([^\n`]*)\n([\s\S]*?)(?:^```[^\S\n]*$|(?![\s\S]))/gm

/** Text with its blocks of code; nothing else of it is read as markup. */
function Words({ text }: { text: string }) {
  const parts = []
  let from = 0
  for (const match of text.matchAll(FENCE)) {
    const [whole, language = '', code = ''] = match
    const before = text.slice(from, match.index).trim()
    if (before !== '') parts.push(<PlainText key={from}>{before}</PlainText>)
    parts.push(
      <CodeBlock
        key={match.index}
        label={language.trim() === '' ? 'code' : language.trim()}
        text={code.replace(/\n$/, '')}
      />,
    )
    from = match.index + whole.length
  }
  const rest = text.slice(from).trim()
  if (rest !== '') parts.push(<PlainText key={from}>{rest}</PlainText>)
  return <div class="pg-words">{parts}</div>
}

function Calls({ onResults, step }: StepProps) {
  const typed = useSignal<Readonly<Record<string, string>>>(step.results)
  const isAnswered = step.calls.every(({ id }) => step.results[id] !== undefined)
  const canAnswer = onResults !== undefined && !isAnswered
  return (
    <form
      class="pg-calls"
      onSubmit={(event) => {
        event.preventDefault()
        const given = step.calls.map(({ id }) => [id, typed.value[id] ?? ''] as const)
        onResults?.(Object.fromEntries(given))
      }}
    >
      {step.calls.map((call) => (
        <div key={call.id} class="pg-call">
          <p>
            <Icon name="tool" size={14} /> calls <code>{call.name}</code>
          </p>
          <Arguments call={call} />
          {canAnswer ? (
            <Field label={`What ${call.name} gives`} required>
              <Textarea
                mono
                rows={2}
                value={typed.value[call.id] ?? ''}
                onValue={(text) => (typed.value = { ...typed.value, [call.id]: text })}
              />
            </Field>
          ) : (
            step.results[call.id] !== undefined && (
              <CodeBlock label="gave" text={step.results[call.id] ?? ''} wrap />
            )
          )}
        </div>
      ))}
      {canAnswer && (
        <div>
          <Button type="submit" icon="send">
            Send results
          </Button>
        </div>
      )}
    </form>
  )
}

function Arguments({ call }: { call: ToolCall }) {
  try {
    return <JsonView value={JSON.parse(call.args === '' ? '{}' : call.args)} openDepth={2} />
  } catch (thrown) {
    if (!(thrown instanceof SyntaxError)) throw thrown
    // Not whole yet, or no JSON at all: as it was written.
    return <CodeBlock label="arguments" text={call.args} wrap />
  }
}

function ProblemNotice({ problem }: { problem: Problem }) {
  const { code, param, status, words } = problem
  const title = status === 0 ? 'It broke off' : `It was not answered (${status})`
  return (
    <Notice tone="bad" title={title}>
      {words} <span class="soft">{param === undefined ? code : `${code}, ${param}`}</span>
    </Notice>
  )
}

function FactsLine({ facts, step }: { step: Step; facts: Facts }) {
  const { attempts, inputTokens, losses, outputTokens, provider, reasoningTokens } = facts
  const cost =
    facts.usd === undefined
      ? 'unknown'
      : `${facts.isUsdWorkedOut === true ? '≈ ' : ''}${formatUsd(facts.usd)}`
  const items: readonly (readonly [string, string] | undefined)[] = [
    provider === undefined ? undefined : ['Answered by', `${provider}/${facts.model ?? '?'}`],
    facts.firstTokenMs === undefined
      ? undefined
      : ['First token', formatDuration(facts.firstTokenMs)],
    facts.totalMs === undefined ? undefined : ['Total', formatDuration(facts.totalMs)],
    inputTokens === undefined && outputTokens === undefined
      ? ['Tokens', 'unknown']
      : ['Tokens', `${formatCompact(inputTokens)} in, ${formatCompact(outputTokens)} out`],
    reasoningTokens === undefined || reasoningTokens === 0
      ? undefined
      : ['Of them reasoning', formatCompact(reasoningTokens)],
    ['Cost', cost],
    attempts === undefined || attempts < 2 ? undefined : ['Attempts', String(attempts)],
    step.finish === undefined || step.finish === 'stop' ? undefined : ['Ended by', step.finish],
  ]
  return (
    <footer class="pg-facts">
      <dl>
        {items.map((item) =>
          item === undefined ? null : (
            <div key={item[0]}>
              <dt>{item[0]}</dt>
              <dd>{item[1]}</dd>
            </div>
          ),
        )}
      </dl>
      {step.state === 'stopped' && <Badge icon="stop">stopped</Badge>}
      {(losses ?? []).map((loss) => (
        <Badge key={loss} tone="warn" icon="warning">
          lost: {loss}
        </Badge>
      ))}
      {facts.requestId !== undefined && can('request.read') && (
        <Link href={`/ui/requests/${encodeURIComponent(facts.requestId)}`}>Request</Link>
      )}
    </footer>
  )
}
