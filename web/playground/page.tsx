// The playground: one conversation with one model, or the same words to several side by side. It asks in the name of whoever looks, so that
// limits, budgets and the log count it like any other request.

import { useSignal } from '@preact/signals'
import { useEffect } from 'preact/hooks'
import { ask, problemOfResponse, toProblem } from '../api.ts'
import { Button, ButtonLink, IconButton } from '../components/button.tsx'
import { confirmAction } from '../components/dialog.tsx'
import { Combobox } from '../components/inputs.tsx'
import { Notice } from '../components/notice.tsx'
import { PageHeader } from '../components/page.tsx'
import { EmptyState, ErrorState } from '../components/states.tsx'
import { formatCompact } from '../format.ts'
import { param, setParams } from '../router.tsx'
import { can, otherTenant } from '../session.ts'
import { CodeDialog } from './code.tsx'
import { Composer } from './composer.tsx'
import { canChat, findModel, useModels, type OfferedModel } from './models.ts'
import { replayOf } from './replay.ts'
import { heard } from './run.ts'
import {
  begin,
  clear,
  columns,
  COLUMNS_MAX,
  draft,
  running,
  settings,
  stop,
  turns,
} from './state.ts'
import { SettingsPanel } from './settings-panel.tsx'
import { Thread } from './thread.tsx'
import type { Column } from './types.ts'

export default function PlaygroundPage() {
  begin()
  const models = useModels()
  const offered = models.data?.data.filter(canChat)
  useWishedModel(offered)
  const code = useSignal(false)
  const [first] = columns.value
  return (
    <>
      <PageHeader
        title="Playground"
        actions={
          <>
            <Button icon="file" disabled={first?.model === ''} onClick={() => (code.value = true)}>
              As code
            </Button>
            <Button icon="trash" disabled={turns.value.length === 0} onClick={() => void cleared()}>
              Clear
            </Button>
          </>
        }
      >
        Talk to any model you may use. Requests count like any other.
      </PageHeader>
      {otherTenant.value !== undefined && (
        <Notice tone="info">You ask in your own tenant, not in the one you look at.</Notice>
      )}
      <ReplayNotice />
      {models.problem !== undefined && models.data === undefined ? (
        <ErrorState problem={models.problem} onRetry={() => void models.refetch()} />
      ) : offered?.length === 0 ? (
        <NoModels />
      ) : (
        <div class="pg">
          <section class="pg-main" aria-label="Chat">
            <Models offered={offered ?? []} />
            {turns.value.length === 0 && <Beginning />}
            <Thread />
            <Heard />
            <Composer />
          </section>
          <aside class="pg-aside" aria-label="Settings">
            <SettingsPanel />
          </aside>
        </div>
      )}
      {code.value && first !== undefined && (
        <CodeDialog column={first} onClose={() => (code.value = false)} />
      )}
    </>
  )
}

/** The one of the address, else the first there is. */
function useWishedModel(offered: readonly OfferedModel[] | undefined): void {
  const wished = param('model')
  useEffect(() => {
    const [first, ...others] = columns.peek()
    // As the address is by now: what was typed may be ahead of what was drawn.
    const model = param('model') ?? (first?.model === '' ? offered?.[0]?.id : undefined)
    if (first !== undefined && model !== undefined && model !== first.model) {
      columns.value = [{ ...first, model }, ...others]
    }
  }, [wished, offered?.[0]?.id])
}

async function cleared(): Promise<void> {
  const isSure = await confirmAction({
    title: 'Clear the conversation?',
    message: 'What was said is forgotten here. The settings stay, and so does the log.',
    confirm: 'Clear',
    danger: true,
  })
  if (!isSure) return
  clear()
  document.querySelector<HTMLElement>('.pg-composer textarea')?.focus()
}

function NoModels() {
  return (
    <EmptyState
      icon="cloud"
      title="No model to talk to"
      action={
        can('provider.write') ? (
          <ButtonLink href="/ui/providers" variant="primary" icon="plus">
            Add a provider
          </ButtonLink>
        ) : undefined
      }
    >
      {can('provider.write')
        ? 'Models appear here as soon as a provider is there.'
        : 'Ask an administrator to let you use one.'}
    </EmptyState>
  )
}

function Beginning() {
  return (
    <p class="pg-beginning soft">
      Nothing said yet. What you write goes to{' '}
      {columns.value.length > 1 ? 'every model above' : 'the model above'}.
    </p>
  )
}

function Models({ offered }: { offered: readonly OfferedModel[] }) {
  const all = columns.value
  const change = (id: string, model: string) => {
    columns.value = all.map((column) => (column.id === id ? { id, model: model.trim() } : column))
    if (id === all[0]?.id) setParams({ model: model.trim() === '' ? undefined : model.trim() })
  }
  return (
    <div class={`pg-models pg-answers-${all.length}`}>
      {all.map((column, at) => (
        <ModelChoice
          key={column.id}
          column={column}
          label={all.length === 1 ? 'Model' : `Model ${at + 1}`}
          offered={offered}
          onModel={(model) => change(column.id, model)}
          {...(all.length === 1 ? {} : { onRemove: () => removeColumn(column) })}
        />
      ))}
      {all.length < COLUMNS_MAX && (
        <Button icon="split" onClick={() => addColumn(offered)}>
          Compare
        </Button>
      )}
    </div>
  )
}

function addColumn(offered: readonly OfferedModel[]): void {
  const all = columns.peek()
  const id = ['a', 'b', 'c', 'd'].find((letter) => !all.some((column) => column.id === letter))
  const next = offered.find((model) => !all.some((column) => column.model === model.id))
  if (id !== undefined) columns.value = [...all, { id, model: next?.id ?? all[0]?.model ?? '' }]
}

/** What it answered goes with it: another model in its place has not said that. */
function removeColumn({ id }: Column): void {
  for (const turn of turns.peek()) stop(turn.id, id)
  columns.value = columns.peek().filter((column) => column.id !== id)
  turns.value = turns.peek().map((turn) => {
    const { [id]: _gone, ...answers } = turn.answers
    return { ...turn, answers }
  })
  setParams({ model: columns.peek()[0]?.model })
}

function ModelChoice({
  column,
  label,
  offered,
  onModel,
  onRemove,
}: {
  column: Column
  label: string
  offered: readonly OfferedModel[]
  onModel: (model: string) => void
  onRemove?: () => void
}) {
  return (
    <div class="pg-model">
      <div class="pg-model-row">
        <Combobox
          label={label}
          value={column.model}
          options={offered.map(({ id }) => id)}
          placeholder="Choose a model"
          onValue={onModel}
        />
        {onRemove !== undefined && (
          <IconButton
            icon="close"
            label={`Remove ${column.model === '' ? label : column.model}`}
            disabled={running.value > 0}
            onClick={onRemove}
          />
        )}
      </div>
      <p class="soft pg-known">{knownOf(findModel(column.model))}</p>
    </div>
  )
}

/** What is known of a model, in few words. */
function knownOf(model: OfferedModel | undefined): string {
  if (model === undefined) return ' '
  const { capabilities, context_window: context, price } = model
  const [input, output] = [price?.['input'], price?.['output']]
  const seesPictures = capabilities === null || capabilities.includes('vision')
  const hasPictures = draft.value.pictures.length > 0
  return [
    context === null ? undefined : `${formatCompact(context)} tokens of context`,
    typeof input === 'number' && typeof output === 'number'
      ? `$${input} in, $${output} out per million`
      : 'price unknown',
    hasPictures && !seesPictures ? 'may not see pictures' : undefined,
  ]
    .filter((words) => words !== undefined)
    .join(' · ')
}

/** For those who hear the page: each answer once, when it is there. */
function Heard() {
  return (
    <div class="visually-hidden" role="log" aria-live="polite" aria-label="Answers">
      {heard.value.map(({ id, words }) => (
        <p key={id}>{words}</p>
      ))}
    </div>
  )
}

interface Content {
  readonly client_request: string | null
  readonly provider_request: string | null
}

/** A request of the log that is to be asked again: its words are put in place, and sent when one says so. */
function ReplayNotice() {
  const id = param('replay')
  const state = useSignal<{ tone: 'info' | 'bad'; words: string } | undefined>(undefined)
  useEffect(() => {
    if (id === undefined) return
    const leaving = new AbortController()
    void load(id, leaving.signal).then((next) => {
      if (leaving.signal.aborted) return
      state.value = next
      // Once: whoever comes back to this page goes on where they were.
      setParams({ replay: undefined })
    })
    return () => leaving.abort()
  }, [id])
  const { value } = state
  if (value === undefined) return null
  return (
    <Notice
      tone={value.tone}
      actions={<IconButton icon="close" label="Close" onClick={() => (state.value = undefined)} />}
    >
      {value.words}
    </Notice>
  )
}

async function load(
  id: string,
  signal: AbortSignal,
): Promise<{ tone: 'info' | 'bad'; words: string } | undefined> {
  try {
    const url = `/admin/requests/${encodeURIComponent(id)}/content`
    const answer = await ask(url, { signal })
    if (!answer.ok) throw await problemOfResponse(answer)
    const content = (await answer.json()) as Content
    const bodies = [content.client_request, content.provider_request]
    const [first] = columns.peek()
    const found = replayOf(bodies, first?.id ?? 'a')
    if (found === undefined)
      return { tone: 'bad', words: 'This request holds no conversation that can be had again.' }
    clear()
    const model = param('model') ?? found.model ?? first?.model ?? ''
    columns.value = [{ id: first?.id ?? 'a', model }]
    settings.value = found.settings
    turns.value = found.turns
    draft.value = { text: found.text, pictures: found.pictures }
    return { tone: 'info', words: 'The request is loaded. Choose a model, and send it again.' }
  } catch (thrown) {
    if (signal.aborted) return undefined
    const { detail } = toProblem(thrown)
    return { tone: 'bad', words: `The request can't be loaded: ${detail}` }
  }
}
