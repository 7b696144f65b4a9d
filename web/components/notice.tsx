// A few sentences that should not be missed: a warning, a problem, a piece of advice. It says by its icon and words what its colour says.

import type { ComponentChildren } from 'preact'
import { useEffect, useRef } from 'preact/hooks'
import { Icon, type IconName } from '../icons.tsx'

export type Tone = 'good' | 'warn' | 'bad' | 'info' | 'neutral'

export const TONE_ICONS: Readonly<Record<Tone, IconName>> = {
  good: 'ok',
  warn: 'warning',
  bad: 'error',
  info: 'info',
  neutral: 'info',
}

export interface NoticeProps {
  readonly tone?: Tone
  readonly title?: string
  /** Takes the focus when it appears: what one just did has failed. */
  readonly focus?: boolean
  readonly actions?: ComponentChildren
  readonly children?: ComponentChildren
}

export function Notice({ actions, children, focus = false, title, tone = 'info' }: NoticeProps) {
  const element = useRef<HTMLDivElement>(null)
  useEffect(() => {
    if (focus) element.current?.focus()
  }, [focus])
  return (
    <div
      ref={element}
      class={`notice tone-${tone}`}
      role={tone === 'bad' ? 'alert' : 'note'}
      tabIndex={-1}
    >
      <Icon name={TONE_ICONS[tone]} />
      <div class="notice-text">
        {title !== undefined && <strong>{title}</strong>}
        <div>{children}</div>
      </div>
      {actions !== undefined && <div class="notice-actions">{actions}</div>}
    </div>
  )
}
