// Guardrails: the rules in the order in which they are asked, each with what it does and how it stands, changed and tried here. A rule of the
// file is shown and says why it cannot be changed.

import { useSignal } from '@preact/signals'
import { useEffect, useMemo, useRef } from 'preact/hooks'
import { toProblem } from '../api.ts'
import { Badge, Status } from '../components/badge.tsx'
import { Button, IconButton } from '../components/button.tsx'
import { confirmAction, Drawer } from '../components/dialog.tsx'
import { Switch } from '../components/field.tsx'
import { Facts, PageHeader, Panel } from '../components/page.tsx'
import { EmptyState, Loaded } from '../components/states.tsx'
import { Table } from '../components/table.tsx'
import { toast } from '../components/toast.tsx'
import { JsonView } from '../components/values.tsx'
import { formatDuration } from '../format.ts'
import type { PageProps } from '../pages.ts'
import { invalidate, useAction, useQuery } from '../query.ts'
import { Link, navigate } from '../router.tsx'
import { can, session } from '../session.ts'
import {
  bodyOf,
  checkName,
  deleteRule,
  fixedBy,
  isOfAll,
  mayServeAll,
  MODE_TONES,
  MODES,
  orderRules,
  readRule,
  readRules,
  replaceRule,
  scopeWords,
  STAGES,
  useChecks,
  type Check,
  type Rule,
} from './data.ts'
import { Editor, type Start } from './editor.tsx'
import { TryPanel } from './try.tsx'

const HERE = '/ui/guardrails'
const pageOf = ({ id }: Rule) => `${HERE}/${encodeURIComponent(id)}`
const home = () => navigate(HERE)

export default function GuardrailsPage({ params }: PageProps) {
  const rules = useQuery('guardrails', readRules, { pollMs: 30_000 })
  const checks = useChecks()
  const making = useSignal<Start | undefined>(undefined)
  const mayWrite = can('guardrail.write')
  const id = params['id']
  const chosen = rules.data?.data.findLast((rule) => rule.id === id)
  return (
    <>
      <PageHeader
        title="Guardrails"
        actions={
          mayWrite && (
            <Button variant="primary" icon="plus" onClick={() => (making.value = {})}>
              Add guardrail
            </Button>
          )
        }
      >
        What requests, tool results and answers are checked for, and what follows.
      </PageHeader>
      <Loaded query={rules}>
        {({ data }) => (
          <div class="stack">
            {data.length === 0 ? (
              <Panel>
                <Examples onChoose={(start) => (making.value = start)} />
              </Panel>
            ) : (
              <RuleTable rules={data} />
            )}
            {mayWrite && checks.data !== undefined && data.length > 0 && (
              <Panel title="Try it">
                <TryPanel rules={data} checks={checks.data} />
              </Panel>
            )}
          </div>
        )}
      </Loaded>
      {id !== undefined && rules.data !== undefined && chosen === undefined && (
        <Drawer title={id} onClose={home}>
          <EmptyState icon="shield" title="There is no such guardrail">
            It may have been deleted, or be another tenant’s.
          </EmptyState>
        </Drawer>
      )}
      {checks.data !== undefined && making.value !== undefined && (
        <Editor
          checks={checks.data}
          start={making.value}
          onClose={() => (making.value = undefined)}
        />
      )}
      {checks.data !== undefined && chosen !== undefined && (
        <Chosen key={chosen.id} rule={chosen} checks={checks.data} />
      )}
    </>
  )
}

let openings = 0

/** One rule: its form, or where it is fixed what it says. */
function Chosen({ checks, rule }: { rule: Rule; checks: readonly Check[] }) {
  const why = fixedBy(rule)
  // Read each time it is opened: a change of what was seen before would be refused as old.
  const opening = useMemo(() => (openings += 1), [])
  const seen = useQuery(['guardrail', opening], () => readRule(rule), {
    enabled: why === undefined,
  })
  if (why === undefined) {
    return (
      <Loaded query={seen}>{(now) => <Editor checks={checks} rule={now} onClose={home} />}</Loaded>
    )
  }
  return (
    <Drawer title={rule.id} onClose={home}>
      <p class="soft">{why}</p>
      <Facts
        items={[
          ['Check', checkName(rule.check)],
          ['Mode', MODES[rule.mode]],
          ['Looks at', stageWords(rule)],
          ['For', scopeWords(rule)],
          ['Without an answer', rule.on_failure === 'closed' ? 'refused' : 'let through'],
          ['Waits', formatDuration(rule.timeout_ms)],
          ['State', <RuleState key="state" rule={rule} />],
        ]}
      />
      <h3>Options</h3>
      <JsonView value={rule.options} />
    </Drawer>
  )
}

const stageWords = ({ stages }: Rule) =>
  STAGES.flatMap(({ label, value }) => (stages.includes(value) ? [label.toLowerCase()] : [])).join(
    ', ',
  )

function RuleState({ rule: { enabled, problem } }: { rule: Rule }) {
  if (problem !== null) {
    return (
      <div class="guardrails-state">
        <Status state="down">Not ready</Status>
        <small class="soft">{problem} It refuses what it concerns.</small>
      </div>
    )
  }
  return enabled ? <Status state="ok">Ready</Status> : <Status state="off" />
}

function RuleTable({ rules }: { rules: readonly Rule[] }) {
  const said = useSignal('')
  /** The button that moved a rule, until the list has come in its new order: later readings leave the focus where it is. */
  const pressed = useRef('')
  const holder = useRef<HTMLDivElement>(null)
  const move = useAction(
    async (rule: Rule, by: number) => {
      const ids = siblings(rules, rule).map(({ id }) => id)
      const at = ids.indexOf(rule.id)
      ids.splice(at + by, 0, ...ids.splice(at, 1))
      await orderRules(ids, isOfAll(rule))
      pressed.current = `${rule.id} ${by}`
      return `${rule.id} is now ${at + by + 1} of ${ids.length}.`
    },
    {
      invalidates: ['guardrails'],
      onDone: (done) => (said.value = done),
      onProblem: failed,
    },
  )
  const toggle = useAction(
    async (rule: Rule, enabled: boolean) => {
      const seen = await readRule(rule)
      return await replaceRule(seen, bodyOf(seen, { enabled }))
    },
    { invalidates: ['guardrails'], onProblem: failed },
  )
  useEffect(() => {
    // What moves in the page loses the focus on its way; at an end the other button takes it.
    const { current: moved } = pressed
    if (moved === '') return
    pressed.current = ''
    const find = (key: string) =>
      holder.current?.querySelector<HTMLButtonElement>(`[data-move="${CSS.escape(key)}"]`)
    const button = find(moved)
    const [id, by] = moved.split(' ')
    const other = button?.disabled === true ? find(`${id} ${-Number(by)}`) : button
    other?.focus()
  }, [rules])
  const mover = (rule: Rule) => {
    const list = siblings(rules, rule)
    if (fixedBy(rule) !== undefined || list.length < 2) return null
    const at = list.indexOf(rule)
    return ([-1, 1] as const).map((by) => (
      <IconButton
        key={by}
        data-move={`${rule.id} ${by}`}
        icon={by < 0 ? 'up' : 'down'}
        size="small"
        label={`Move ${rule.id} ${by < 0 ? 'up' : 'down'}`}
        disabled={list[at + by] === undefined}
        onClick={() => void move.run(rule, by)}
      />
    ))
  }
  const isMovable = rules.some((rule) => mover(rule) !== null)
  return (
    <div ref={holder}>
      <span class="visually-hidden" role="status">
        {said}
      </span>
      <Table
        caption="Guardrails, in the order in which they are asked"
        rows={rules}
        keyOf={(rule) => `${rule.tenant} ${rule.origin} ${rule.id}`}
        nameOf={({ id }) => id}
        hrefOf={pageOf}
        isMuted={({ enabled }) => !enabled}
        columns={[
          {
            id: 'id',
            title: 'Guardrail',
            card: 'title',
            cell: (rule) => (
              <span class="row">
                <Link href={pageOf(rule)}>{rule.id}</Link>
                {(rule.origin === 'file' || rule.origin === 'environment') && (
                  <Badge icon="file">file</Badge>
                )}
                {isOfAll(rule) && session.value?.many_tenants === true && (
                  <Badge icon="lock">every tenant</Badge>
                )}
              </span>
            ),
          },
          { id: 'check', title: 'Check', cell: ({ check }) => checkName(check) },
          {
            id: 'mode',
            title: 'Mode',
            cell: ({ mode }) => <Badge tone={MODE_TONES[mode]}>{MODES[mode]}</Badge>,
          },
          { id: 'stages', title: 'Looks at', cell: stageWords },
          { id: 'for', title: 'For', cell: scopeWords },
          { id: 'state', title: 'State', cell: (rule) => <RuleState rule={rule} /> },
          {
            id: 'on',
            title: 'On',
            cell: (rule) =>
              fixedBy(rule) === undefined ? (
                <Switch
                  label={<span class="visually-hidden">{rule.id}</span>}
                  value={rule.enabled}
                  onValue={(isOn) => void toggle.run(rule, isOn)}
                />
              ) : rule.enabled ? (
                'on'
              ) : (
                'off'
              ),
          },
          ...(isMovable
            ? [
                {
                  id: 'order',
                  title: 'Order',
                  cell: (rule: Rule) => <span class="guardrails-order">{mover(rule)}</span>,
                },
              ]
            : []),
        ]}
        actions={(rule) => [
          {
            label: fixedBy(rule) === undefined ? 'Edit' : 'Look at it',
            icon: fixedBy(rule) === undefined ? 'edit' : 'eye',
            href: pageOf(rule),
          },
          mayDelete(rule)
            ? { label: 'Delete', icon: 'trash', danger: true, onSelect: () => void remove(rule) }
            : undefined,
        ]}
      />
    </div>
  )
}

function failed(thrown: unknown): void {
  toast(toProblem(thrown).detail, { tone: 'bad' })
  invalidate('guardrails')
}

/** Those among which a rule can be moved. */
const siblings = (rules: readonly Rule[], rule: Rule) =>
  rules.filter((each) => each.origin === rule.origin && isOfAll(each) === isOfAll(rule))

const mayDelete = (rule: Rule) =>
  can('guardrail.delete') && (rule.read_only === null || (isOfAll(rule) && mayServeAll()))

async function remove(rule: Rule): Promise<void> {
  const isDone = await confirmAction({
    title: `Delete guardrail ${rule.id}?`,
    breaks: [
      `What it ${rule.mode === 'block' ? 'kept out' : 'looked for'} passes within a second, on every replica.`,
    ],
    confirm: 'Delete guardrail',
    danger: true,
    run: () => deleteRule(rule),
  })
  if (!isDone) return
  invalidate('guardrails')
  toast(`Guardrail ${rule.id} is deleted.`)
}

const EXAMPLES: readonly (readonly [string, Start])[] = [
  ['Mask personal data', { id: 'mask-personal-data', check: 'pii', mode: 'mask' }],
  ['Block secrets', { id: 'block-secrets', check: 'secrets', mode: 'block' }],
  [
    'Block words',
    {
      id: 'block-words',
      check: 'words',
      mode: 'block',
      stages: ['input', 'tool_result', 'output'],
    },
  ],
]

function Examples({ onChoose }: { onChoose: (start: Start) => void }) {
  return (
    <EmptyState
      icon="shield"
      title="No guardrails yet"
      action={
        can('guardrail.write') &&
        EXAMPLES.map(([words, start]) => (
          <Button key={words} onClick={() => onChoose(start)}>
            {words}
          </Button>
        ))
      }
    >
      A guardrail looks at what is said and blocks, masks or flags what it finds, whatever protocol
      a client speaks. Where a check does not answer, what it concerns is refused unless you say
      otherwise.
    </EmptyState>
  )
}
