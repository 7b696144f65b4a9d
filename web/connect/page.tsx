// Connect: pick a tool, a model and a key, and get the exact lines to paste. The server tells the lines with a word where the key belongs; the key
// itself is put in here, in the browser, and sent nowhere.

import { useSignal } from '@preact/signals'
import { api, ask, problemOfResponse, unwrap } from '../api.ts'
import { Button } from '../components/button.tsx'
import { Field, Input, Select } from '../components/field.tsx'
import { Combobox } from '../components/inputs.tsx'
import { Notice } from '../components/notice.tsx'
import { PageHeader, Panel } from '../components/page.tsx'
import { Loaded } from '../components/states.tsx'
import { CodeBlock } from '../components/values.tsx'
import { useQuery } from '../query.ts'
import { param, setParams } from '../router.tsx'
import { can } from '../session.ts'
import { freshKey } from './fresh-key.ts'
import { MakeKey } from './make-key.tsx'

const readSnippets = (model: string | undefined, signal: AbortSignal) =>
  unwrap(api.snippets.get({ query: model === undefined ? {} : { model }, fetch: { signal } }))

type Snippets = Awaited<ReturnType<typeof readSnippets>>
type Snippet = Snippets['data'][number]

interface ModelList {
  readonly data: readonly { readonly id: string }[]
}

async function readNames({ signal }: { readonly signal: AbortSignal }): Promise<readonly string[]> {
  const answer = await ask('/admin/playground/models', { signal })
  if (!answer.ok) throw await problemOfResponse(answer)
  return ((await answer.json()) as ModelList).data.map(({ id }) => id)
}

const GROUPS = ['Coding tools', 'Libraries', 'Command line'] as const

export default function ConnectPage() {
  const model = param('model')
  const snippets = useQuery(['snippets', model], ({ signal }) => readSnippets(model, signal), {
    keep: true,
  })
  const names = useQuery('offered-models', readNamesOf, { freshMs: 30_000 })
  return (
    <>
      <PageHeader title="Connect">
        Pick a tool, a model and a key, and paste the lines. The tool keeps the protocol it speaks.
      </PageHeader>
      <Loaded query={snippets}>
        {(told) => {
          const chosen = told.data.find(({ tool }) => tool === param('tool')) ?? told.data[0]
          return (
            <div class="connect">
              <ToolList snippets={told.data} chosen={chosen?.tool} />
              <div class="stack">
                {told.hint !== null && (
                  <Notice tone="warn" title={`Tools are told ${told.base_url}`}>
                    {told.hint}
                  </Notice>
                )}
                <Panel title="Model and key">
                  <div class="form-row connect-choice">
                    <Field label="Model" required hint={`Asked at ${told.base_url}`}>
                      <Combobox
                        value={model ?? told.model}
                        options={names.data?.data.map(({ id }) => id) ?? []}
                        onValue={(name) => setParams({ model: name.trim() })}
                      />
                    </Field>
                    <KeyChoice told={told} />
                  </div>
                </Panel>
                {chosen !== undefined && <Lines snippet={chosen} told={told} />}
              </div>
            </div>
          )
        }}
      </Loaded>
    </>
  )
}

/** As other pages keep it, under the same name. */
async function readNamesOf(reading: { readonly signal: AbortSignal }): Promise<ModelList> {
  return { data: (await readNames(reading)).map((id) => ({ id })) }
}

function ToolList({
  chosen,
  snippets,
}: {
  snippets: readonly Snippet[]
  chosen: string | undefined
}) {
  return (
    <nav class="connect-tools" aria-label="Tools">
      {GROUPS.map((group) => (
        <section key={group}>
          <h2>{group}</h2>
          <ul>
            {snippets
              .filter((snippet) => snippet.group === group)
              .map(({ title, tool }) => (
                <li key={tool}>
                  <button
                    type="button"
                    aria-current={tool === chosen ? 'true' : undefined}
                    onClick={() => setParams({ tool })}
                  >
                    {title}
                  </button>
                </li>
              ))}
          </ul>
        </section>
      ))}
      <Field label="Tool" required>
        <Select
          value={chosen ?? ''}
          options={snippets.map(({ title, tool }) => ({ value: tool, label: title }))}
          onValue={(tool) => setParams({ tool })}
        />
      </Field>
    </nav>
  )
}

function KeyChoice({ told }: { told: Snippets }) {
  const isMaking = useSignal(false)
  const mayMake = can('key.self') || can('key.write')
  return (
    <>
      <Field
        label="Key"
        hint={
          told.key_needed
            ? 'It stays in this page: it is put into the lines here and sent nowhere.'
            : 'Programs of this machine need none here: the word anonymous stands for one.'
        }
      >
        <Input
          value={freshKey.value ?? ''}
          onValue={(text) => (freshKey.value = text.trim() === '' ? undefined : text.trim())}
          placeholder={told.key_needed ? 'weir_…' : 'anonymous'}
          spellcheck={false}
        />
      </Field>
      {mayMake && (
        <div class="connect-make">
          <Button icon="key" onClick={() => (isMaking.value = true)}>
            Make a key
          </Button>
        </div>
      )}
      {isMaking.value && (
        <MakeKey
          onClose={() => (isMaking.value = false)}
          onMade={(key) => {
            freshKey.value = key
            isMaking.value = false
          }}
        />
      )}
    </>
  )
}

function Lines({ snippet, told }: { snippet: Snippet; told: Snippets }) {
  const key = freshKey.value ?? (told.key_needed ? undefined : 'anonymous')
  const filled = (text: string) =>
    key === undefined ? text : text.replaceAll(told.key_placeholder, () => key)
  return (
    <Panel title={snippet.title} {...(snippet.note === null ? {} : { hint: snippet.note })}>
      <div class="stack">
        {key === undefined && (
          <Notice tone="info">
            Make a key or paste yours above; until then <code>{told.key_placeholder}</code> stands
            where it belongs.
          </Notice>
        )}
        {snippet.parts.map(({ text, where }) => (
          <CodeBlock key={where} label={where} text={filled(text)} />
        ))}
      </div>
    </Panel>
  )
}
