// What to do first: each step ticks itself off when it is done, whoever did it, and all of it goes when nothing is left, or on a word.

import { useSignal } from '@preact/signals'
import { api, unwrap } from '../api.ts'
import { Button, ButtonLink } from '../components/button.tsx'
import { Panel } from '../components/page.tsx'
import { Icon } from '../icons.tsx'
import { keep, kept } from '../kept.ts'
import { useQuery } from '../query.ts'
import { can } from '../session.ts'
import { readPage } from '../requests/data.ts'
import { useHealth } from './data.ts'

const KEPT = 'weir-steps'
const LOOK_MS = 3_000

export function FirstSteps() {
  const isHidden = useSignal(kept('localStorage', KEPT) === 'off')
  const isOffered = can('provider.write') && can('key.write') && can('request.read')
  if (!isOffered || isHidden.value) return null
  const hide = () => {
    keep('localStorage', KEPT, 'off')
    isHidden.value = true
  }
  return <Steps onHide={hide} />
}

function Steps({ onHide }: { onHide: () => void }) {
  const polled = { pollMs: LOOK_MS }
  const health = useHealth()
  const keys = useQuery(
    ['keys', 'any'],
    ({ signal }) => unwrap(api.keys.get({ query: { limit: 1 }, fetch: { signal } })),
    polled,
  )
  const answered = useQuery(
    ['requests', 'any'],
    (options) => readPage({ limit: 1, status: 'ok' }, options),
    polled,
  )
  if (health.data === undefined || keys.data === undefined || answered.data === undefined)
    return null
  const steps = [
    {
      isDone: health.data.providers.some(({ type, usable }) => usable && type !== 'mock'),
      title: 'Add a provider',
      text: 'OpenAI, Anthropic, Azure, Gemini, a server of your own. Until then mock/echo says back what it is told.',
      href: '/ui/providers?add=1',
    },
    {
      isDone: keys.data.data.length > 0,
      title: 'Make a key',
      text: 'Programs ask with it, and its use is counted.',
      href: '/ui/keys',
    },
    {
      isDone: answered.data.data.length > 0,
      title: 'Send a request',
      text: 'From here, or from a tool you have.',
      href: '/ui/playground',
    },
  ]
  if (steps.every(({ isDone }) => isDone)) return null
  const next = steps.find(({ isDone }) => !isDone)
  return (
    <Panel
      title="First steps"
      actions={
        <Button size="small" variant="ghost" icon="close" onClick={onHide}>
          Dismiss
        </Button>
      }
    >
      <ol class="home-steps">
        {steps.map((step) => {
          const { href, isDone, text, title } = step
          return (
            <li key={title} class={isDone ? 'tone-good' : ''}>
              <span class="home-tick">{isDone && <Icon name="check" />}</span>
              <div>
                <strong>{title}</strong> {isDone && <span class="soft">Done</span>}
                <p class="soft">{text}</p>
              </div>
              {!isDone && (
                <ButtonLink href={href} {...(step === next ? { variant: 'primary' as const } : {})}>
                  {title}
                </ButtonLink>
              )}
            </li>
          )
        })}
      </ol>
    </Panel>
  )
}
