// Where one writes: Enter sends, Shift+Enter makes a line, pictures are chosen, pasted or dropped. What can't be sent is said here.

import { signal, useSignal } from '@preact/signals'
import { useEffect, useRef } from 'preact/hooks'
import { Button, IconButton } from '../components/button.tsx'
import { Notice } from '../components/notice.tsx'
import { SettingsProblem } from './chat-body.ts'
import { picturesFrom, PICTURE_TYPES, PICTURES_MAX } from './pictures.ts'
import { send } from './run.ts'
import { columns, draft, running, stop } from './state.ts'
import type { Picture } from './types.ts'

/** The settings have a field that can't be sent. */
export const wrongSetting = signal<SettingsProblem | undefined>(undefined)

/** Runs what asks a model; what is wrong with the settings is shown there. @returns whether it was asked */
export function tried(work: () => void): boolean {
  try {
    wrongSetting.value = undefined
    work()
    return true
  } catch (thrown) {
    if (!(thrown instanceof SettingsProblem)) throw thrown
    wrongSetting.value = thrown
    return false
  }
}

const ROWS_MAX = 14

/** Whether there is something to send, somebody to send it to, and nothing under way. */
function canSend(): boolean {
  const { pictures, text } = draft.value
  const isNamed = columns.value.every(({ model }) => model !== '')
  return running.value === 0 && isNamed && (text.trim() !== '' || pictures.length > 0)
}

export function Composer() {
  const area = useRef<HTMLTextAreaElement>(null)
  const refused = useSignal<readonly string[]>([])
  const isOver = useSignal(false)
  const { pictures, text } = draft.value
  const isBusy = running.value > 0
  const isReady = canSend()
  const rows = Math.min(ROWS_MAX, Math.max(2, text.split('\n').length))

  const submit = () => {
    // As it is at this moment: keys may come before what was typed is drawn.
    const now = draft.peek()
    if (!canSend()) return
    if (tried(() => send(now.text.trim(), now.pictures))) {
      draft.value = { text: '', pictures: [] }
      refused.value = []
    }
    area.current?.focus()
  }
  const add = async (files: Iterable<File>) => {
    const taken = await picturesFrom(files, PICTURES_MAX - draft.peek().pictures.length)
    const now = draft.peek()
    draft.value = { ...now, pictures: [...now.pictures, ...taken.pictures] }
    refused.value = taken.refused
  }
  useEffect(() => area.current?.focus({ preventScroll: true }), [])
  return (
    <form
      class={isOver.value ? 'pg-composer pg-over' : 'pg-composer'}
      aria-label="Message"
      onSubmit={(event) => {
        event.preventDefault()
        submit()
      }}
      onDragOver={(event) => {
        event.preventDefault()
        isOver.value = true
      }}
      onDragLeave={() => (isOver.value = false)}
      onDrop={(event) => {
        event.preventDefault()
        isOver.value = false
        void add(event.dataTransfer?.files ?? [])
      }}
    >
      <Refused list={refused.value} />
      <Thumbnails
        pictures={pictures}
        onRemove={(gone) =>
          (draft.value = { text, pictures: pictures.filter((each) => each !== gone) })
        }
      />
      <textarea
        ref={area}
        class="input textarea"
        aria-label="Message"
        aria-describedby="pg-keys"
        placeholder="Say something to the model"
        rows={rows}
        value={text}
        onInput={(event) => (draft.value = { ...draft.peek(), text: event.currentTarget.value })}
        onPaste={(event) => {
          const files = [...(event.clipboardData?.files ?? [])]
          if (files.length === 0) return
          event.preventDefault()
          void add(files)
        }}
        onKeyDown={(event) => {
          // Of an input method Enter takes a word and sends nothing.
          if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return
          event.preventDefault()
          submit()
        }}
      />
      <div class="pg-send">
        <PictureButton onFiles={(files) => void add(files)} />
        <span id="pg-keys" class="soft">
          <kbd>Enter</kbd> sends, <kbd>Shift</kbd>+<kbd>Enter</kbd> begins a line
        </span>
        {isBusy ? (
          <Button icon="stop" onClick={() => stop()}>
            Stop
          </Button>
        ) : (
          <Button type="submit" variant="primary" icon="send" disabled={!isReady}>
            Send
          </Button>
        )}
      </div>
    </form>
  )
}

function Refused({ list }: { list: readonly string[] }) {
  if (list.length === 0) return null
  return (
    <Notice tone="bad" title="Not added">
      {list.join(' ')}
    </Notice>
  )
}

/** Pictures, small. @param onRemove absent: they stay */
export function Thumbnails({
  onRemove,
  pictures,
}: {
  pictures: readonly Picture[]
  onRemove?: (picture: Picture) => void
}) {
  if (pictures.length === 0) return null
  return (
    <ul class="pg-pictures" aria-label="Pictures">
      {pictures.map((picture) => (
        <li key={picture.url.slice(-80)}>
          <img src={picture.url} alt={picture.name} />
          {onRemove !== undefined && (
            <IconButton
              icon="close"
              size="small"
              label={`Remove ${picture.name}`}
              onClick={() => onRemove(picture)}
            />
          )}
        </li>
      ))}
    </ul>
  )
}

function PictureButton({ onFiles }: { onFiles: (files: readonly File[]) => void }) {
  const input = useRef<HTMLInputElement>(null)
  return (
    <>
      <IconButton icon="image" label="Add pictures" onClick={() => input.current?.click()} />
      <input
        ref={input}
        type="file"
        hidden
        multiple
        accept={PICTURE_TYPES.join(',')}
        aria-label="Pictures"
        onChange={(event) => {
          onFiles([...(event.currentTarget.files ?? [])])
          event.currentTarget.value = ''
        }}
      />
    </>
  )
}
