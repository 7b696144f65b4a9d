// The configuration as one file: out of here, and in. What would become of each thing is shown before anything is changed.

import { useSignal } from '@preact/signals'
import { Badge } from '../components/badge.tsx'
import { Button, ButtonLink } from '../components/button.tsx'
import { confirmAction } from '../components/dialog.tsx'
import { Checkbox, Field, Input, Textarea } from '../components/field.tsx'
import { Notice, type Tone } from '../components/notice.tsx'
import { Panel } from '../components/page.tsx'
import { Table, type Column } from '../components/table.tsx'
import { toast } from '../components/toast.tsx'
import { invalidate, useAction } from '../query.ts'
import { otherTenant } from '../session.ts'
import { importing, type ImportBody, type ImportReport } from './settings-api.ts'

type Step = ImportReport['plan'][number]

export function TransferTab() {
  return (
    <div class="stack">
      <Export />
      <Import />
    </div>
  )
}

function Export() {
  const tenant = otherTenant.value === undefined ? '' : `&tenant=${otherTenant.value}`
  return (
    <Panel
      title="Export"
      hint="One weir.yaml with what the file and this store declare. Secrets are not in it: it names the values to set."
    >
      <div class="row">
        <ButtonLink href={`/admin/config/export?format=yaml${tenant}`} icon="down" download>
          weir.yaml
        </ButtonLink>
        <ButtonLink href={`/admin/config/export?format=json${tenant}`} icon="down" download>
          JSON
        </ButtonLink>
      </div>
    </Panel>
  )
}

const TONES: Readonly<Record<Step['action'], Tone>> = {
  create: 'good',
  update: 'info',
  unchanged: 'neutral',
  delete: 'bad',
  conflict: 'warn',
  forbidden: 'warn',
}

const WORDS: Readonly<Record<Step['action'], string>> = {
  create: 'new',
  update: 'changes',
  unchanged: 'stays',
  delete: 'is deleted',
  conflict: 'cannot change',
  forbidden: 'not allowed',
}

const COLUMNS: readonly Column<Step>[] = [
  {
    id: 'action',
    title: 'Becomes',
    cell: ({ action }) => <Badge tone={TONES[action]}>{WORDS[action]}</Badge>,
    sort: ({ action }) => action,
  },
  { id: 'kind', title: 'Kind', cell: ({ kind }) => kind, sort: ({ kind }) => kind },
  { id: 'name', title: 'Name', card: 'title', cell: ({ name }) => name, sort: ({ name }) => name },
  {
    id: 'why',
    title: 'What',
    cell: ({ members, reason }) => reason ?? (members.length === 0 ? '' : members.join(', ')),
  },
  { id: 'line', title: 'Line', align: 'end', cell: ({ line }) => line ?? '' },
]

function namesIn(text: string): string[] {
  const names = [...text.matchAll(/(?<!\$)\$\{([A-Za-z_]\w*)\}/g)].map(([, name = '']) => name)
  return [...new Set(names)]
}

function Import() {
  const text = useSignal('')
  const isReplacing = useSignal(false)
  const secrets = useSignal<Readonly<Record<string, string>>>({})
  const report = useSignal<ImportReport | undefined>(undefined)
  const body = (isDryRun: boolean): ImportBody => ({
    yaml: text.value,
    dry_run: isDryRun,
    mode: isReplacing.value ? 'replace' : 'merge',
    secrets: { ...secrets.value },
  })
  const plan = useAction(async () => {
    report.value = await importing(body(true))
  })
  const change = (next: string) => {
    text.value = next
    report.value = undefined
  }
  const apply = async () => {
    const deleted = report.value?.plan.filter(({ action }) => action === 'delete') ?? []
    const isDone = await confirmAction({
      title: 'Take this configuration in?',
      message: 'All of it is in force at once, on every replica, or none.',
      breaks: deleted.map(({ kind, name }) => `${kind} ${name} is deleted.`),
      danger: deleted.length > 0,
      confirm: 'Import',
      run: async () => {
        report.value = await importing(body(false))
      },
    })
    if (!isDone || report.value?.applied !== true) return
    invalidate('settings', 'providers', 'models', 'limits', 'budgets')
    toast('The configuration is in force.')
  }
  const names = namesIn(text.value)
  return (
    <Panel title="Import" hint="The plan is shown first. Nothing of the server is read for it.">
      <div class="stack">
        <Field label="weir.yaml" name="yaml" required>
          <Textarea mono rows={10} value={text.value} onValue={change} spellcheck={false} />
        </Field>
        <div class="row">
          <label class="button button-default settings-file">
            Choose a file
            <input
              class="visually-hidden"
              type="file"
              accept=".yaml,.yml,.json"
              onChange={async (event) => {
                const [file] = event.currentTarget.files ?? []
                if (file !== undefined) change(await file.text())
              }}
            />
          </label>
          <Checkbox
            label="Delete what its lists do not have"
            value={isReplacing.value}
            onValue={(value) => {
              isReplacing.value = value
              report.value = undefined
            }}
          />
        </div>
        {names.length > 0 && (
          <section class="stack">
            <h3>Values it asks for</h3>
            {names.map((name) => (
              <Field key={name} label={<code>{name}</code>} required>
                <Input
                  type="password"
                  autocomplete="off"
                  value={secrets.value[name] ?? ''}
                  onValue={(value) => {
                    secrets.value = { ...secrets.value, [name]: value }
                    report.value = undefined
                  }}
                />
              </Field>
            ))}
          </section>
        )}
        {plan.problem.value !== undefined && (
          <Notice tone="bad" title="It could not be looked at" focus>
            {plan.problem.value.detail}
          </Notice>
        )}
        {report.value === undefined ? (
          <div class="row">
            <Button
              variant="primary"
              pending={plan.pending.value}
              disabled={text.value.trim() === ''}
              onClick={() => void plan.run()}
            >
              Show the plan
            </Button>
          </div>
        ) : (
          <Report report={report.value} onApply={() => void apply()} />
        )}
      </div>
    </Panel>
  )
}

function Report({ onApply, report }: { report: ImportReport; onApply: () => void }) {
  const { applied, plan, problems, skipped } = report
  const stopped = plan.filter(({ action }) => action === 'conflict' || action === 'forbidden')
  const changes = plan.filter(({ action }) => ['create', 'update', 'delete'].includes(action))
  return (
    <div class="stack">
      {problems.length > 0 && (
        <Notice tone="bad" title="This has to be mended first" focus>
          <ul>
            {problems.map(({ line, message, path, suggestion }) => (
              <li key={`${path} ${message}`}>
                {line !== null && <>Line {line}: </>}
                {path !== '' && <code>{path}</code>} {message}
                {suggestion !== null && <> (did you mean {suggestion}?)</>}
              </li>
            ))}
          </ul>
        </Notice>
      )}
      {applied && (
        <Notice tone="good" title="It is in force" focus>
          {changes.length} changes, each in the audit.
        </Notice>
      )}
      {!applied && problems.length === 0 && stopped.length > 0 && (
        <Notice tone="warn" title={`${stopped.length} of it cannot be done, so nothing is`} focus>
          Take those out of the text, or change them where they are declared.
        </Notice>
      )}
      {!applied && problems.length === 0 && stopped.length === 0 && changes.length === 0 && (
        <Notice tone="info" title="Nothing would change" focus>
          Everything is as the file says.
        </Notice>
      )}
      {skipped.length > 0 && (
        <Notice tone="neutral" title="Passed over">
          Only a file on the server can say {skipped.map(({ path }) => path).join(', ')}.
        </Notice>
      )}
      {plan.length > 0 && (
        <Table
          caption="What becomes of each thing"
          rows={plan}
          columns={COLUMNS}
          keyOf={({ kind, line, name }) => `${kind} ${name} ${line}`}
          isMuted={({ action }) => action === 'unchanged'}
        />
      )}
      {!applied && problems.length === 0 && stopped.length === 0 && changes.length > 0 && (
        <div class="row">
          <Button variant="primary" onClick={onApply}>
            Import {changes.length} {changes.length === 1 ? 'change' : 'changes'}
          </Button>
        </div>
      )}
    </div>
  )
}
