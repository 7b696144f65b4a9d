// Windows over the page: dialogs, drawers at its side, and the question before something that cannot be taken back. All are the browser's own
// <dialog>, which holds the focus inside and gives it back.

import { signal, useSignal } from '@preact/signals'
import type { ComponentChildren } from 'preact'
import { useEffect, useId, useRef } from 'preact/hooks'
import { useAction } from '../query.ts'
import { Button, IconButton } from './button.tsx'
import { Field, Input } from './field.tsx'
import { Notice } from './notice.tsx'

export interface DialogProps {
  readonly title: ComponentChildren
  /** Esc, the cross, or a click beside it; whoever shows it takes it away. */
  readonly onClose: () => void
  readonly children: ComponentChildren
  /** Below, at the end: buttons. A form inside has its own. */
  readonly footer?: ComponentChildren
  readonly size?: 'small' | 'normal' | 'wide'
  readonly kind?: 'dialog' | 'drawer'
}

/** Is there as long as it is rendered: `{isOpen.value && <Dialog …>}`. */
export function Dialog({
  children,
  footer,
  kind = 'dialog',
  onClose,
  size = 'normal',
  title,
}: DialogProps) {
  const id = useId()
  const element = useRef<HTMLDialogElement>(null)
  useEffect(() => {
    const dialog = element.current
    const before = document.activeElement
    dialog?.showModal()
    const first = dialog?.querySelector<HTMLElement>(
      '.dialog-body :is(input, select, textarea, [data-autofocus]):not([disabled])',
    )
    first?.focus()
    return () => {
      dialog?.close()
      giveBack(before)
    }
  }, [])
  return (
    <dialog
      ref={element}
      class={`${kind} ${kind}-${size}`}
      aria-labelledby={id}
      onCancel={(event) => {
        if (event.target !== event.currentTarget) return
        event.preventDefault()
        onClose()
      }}
      onMouseDown={(event) => {
        // The backdrop is the dialog's own; what is inside lies in the frame.
        if (event.target === event.currentTarget) onClose()
      }}
    >
      <div class="dialog-frame">
        <header class="dialog-head">
          <h2 id={id}>{title}</h2>
          <IconButton icon="close" label="Close" onClick={onClose} />
        </header>
        <div class="dialog-body">{children}</div>
        {footer !== undefined && <footer class="dialog-foot">{footer}</footer>}
      </div>
    </dialog>
  )
}

/** The focus, to where it was; once more a frame later, as what was beside a dialog may not take it at once. */
function giveBack(before: Element | null): void {
  if (!(before instanceof HTMLElement)) return
  before.focus()
  requestAnimationFrame(() => {
    const isNowhere = document.activeElement === document.body
    if (isNowhere && before.isConnected) before.focus()
  })
}

/** At the side, for looking at one thing beside the list it is in. */
export function Drawer(props: Omit<DialogProps, 'kind'>) {
  return <Dialog {...props} kind="drawer" />
}

export interface Question {
  /** Asks: "Revoke key ci?" */
  readonly title: string
  /** What follows from it. */
  readonly message?: ComponentChildren
  /** What stops working, each in a few words. */
  readonly breaks?: readonly string[]
  /** On the button, what it does: "Revoke key". */
  readonly confirm: string
  readonly danger?: boolean
  /** Has to be typed first, for what hurts most: a name. */
  readonly typeName?: string
  /** Done while the dialog waits; its problem is shown there. */
  readonly run?: () => Promise<unknown>
}

interface Asked extends Question {
  answer(isYes: boolean): void
}

const asked = signal<Asked | undefined>(undefined)

/** Asks once, and says what will break. @returns whether it was confirmed, and done where there was something to `run` */
export function confirmAction(question: Question): Promise<boolean> {
  asked.peek()?.answer(false)
  return new Promise((resolve) => {
    asked.value = {
      ...question,
      answer(isYes) {
        asked.value = undefined
        resolve(isYes)
      },
    }
  })
}

/** Where questions appear; the shell has one. */
export function ConfirmHost() {
  const { value } = asked
  return value === undefined ? null : <ConfirmDialog key={value.title} {...value} />
}

function ConfirmDialog({
  answer,
  breaks = [],
  confirm,
  danger = false,
  message,
  run,
  title,
  typeName,
}: Asked) {
  const typed = useSignal('')
  const action = useAction(async () => run?.(), { onDone: () => answer(true) })
  const problem = action.problem.value
  const isReady = typeName === undefined || typed.value.trim() === typeName
  return (
    <Dialog
      size="small"
      title={title}
      onClose={() => answer(false)}
      footer={
        <>
          <Button
            onClick={() => answer(false)}
            {...(typeName === undefined ? { 'data-autofocus': true } : {})}
          >
            Cancel
          </Button>
          <Button
            variant={danger ? 'danger' : 'primary'}
            disabled={!isReady}
            pending={action.pending.value}
            onClick={() => void action.run()}
          >
            {confirm}
          </Button>
        </>
      }
    >
      {message !== undefined && <div class="prose">{message}</div>}
      {breaks.length > 0 && (
        <Notice tone={danger ? 'warn' : 'info'} title="What this breaks">
          <ul class="plain-list">
            {breaks.map((each) => (
              <li key={each}>{each}</li>
            ))}
          </ul>
        </Notice>
      )}
      {typeName !== undefined && (
        <Field
          label={
            <>
              Type <strong>{typeName}</strong> to confirm
            </>
          }
          required
        >
          <Input value={typed.value} onValue={(text) => (typed.value = text)} spellcheck={false} />
        </Field>
      )}
      {problem !== undefined && (
        <Notice tone="bad" focus>
          {problem.detail}
        </Notice>
      )}
    </Dialog>
  )
}
