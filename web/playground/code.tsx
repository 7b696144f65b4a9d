// The conversation as a program would send it: the lines for a terminal, the body, and the way to the tools' own lines on Connect.

import { ButtonLink } from '../components/button.tsx'
import { Dialog } from '../components/dialog.tsx'
import { Notice } from '../components/notice.tsx'
import { CodeBlock } from '../components/values.tsx'
import { chatBody, SettingsProblem } from './chat-body.ts'
import { settings, turns, draft } from './state.ts'
import type { Column, Turn } from './types.ts'

const EXAMPLE = 'Hello'

export function CodeDialog({ column, onClose }: { column: Column; onClose: () => void }) {
  const made = bodyText(column)
  return (
    <Dialog
      size="wide"
      title="As code"
      onClose={onClose}
      footer={
        <ButtonLink href={`/ui/connect?model=${encodeURIComponent(column.model)}`} icon="plug">
          Lines for other tools
        </ButtonLink>
      }
    >
      {made instanceof SettingsProblem ? (
        <Notice tone="bad" title={made.field === 'tools' ? 'Tools' : 'JSON Schema'}>
          {made.message}
        </Notice>
      ) : (
        <div class="stack">
          <p class="soft">
            What is asked of <code>{column.model}</code>, with a key of yours in place of{' '}
            <code>YOUR_KEY</code>.
          </p>
          <CodeBlock label="curl" text={curlOf(made)} maxHeight={260} />
          <CodeBlock label="Body" text={made} maxHeight={320} />
        </div>
      )}
    </Dialog>
  )
}

function bodyText({ id, model }: Column): string | SettingsProblem {
  const { pictures, text } = draft.value
  const said = turns.value
  const isNew = text.trim() !== '' || pictures.length > 0 || said.length === 0
  const next: Turn = { id: '', text: text.trim() === '' ? EXAMPLE : text, pictures, answers: {} }
  try {
    const body = chatBody(model, settings.value, isNew ? [...said, next] : said, id)
    return JSON.stringify(body, null, 2)
  } catch (thrown) {
    if (thrown instanceof SettingsProblem) return thrown
    throw thrown
  }
}

function curlOf(body: string): string {
  const quoted = body.replaceAll("'", String.raw`'\''`)
  return [
    `curl ${location.origin}/v1/chat/completions`,
    "-H 'content-type: application/json'",
    "-H 'authorization: Bearer YOUR_KEY'",
    `-d '${quoted}'`,
  ].join(' \\\n  ')
}
