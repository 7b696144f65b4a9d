// Small signs: a word in a colour, the state of something, a share of a whole, one number with its name. None says by colour alone what it says.

import type { ComponentChildren } from 'preact'
import { Icon, type IconName } from '../icons.tsx'
import { formatPercent } from '../format.ts'
import type { Tone } from './notice.tsx'

export interface BadgeProps {
  readonly tone?: Tone
  readonly icon?: IconName
  readonly title?: string
  readonly children: ComponentChildren
}

export function Badge({ children, icon, title, tone = 'neutral' }: BadgeProps) {
  return (
    <span class={`badge tone-${tone}`} title={title}>
      {icon !== undefined && <Icon name={icon} size={12} />}
      {children}
    </span>
  )
}

export type State = 'ok' | 'degraded' | 'down' | 'off' | 'unknown' | 'pending'

const STATES: Readonly<
  Record<State, { readonly tone: Tone; readonly icon: IconName; readonly word: string }>
> = {
  ok: { tone: 'good', icon: 'ok', word: 'OK' },
  degraded: { tone: 'warn', icon: 'warning', word: 'Degraded' },
  down: { tone: 'bad', icon: 'error', word: 'Down' },
  off: { tone: 'neutral', icon: 'off', word: 'Off' },
  unknown: { tone: 'neutral', icon: 'info', word: 'Unknown' },
  pending: { tone: 'info', icon: 'clock', word: 'Pending' },
}

/** How something fares, by icon and word. @param children another word than the state's own */
export function Status({
  children,
  state,
  title,
}: {
  state: State
  children?: ComponentChildren
  title?: string
}) {
  const { icon, tone, word } = STATES[state]
  return (
    <span class={`status tone-${tone}`} title={title}>
      <Icon name={icon} size={14} /> {children ?? word}
    </span>
  )
}

export interface BarProps {
  /** What is measured, for those who hear it. */
  readonly label: string
  readonly value: number
  /** The whole; null where there is no end. */
  readonly max: number | null
  /** In words, beside it: "$3.20 of $10.00". */
  readonly text: ComponentChildren
}

/** How much of something is used. Above 80 % it warns, above the whole it says so. */
export function Bar({ label, max, text, value }: BarProps) {
  const share = max === null || max <= 0 ? undefined : value / max
  const tone = share === undefined ? 'neutral' : share >= 1 ? 'bad' : share >= 0.8 ? 'warn' : 'good'
  return (
    <div class={`bar tone-${tone}`}>
      <div class="bar-words">
        <span>{text}</span>
        {share !== undefined && <span class="soft">{formatPercent(share)}</span>}
      </div>
      <div
        class="bar-track"
        role="meter"
        aria-label={label}
        aria-valuemin={0}
        aria-valuemax={max ?? value}
        aria-valuenow={Math.min(value, max ?? value)}
        aria-valuetext={share === undefined ? 'no limit' : `${formatPercent(share)} used`}
      >
        <div class="bar-fill" style={{ width: `${Math.min(100, (share ?? 0) * 100)}%` }} />
      </div>
    </div>
  )
}

export interface StatProps {
  readonly label: string
  readonly value: ComponentChildren
  /** Below it: a comparison, a unit, a second number. */
  readonly hint?: ComponentChildren
  readonly icon?: IconName
  readonly tone?: Tone
}

/** One number with its name; several stand in a `<Stats>`. */
export function Stat({ hint, icon, label, tone, value }: StatProps) {
  return (
    <div class={`stat ${tone === undefined ? '' : `tone-${tone}`}`}>
      <dt>
        {icon !== undefined && <Icon name={icon} size={14} />}
        {label}
      </dt>
      <dd class="stat-value">{value}</dd>
      {hint !== undefined && <dd class="stat-hint">{hint}</dd>}
    </div>
  )
}

export function Stats({ children }: { children: ComponentChildren }) {
  return <dl class="stats">{children}</dl>
}
