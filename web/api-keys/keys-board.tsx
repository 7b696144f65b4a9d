// A list of keys with all that can be done to them: the page of a tenant's keys, and one's own on "My usage". What is not allowed is not
// offered; what the file declares says so.

import { useSignal } from '@preact/signals'
import type { ComponentChildren } from 'preact'
import { Badge, Bar, Status, type State } from '../components/badge.tsx'
import { Button } from '../components/button.tsx'
import { Drawer } from '../components/dialog.tsx'
import type { MenuItem } from '../components/menu.tsx'
import { Facts, SearchInput, Toolbar } from '../components/page.tsx'
import { Select } from '../components/field.tsx'
import { EmptyState, Loaded } from '../components/states.tsx'
import { Table, type Column } from '../components/table.tsx'
import { toast } from '../components/toast.tsx'
import { RelativeTime, Time } from '../components/values.tsx'
import { formatUsd } from '../format.ts'
import { orToast } from '../or-toast.ts'
import { useQuery } from '../query.ts'
import { param, setParams } from '../router.tsx'
import { can } from '../session.ts'
import { AMOUNTS, CreateKey, EditKey } from './key-form.tsx'
import { KeyMade, revokeKey, RotateKey, switchKey } from './key-dialogs.tsx'
import type { Key, KeysApi, KeyState, MadeKey } from './keys-api.ts'

const SHOWN: Readonly<Record<string, { readonly words: string; readonly states?: KeyState[] }>> = {
  open: { words: 'In use', states: ['active', 'disabled'] },
  active: { words: 'Active', states: ['active'] },
  disabled: { words: 'Turned off', states: ['disabled'] },
  ended: { words: 'Expired and revoked', states: ['expired', 'revoked'] },
  all: { words: 'All' },
}

const STATES: Readonly<Record<KeyState, readonly [State, string]>> = {
  active: ['ok', 'Active'],
  disabled: ['off', 'Off'],
  expired: ['degraded', 'Expired'],
  revoked: ['down', 'Revoked'],
}

/** What is open beside the list. */
type Open =
  | { readonly kind: 'create' }
  | { readonly kind: 'made'; readonly made: MadeKey }
  | { readonly kind: 'look' | 'edit' | 'rotate'; readonly current: Key }

export interface KeysBoardProps {
  readonly keys: KeysApi
  /** Whether they may make and change them, and revoke them. */
  readonly mayWrite: boolean
  readonly mayDelete: boolean
  /** Draws the place around the list, given the button that makes one. */
  readonly children: (create: ComponentChildren, list: ComponentChildren) => ComponentChildren
}

export function KeysBoard({ children, keys, mayDelete, mayWrite }: KeysBoardProps) {
  const open = useSignal<Open | undefined>(undefined)
  const shown = param('state') ?? 'open'
  const q = param('q') ?? ''
  const { states } = SHOWN[shown] ?? SHOWN['open']!
  const filter = {
    ...(q.trim() === '' ? {} : { q: q.trim() }),
    ...(states === undefined ? {} : { state: states }),
  }
  const list = useQuery([keys.name, filter], (options) => keys.list(filter, options), {
    pollMs: 30_000,
    keep: true,
  })
  const close = () => (open.value = undefined)
  const made = (key: MadeKey) => (open.value = { kind: 'made', made: key })
  const change = (kind: 'edit' | 'rotate', key: Key) =>
    void readAgain(keys, key).then((current) => {
      if (current !== undefined) open.value = { kind, current }
    })
  const create = mayWrite ? (
    <Button variant="primary" icon="plus" onClick={() => (open.value = { kind: 'create' })}>
      Create key
    </Button>
  ) : null
  const actionsOf = (key: Key): readonly (MenuItem | undefined)[] => {
    const isFixed = key.read_only !== null || key.state === 'revoked'
    const isOpen = !isFixed && key.state !== 'expired'
    const see = can('usage.read') && !keys.isOwn
    return [
      {
        label: 'Details',
        icon: 'eye',
        onSelect: () => (open.value = { kind: 'look', current: key }),
      },
      see
        ? {
            label: 'Usage',
            icon: 'gauge',
            href: `/ui/limits/usage?key=${encodeURIComponent(key.id)}`,
          }
        : undefined,
      mayWrite && !isFixed
        ? { label: 'Edit', icon: 'edit', onSelect: () => change('edit', key) }
        : undefined,
      mayWrite && isOpen && key.replaced_by === null
        ? { label: 'Rotate', icon: 'refresh', onSelect: () => change('rotate', key) }
        : undefined,
      mayWrite && isOpen
        ? {
            label: key.state === 'disabled' ? 'Turn on' : 'Turn off',
            icon: 'off',
            onSelect: () =>
              void readAgain(keys, key).then((current) => current && switchKey(keys, current)),
          }
        : undefined,
      mayDelete && !isFixed
        ? {
            label: 'Revoke',
            icon: 'trash',
            danger: true,
            onSelect: () => void revokeKey(keys, key),
          }
        : undefined,
    ]
  }
  const isFiltered = q !== '' || shown !== 'open'
  const table = (
    <>
      <Toolbar label="Filter keys">
        <SearchInput label="Search keys" value={q} onValue={(text) => setParams({ q: text })} />
        <Select
          aria-label="State"
          value={shown}
          onValue={(state) => setParams({ state: state === 'open' ? undefined : state })}
          options={Object.entries(SHOWN).map(([value, { words }]) => ({ value, label: words }))}
        />
      </Toolbar>
      <Loaded query={list}>
        {({ data, total }) => (
          <>
            <Table
              caption="API keys"
              rows={data}
              keyOf={({ id }) => id}
              nameOf={({ name }) => name}
              columns={columnsOf(keys.isOwn)}
              initialSort="name"
              onOpen={(current) => (open.value = { kind: 'look', current })}
              isMuted={({ state }) => state !== 'active'}
              actions={actionsOf}
              empty={<NoKeys isFiltered={isFiltered} create={create} />}
            />
            {total > data.length && (
              <p class="soft list-note">
                {data.length} of {total} keys. Search to find the others.
              </p>
            )}
          </>
        )}
      </Loaded>
    </>
  )
  return (
    <>
      {children(create, table)}
      <Opened open={open.value} keys={keys} onClose={close} onMade={made} />
    </>
  )
}

/** As it is now, with its version: what is changed is what was seen. */
async function readAgain(keys: KeysApi, key: Key): Promise<Key | undefined> {
  return await orToast(keys.one(key.id))
}

function Opened({
  keys,
  onClose,
  onMade,
  open,
}: {
  open: Open | undefined
  keys: KeysApi
  onClose: () => void
  onMade: (made: MadeKey) => void
}) {
  switch (open?.kind) {
    case undefined:
      return null
    case 'create':
      return <CreateKey keys={keys} onClose={onClose} onMade={onMade} />
    case 'made':
      return <KeyMade made={open.made} onClose={onClose} />
    case 'rotate':
      return <RotateKey current={open.current} keys={keys} onClose={onClose} onMade={onMade} />
    case 'look':
      return <KeyDetails current={open.current} onClose={onClose} />
    case 'edit':
      return (
        <EditKey
          current={open.current}
          keys={keys}
          onClose={(isChanged) => {
            onClose()
            if (isChanged) toast(`Key ${open.current.name} is changed.`)
          }}
        />
      )
  }
}

function NoKeys({ create, isFiltered }: { create: ComponentChildren; isFiltered: boolean }) {
  if (isFiltered) {
    return (
      <EmptyState
        icon="search"
        title="No key fits"
        action={
          <Button onClick={() => setParams({ q: undefined, state: undefined })}>
            Clear filters
          </Button>
        }
      />
    )
  }
  return (
    <EmptyState icon="key" title="No keys yet" action={create}>
      A program needs one to ask a model. Each is shown once, when it is made.
    </EmptyState>
  )
}

function columnsOf(isOwn: boolean): readonly Column<Key>[] {
  const columns: (Column<Key> | undefined)[] = [
    {
      id: 'name',
      title: 'Name',
      card: 'title',
      sort: ({ name }) => name.toLowerCase(),
      cell: ({ masked, name, read_only }) => (
        <div class="key-name">
          <span>
            {name} {read_only !== null && <Badge icon="file">file</Badge>}
          </span>
          <code class="soft">{masked}</code>
        </div>
      ),
    },
    isOwn
      ? undefined
      : {
          id: 'owner',
          title: 'Owner',
          sort: ({ owner }) => owner?.name ?? owner?.id,
          cell: ({ owner, roles }) =>
            owner === null ? (
              <span class="soft">{roles.length === 0 ? 'member' : roles.join(', ')}</span>
            ) : (
              <span title={`${owner.kind} ${owner.id}`}>{owner.name ?? owner.id}</span>
            ),
        },
    {
      id: 'models',
      title: 'Models',
      cell: ({ models }) => <ShortList items={models} none="all" />,
    },
    {
      id: 'limits',
      title: 'Limits',
      card: 'hide',
      cell: ({ limits }) => (
        <span class="soft">
          {limitWords(limits)[0] ?? 'none'}
          {limitWords(limits).length > 1 && ` +${limitWords(limits).length - 1}`}
        </span>
      ),
    },
    {
      id: 'budget',
      title: 'Budget',
      width: '190px',
      sort: ({ budget_account }) => budget_account?.used_share,
      cell: (key) => <BudgetBar current={key} />,
    },
    {
      id: 'used',
      title: 'Last used',
      sort: ({ last_used }) => last_used,
      cell: ({ last_used }) => <RelativeTime at={last_used} none="never" />,
    },
    {
      id: 'state',
      title: 'State',
      sort: ({ state }) => state,
      cell: ({ expires, replaced_by, state }) => {
        const [sign, word] = STATES[state]
        return (
          <span class="key-state">
            <Status state={sign}>{word}</Status>
            {state === 'active' && expires !== null && (
              <small class="soft">
                {replaced_by === null ? 'ends' : 'replaced, ends'} <RelativeTime at={expires} />
              </small>
            )}
          </span>
        )
      },
    },
  ]
  return columns.filter((column) => column !== undefined)
}

function ShortList({ items, none }: { items: readonly string[] | null; none: string }) {
  if (items === null) return <span class="soft">{none}</span>
  const [first = 'nothing', ...rest] = items
  return (
    <span title={items.join(', ')}>
      {first}
      {rest.length > 0 && <span class="soft"> +{rest.length}</span>}
    </span>
  )
}

function BudgetBar({ current }: { current: Key }) {
  const { budget, budget_account: account, name } = current
  if (budget === null) return <span class="soft">none</span>
  const spent = account?.spent_usd ?? 0
  return (
    <Bar
      label={`Budget of ${name}`}
      value={spent}
      max={budget.usd}
      text={`${formatUsd(spent)} of ${formatUsd(budget.usd)}`}
    />
  )
}

/** `60 requests a minute`. */
function limitWords(limits: Key['limits']): string[] {
  return AMOUNTS.flatMap(([name, words]) => {
    const value = limits?.[name]
    if (value === undefined || value === null) return []
    return `${value.toLocaleString()} ${words.toLowerCase()}`
  })
}

function KeyDetails({ current, onClose }: { current: Key; onClose: () => void }) {
  const { actions, allowed_from, budget, budget_account, created, expires, limits } = current
  const words = limitWords(limits)
  const [sign, word] = STATES[current.state]
  return (
    <Drawer title={`Key ${current.name}`} onClose={onClose}>
      <div class="stack">
        {current.read_only !== null && <p class="soft">{current.read_only}</p>}
        <Facts
          items={[
            ['State', <Status state={sign}>{word}</Status>],
            ['Key', <code>{current.masked}</code>],
            ['Id', <code>{current.id}</code>],
            [
              'Belongs to',
              current.owner === null
                ? `nobody; role ${current.roles.join(', ') || 'member'}`
                : `${current.owner.kind} ${current.owner.name ?? current.owner.id}`,
            ],
            ['Models', current.models?.join(', ') ?? 'all'],
            ['Actions', actions?.join(', ') ?? 'all that its owner may'],
            ['Used from', allowed_from?.join(', ') ?? 'anywhere'],
            ['Limits', words.length === 0 ? 'none of its own' : words.join(', ')],
            ['Budget', <BudgetBar current={current} />],
            budget === null
              ? undefined
              : [
                  'Begins anew',
                  <Time
                    at={budget_account?.window_end}
                    none={budget.window === 'total' ? 'never' : `each ${budget.window}`}
                  />,
                ],
            ['Made', <Time at={created} none="in the file" />],
            ['Valid until', <Time at={expires} none="for good" />],
            ['Last used', <RelativeTime at={current.last_used} none="never" />],
            current.revoked === null ? undefined : ['Revoked', <Time at={current.revoked} />],
            current.replaced_by === null
              ? undefined
              : ['Replaced by', <code>{current.replaced_by}</code>],
          ]}
        />
      </div>
    </Drawer>
  )
}
