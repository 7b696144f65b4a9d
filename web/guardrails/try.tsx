// What guardrails would say to a text: those that are saved, or the one being typed. What they find is marked in the text; nothing is changed.

import { useSignal } from '@preact/signals'
import { Badge } from '../components/badge.tsx'
import { Button } from '../components/button.tsx'
import { Field, Select, Textarea } from '../components/field.tsx'
import { Form, useForm } from '../components/form.tsx'
import { ChipsInput } from '../components/inputs.tsx'
import { Notice } from '../components/notice.tsx'
import { VERDICT_TONES } from '../requests/data.ts'
import { PlainText } from '../components/values.tsx'
import { formatDuration, formatPercent } from '../format.ts'
import {
  checkName,
  STAGES,
  tryRules,
  type Check,
  type Rule,
  type RuleBody,
  type Stage,
  type Trial,
} from './data.ts'

type Verdict = Trial['verdicts'][number]

interface TryProps {
  readonly checks: readonly Check[]
  /** Those to choose from. */
  readonly rules?: readonly Rule[]
  /** The one being typed, and its kind; `saved` where nothing of it was changed: then its secrets are known. */
  readonly rule?: () => RuleBody
  readonly saved?: string | undefined
  readonly check?: string
}

export function TryPanel({ check, checks, rule, rules = [], saved }: TryProps) {
  const form = useForm({
    stage: 'input' as Stage,
    chosen: [] as readonly string[],
    texts: [''] as readonly string[],
    context: '',
  })
  const result = useSignal<{ trial: Trial; texts: readonly string[] } | undefined>(undefined)
  const { chosen, context, stage, texts } = form.values.value
  const asked = rules.filter(({ enabled, id }) =>
    chosen.length === 0 ? enabled : chosen.includes(id),
  )
  const kinds = new Set(check === undefined ? asked.map((each) => each.check) : [check])
  const isAsking = checks.some(({ asks, kind }) => asks && kinds.has(kind))
  return (
    <>
      <Form
        form={form}
        submit="Try"
        variant="default"
        keepsWork={false}
        extra={
          texts.length < 8 && (
            <Button icon="plus" variant="ghost" onClick={() => form.set('texts', [...texts, ''])}>
              Add a text
            </Button>
          )
        }
        onSubmit={async () => {
          const trial = await tryRules({
            stage,
            texts: [...texts],
            ...(rule === undefined || saved !== undefined ? {} : { rule: rule() }),
            ...(saved === undefined && chosen.length === 0
              ? {}
              : { rules: saved === undefined ? [...chosen] : [saved] }),
            ...(stage === 'output' && context !== '' ? { context: [context] } : {}),
          })
          result.value = { trial, texts }
        }}
      >
        <div class="form-row">
          <Field label="As" name="stage" required>
            <Select {...form.bind('stage')} options={STAGES} />
          </Field>
          {rule === undefined && (
            <Field label="Guardrails" name="rules">
              <ChipsInput
                {...form.bind('chosen')}
                placeholder="all that are on"
                suggestions={rules.map(({ id }) => id)}
              />
            </Field>
          )}
        </div>
        {texts.map((text, at) => (
          <Field key={at} label={texts.length === 1 ? 'Text' : `Text ${at + 1}`} required>
            <Textarea
              rows={3}
              value={text}
              placeholder="My card is 4111 1111 1111 1111."
              onValue={(next) =>
                form.set(
                  'texts',
                  texts.map((each, index) => (index === at ? next : each)),
                )
              }
            />
          </Field>
        ))}
        {stage === 'output' && (
          <Field label="The question it answers">
            <Textarea rows={2} {...form.bind('context')} />
          </Field>
        )}
        {isAsking && (
          <p class="soft">
            It asks a service or a model; what a model costs is charged as a request of yours.
          </p>
        )}
      </Form>
      <div role="status">{result.value !== undefined && <Result {...result.value} />}</div>
    </>
  )
}

function Result({ texts, trial }: { trial: Trial; texts: readonly string[] }) {
  const { not_asked: left, refused_by: by, verdicts } = trial
  const isChanged = trial.texts?.some((text, at) => text !== texts[at]) === true
  const words = isChanged ? 'It passes, changed' : 'It passes'
  return (
    <div class="stack guardrails-result">
      <Notice
        tone={by === null ? (isChanged ? 'info' : 'good') : 'bad'}
        title={by === null ? words : `Refused by ${nameOf(by)}`}
      >
        {verdicts.length === 0 && 'No guardrail was asked.'}
        {left.length > 0 && `Not for this: ${left.map(nameOf).join(', ')}.`}
      </Notice>
      {verdicts.length > 0 && (
        <ul class="guardrails-verdicts">
          {verdicts.map((one) => (
            <li key={one.rule} class="row">
              <VerdictBadge verdict={one.verdict} /> <strong>{nameOf(one.rule)}</strong>
              <span>{checkName(one.check)}</span>
              {one.categories.map((each) => (
                <Badge key={each}>{each}</Badge>
              ))}
              {one.score !== null && <span class="soft">score {formatPercent(one.score)}</span>}
              <span class="soft">{formatDuration(one.duration_ms)}</span>
              {one.failure !== null && <span>{one.failure}</span>}
            </li>
          ))}
        </ul>
      )}
      {foundIn(verdicts).length > 0 && (
        <section>
          <h3>Found</h3>
          {texts.map((text, at) => (
            <Marked
              key={at}
              text={text}
              spans={foundIn(verdicts).filter((each) => each.text === at)}
            />
          ))}
        </section>
      )}
      {isChanged && (
        <section>
          <h3>What goes on</h3>
          {trial.texts?.map((text, at) => (
            <PlainText key={at}>{text}</PlainText>
          ))}
        </section>
      )}
    </div>
  )
}

const nameOf = (id: string) => (id === 'unsaved' ? 'this guardrail' : id)

export function VerdictBadge({ verdict }: { verdict: Verdict['verdict'] }) {
  return <Badge tone={VERDICT_TONES[verdict]}>{verdict.replace('-', ', ')}</Badge>
}

type Span = Verdict['spans'][number]

/** Places in the texts as they were typed: once a rule has masked, those after it speak of other texts. */
function foundIn(verdicts: readonly Verdict[]): readonly Span[] {
  const at = verdicts.findIndex(({ verdict }) => verdict === 'masked')
  const first = at < 0 ? verdicts : verdicts.slice(0, at + 1)
  return first.flatMap(({ spans }) => spans).toSorted((one, other) => one.start - other.start)
}

function Marked({ spans, text }: { text: string; spans: readonly Span[] }) {
  const parts = []
  let end = 0
  for (const span of spans) {
    if (span.start < end) continue
    parts.push(
      text.slice(end, span.start),
      <mark key={span.start}>
        {text.slice(span.start, span.end)}
        <small> {span.label}</small>
      </mark>,
    )
    end = span.end
  }
  return (
    <div class="plain-text">
      {parts}
      {text.slice(end)}
    </div>
  )
}
