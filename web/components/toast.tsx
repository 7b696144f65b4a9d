// Words that something is done, or has failed, which go away by themselves. Whoever hears the page hears them too.

import { signal } from '@preact/signals'
import { Icon } from '../icons.tsx'
import { Button, IconButton } from './button.tsx'
import { TONE_ICONS, type Tone } from './notice.tsx'

interface Toast {
  readonly id: number
  readonly text: string
  readonly tone: Tone
  readonly action?: { readonly label: string; readonly run: () => void }
}

const SHOWN_MS = 6_000
const TOASTS_MAX = 4
const toasts = signal<readonly Toast[]>([])
let lastId = 0

/** @param options.action something to do about it; then it stays until it is closed */
export function toast(
  text: string,
  options: { readonly tone?: Tone; readonly action?: Toast['action'] } = {},
): void {
  const { action, tone = 'good' } = options
  lastId += 1
  const id = lastId
  const made: Toast = { id, text, tone, ...(action === undefined ? {} : { action }) }
  toasts.value = [...toasts.peek(), made].slice(-TOASTS_MAX)
  if (action === undefined && tone !== 'bad') setTimeout(() => close(id), SHOWN_MS)
}

function close(id: number): void {
  toasts.value = toasts.peek().filter((each) => each.id !== id)
}

/** Where they appear; the shell has one. */
export function ToastHost() {
  return (
    <div class="toasts" role="status" aria-live="polite">
      {toasts.value.map(({ action, id, text, tone }) => (
        <div key={id} class={`toast tone-${tone}`}>
          <Icon name={TONE_ICONS[tone]} />
          <span>{text}</span>
          {action !== undefined && (
            <Button
              size="small"
              onClick={() => {
                action.run()
                close(id)
              }}
            >
              {action.label}
            </Button>
          )}
          <IconButton icon="close" size="small" label="Dismiss" onClick={() => close(id)} />
        </div>
      ))}
    </div>
  )
}
