// Every component at once, for tests in a browser: what they do with a keyboard, with errors of a server, with many rows. It is no page of the
// UI and never bundled into it.

import { useSignal } from '@preact/signals'
import { render } from 'preact'
import { ApiProblem } from '../api.ts'
import { Badge, Bar, Stat, Stats, Status, type State } from '../components/badge.tsx'
import { Button, ButtonLink, IconButton } from '../components/button.tsx'
import { Chart } from '../components/chart.tsx'
import { ConfirmHost, confirmAction, Dialog, Drawer } from '../components/dialog.tsx'
import { Checkbox, Field, Input, Select, Switch, Textarea } from '../components/field.tsx'
import { Form, useForm } from '../components/form.tsx'
import {
  ChipsInput,
  Combobox,
  DurationInput,
  MoneyInput,
  NumberInput,
} from '../components/inputs.tsx'
import { Notice } from '../components/notice.tsx'
import { Facts, PageHeader, Panel, SearchInput, Toolbar } from '../components/page.tsx'
import { EmptyState, ErrorState, Skeleton } from '../components/states.tsx'
import { Table } from '../components/table.tsx'
import { Tabs } from '../components/tabs.tsx'
import { TimeRangePicker, useTimeRange } from '../components/time-range.tsx'
import { toast, ToastHost } from '../components/toast.tsx'
import {
  CodeBlock,
  Duration,
  JsonView,
  Money,
  RelativeTime,
  Tokens,
} from '../components/values.tsx'
import { VirtualList } from '../components/virtual-list.tsx'

interface Row {
  readonly name: string
  readonly usd: number | null
  readonly at: number
  readonly state: State
}

const START_MS = Date.UTC(2026, 10, 21)
const HALF_HOUR_MS = 1_800_000

const ROWS: readonly Row[] = [
  { name: 'ci', usd: 0.0042, at: START_MS, state: 'ok' },
  { name: 'ide', usd: 12.5, at: START_MS - 1, state: 'degraded' },
  { name: 'batch', usd: null, at: START_MS - 2, state: 'down' },
  { name: 'agents', usd: 1_234.5, at: START_MS - 3, state: 'off' },
  { name: 'old', usd: 0, at: START_MS - 4, state: 'unknown' },
]

const MANY = Array.from({ length: 100_000 }, (_, index) => ({
  id: `row-${index}`,
  ms: (index * 37) % 2_400,
  isError: index % 17 === 0,
}))

const TIMES = Array.from({ length: 48 }, (_, index) => START_MS + index * HALF_HOUR_MS)
const WAVE = TIMES.map((_, index) => (index % 19 === 7 ? null : index % 12))

function Gallery() {
  return (
    <main class="main">
      <Head />
      <div class="stack">
        <Signs />
        <Charts />
        <Lists />
        <div class="grid-2">
          <ExampleForm />
          <Values />
        </div>
      </div>
      <ToastHost />
      <ConfirmHost />
    </main>
  )
}

function Head() {
  const range = useTimeRange()
  const opened = useSignal<'dialog' | 'drawer' | undefined>(undefined)
  const close = () => (opened.value = undefined)
  return (
    <>
      <PageHeader
        title="Gallery"
        badges={<Badge tone="info">test</Badge>}
        back={{ href: '/ui', label: 'Home' }}
        actions={
          <>
            <TimeRangePicker range={range} />
            <Button onClick={() => (opened.value = 'drawer')}>Open drawer</Button>
            <Button variant="primary" icon="plus" onClick={() => (opened.value = 'dialog')}>
              Open dialog
            </Button>
          </>
        }
      >
        All parts at once.
      </PageHeader>
      {opened.value === 'dialog' && (
        <Dialog title="A dialog" onClose={close} footer={<Button onClick={close}>Done</Button>}>
          <Field label="First input" required>
            <Input value="" onValue={() => undefined} />
          </Field>
        </Dialog>
      )}
      {opened.value === 'drawer' && (
        <Drawer title="A drawer" onClose={close}>
          <Facts
            items={[['Model', 'gpt-5-mini'], undefined, ['Tokens', <Tokens count={123_456} />]]}
          />
        </Drawer>
      )}
    </>
  )
}

function Signs() {
  return (
    <>
      <Stats>
        <Stat label="Requests" value="12,345" hint="more than yesterday" icon="list" />
        <Stat label="Errors" value="1.2 %" tone="bad" icon="warning" />
      </Stats>
      <div class="row">
        <Badge tone="good" icon="ok">
          active
        </Badge>
        <Badge tone="warn">draining</Badge>
        <Badge tone="bad">revoked</Badge>
        <Badge icon="file">file</Badge>
        <Button variant="danger" icon="trash">
          Delete
        </Button>
        <Button pending>Saving</Button>
        <Button disabled>Off</Button>
        <Button variant="ghost">Ghost</Button>
        <ButtonLink href="/ui">Link</ButtonLink>
        <IconButton icon="edit" label="Edit" />
        <Button size="small">Small</Button>
      </div>
      <Notice tone="warn" title="Nearly used up">
        80 % of the budget is spent.
      </Notice>
      <Notice tone="bad">It could not be saved.</Notice>
      <Notice tone="good">Saved.</Notice>
    </>
  )
}

function Charts() {
  return (
    <div class="grid-2">
      <Panel title="One line">
        <Chart label="Requests" times={TIMES} series={[{ label: 'Requests', values: WAVE }]} />
      </Panel>
      <Panel title="Stacked">
        <Chart
          label="By model"
          kind="stacked"
          times={TIMES}
          series={[
            { label: 'gpt-5-mini', values: WAVE },
            { label: 'errors', values: WAVE, tone: 'bad' },
          ]}
        />
      </Panel>
    </div>
  )
}

function askRevoke(row: Row): Promise<boolean> {
  return confirmAction({
    title: `Revoke key ${row.name}?`,
    confirm: 'Revoke key',
    danger: true,
    breaks: ['Every program that uses it is refused from now on.'],
    typeName: row.name,
    run: () =>
      row.name === 'ci'
        ? Promise.reject(
            new ApiProblem({
              status: 409,
              code: 'declared_in_file',
              detail: 'The file declares it.',
            }),
          )
        : Promise.resolve(),
  })
}

function Lists() {
  const tab = useSignal<'keys' | 'none'>('keys')
  const opened = useSignal('')
  const ends = useSignal(0)
  return (
    <>
      <Tabs
        label="Views"
        tabs={[
          { id: 'keys', title: 'Keys', count: ROWS.length },
          { id: 'none', title: 'Nothing' },
        ]}
        current={tab.value}
        onSelect={(id) => (tab.value = id)}
      >
        <Toolbar>
          <SearchInput label="Search keys" value="" onValue={() => undefined} />
        </Toolbar>
        <KeyTable rows={tab.value === 'keys' ? ROWS : []} />
      </Tabs>
      <VirtualList
        label="Many rows"
        height={260}
        rows={MANY}
        keyOf={({ id }) => id}
        toneOf={({ isError }) => (isError ? 'bad' : undefined)}
        onOpen={({ id }) => (opened.value = id)}
        onEnd={() => (ends.value += 1)}
        foot="That is all."
        columns={[
          { id: 'id', title: 'Id', width: 'minmax(8rem, 1fr)', cell: ({ id }) => id },
          {
            id: 'ms',
            title: 'Total',
            width: '6rem',
            align: 'end',
            cell: ({ ms }) => <Duration ms={ms} />,
          },
        ]}
      />
      <p data-testid="opened">
        opened {opened.value}, ends {ends.value}
      </p>
    </>
  )
}

function KeyTable({ rows }: { rows: readonly Row[] }) {
  return (
    <Table
      caption="Keys"
      rows={rows}
      keyOf={({ name }) => name}
      nameOf={({ name }) => name}
      initialSort="name"
      isMuted={({ name }) => name === 'old'}
      columns={[
        {
          id: 'name',
          title: 'Name',
          card: 'title',
          cell: ({ name }) => name,
          sort: ({ name }) => name,
        },
        { id: 'state', title: 'State', cell: ({ state }) => <Status state={state} /> },
        {
          id: 'usd',
          title: 'Spent',
          align: 'end',
          cell: ({ usd }) => <Money usd={usd} />,
          sort: ({ usd }) => usd,
        },
        {
          id: 'budget',
          title: 'Budget',
          width: '220px',
          cell: ({ name, usd }) => (
            <Bar label={`Budget of ${name}`} value={usd ?? 0} max={15} text="of $15.00" />
          ),
        },
        { id: 'at', title: 'Last used', cell: ({ at }) => <RelativeTime at={at} /> },
      ]}
      actions={(row) => [
        { label: 'Rotate', icon: 'refresh', onSelect: () => toast(`Key ${row.name} is rotated.`) },
        {
          label: 'Revoke',
          icon: 'trash',
          danger: true,
          onSelect: () => void askRevoke(row).then((isDone) => toast(`Revoked: ${isDone}`)),
        },
        { label: 'Export', icon: 'download', disabled: 'declared in the file' },
      ]}
      empty={
        <EmptyState
          icon="key"
          title="No keys yet"
          action={<Button variant="primary">Create key</Button>}
        >
          A program needs one to ask a model.
        </EmptyState>
      }
    />
  )
}

function ExampleForm() {
  const sent = useSignal('')
  const form = useForm({
    name: '',
    model: '',
    models: ['gpt-*'] as readonly string[],
    usd: null as number | null,
    timeoutMs: 60_000 as number | null,
    perMinute: null as number | null,
    role: 'member',
    note: '',
    isAnywhere: true,
    isOn: true,
  })
  return (
    <Panel title="A form">
      <Form
        form={form}
        submit="Create key"
        onSubmit={(values) => {
          if (values.name === 'taken') {
            throw new ApiProblem({
              status: 400,
              code: 'invalid_value',
              detail: 'Must be unique.',
              param: 'models[1]',
            })
          }
          if (values.name === 'broken') {
            throw new ApiProblem({
              status: 500,
              code: 'internal_error',
              detail: 'Internal error.',
              requestId: 'req_1',
            })
          }
          sent.value = JSON.stringify(values)
          return Promise.resolve()
        }}
      >
        <Field name="name" label="Name" required hint="As people know it.">
          <Input {...form.bind('name')} />
        </Field>
        <Field name="model" label="Default model">
          <Combobox
            {...form.bind('model')}
            options={['gpt-5-mini', 'claude-haiku-4-5', 'gemini-3-flash']}
          />
        </Field>
        <Field name="models" label="Models" hint="* stands for any text.">
          <ChipsInput {...form.bind('models')} />
        </Field>
        <div class="form-row">
          <Field label="Budget">
            <MoneyInput {...form.bind('usd')} />
          </Field>
          <Field label="Timeout">
            <DurationInput {...form.bind('timeoutMs')} />
          </Field>
          <Field label="Requests per minute">
            <NumberInput {...form.bind('perMinute')} whole suffix="/min" />
          </Field>
        </div>
        <Field label="Role" required>
          <Select {...form.bind('role')} options={['member', 'admin']} />
        </Field>
        <Field label="Note">
          <Textarea {...form.bind('note')} rows={2} />
        </Field>
        <Checkbox
          label="From anywhere"
          hint="Else from some addresses."
          {...form.bind('isAnywhere')}
        />
        <Switch label="Enabled" {...form.bind('isOn')} />
      </Form>
      <output data-testid="sent">{sent.value}</output>
    </Panel>
  )
}

function Values() {
  const problem = new ApiProblem({
    status: 500,
    code: 'internal_error',
    detail: 'Internal error.',
    requestId: 'req_2',
  })
  return (
    <div class="stack">
      <CodeBlock label="python" text={'from openai import OpenAI\nclient = OpenAI()'} />
      <Panel title="JSON">
        <JsonView
          value={{ model: 'gpt', messages: [{ role: 'user', content: '<b>bold</b>' }], none: null }}
        />
      </Panel>
      <Skeleton />
      <ErrorState problem={problem} onRetry={() => toast('Tried again.')} />
    </div>
  )
}

const root = document.getElementById('app')
if (root !== null) render(<Gallery />, root)
