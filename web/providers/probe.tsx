// What came of trying a provider: in one sentence, and step by step with what to do.

import { Badge } from '../components/badge.tsx'
import { Notice } from '../components/notice.tsx'
import { Duration } from '../components/values.tsx'
import { Icon, type IconName } from '../icons.tsx'
import type { Probe } from './data.ts'

const MARKS: Readonly<
  Record<Probe['steps'][number]['state'], readonly [IconName, string, string]>
> = {
  ok: ['ok', 'good', 'Works'],
  warning: ['warning', 'warn', 'Works, with a warning'],
  failed: ['error', 'bad', 'Failed'],
  skipped: ['off', 'neutral', 'Not tried'],
  not_reached: ['off', 'neutral', 'Not reached'],
}

const SAMPLE_SHOWN = 8

export function ProbeResult({ probe }: { probe: Probe }) {
  return (
    <div class="stack" role="status">
      <Notice tone={probe.ok ? 'good' : 'bad'} title={titleOf(probe)}>
        {probe.ok ? (
          <>
            Answered in <Duration ms={probe.duration_ms} />
            {probe.key_accepted === true && ', and takes the key'}.
          </>
        ) : (
          <>
            {sentence(probe.reason ?? 'It did not answer.')}
            {probe.todo !== null && probe.todo !== '' && <> {probe.todo}</>}
          </>
        )}
      </Notice>
      <ol class="probe-steps">
        {probe.steps.map((step, index) => {
          const [icon, tone, word] = MARKS[step.state]
          return (
            <li key={index} class={`tone-${tone}`}>
              <span class="probe-mark" title={word}>
                <Icon name={icon} size={16} />
                <span class="visually-hidden">{word}: </span>
              </span>
              <span>
                <strong>{step.step}</strong> {step.label !== null && <code>{step.label}</code>}{' '}
                <span class="soft">
                  {[step.result, step.reason].filter((text) => text !== null).join('; ')}
                </span>
                {step.todo !== null && <p>{step.todo}</p>}
              </span>
              {step.state !== 'skipped' && step.state !== 'not_reached' && (
                <span class="soft number">
                  <Duration ms={step.duration_ms} />
                </span>
              )}
            </li>
          )
        })}
      </ol>
      {probe.sample.length > 0 && (
        <p class="row probe-sample">
          {probe.sample.slice(0, SAMPLE_SHOWN).map((model) => (
            <Badge key={model}>{model}</Badge>
          ))}
          {(probe.models ?? 0) > SAMPLE_SHOWN && (
            <span class="soft">and {(probe.models ?? 0) - SAMPLE_SHOWN} more</span>
          )}
        </p>
      )}
    </div>
  )
}

function titleOf({ key_accepted: isAccepted, models, ok, reachable, steps }: Probe): string {
  if (ok) return models === null ? 'It works' : `It works and lists ${models} models`
  if (reachable === false) return 'It could not be reached'
  if (isAccepted === false) {
    return steps.filter(({ step }) => step === 'key').length > 1
      ? 'It refuses a key'
      : 'It refuses the key'
  }
  return reachable === null ? 'It cannot be asked yet' : 'It does not work'
}

function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}${/[.!?]$/.test(text) ? '' : '.'}`
}
