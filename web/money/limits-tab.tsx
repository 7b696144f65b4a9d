// Limits with what their counters say now: the fullest first. A limit of the file is shown and not changed here.

import { useSignal } from '@preact/signals'
import { Badge, Bar } from '../components/badge.tsx'
import { Button } from '../components/button.tsx'
import { confirmAction, Drawer } from '../components/dialog.tsx'
import { Field, Input } from '../components/field.tsx'
import { Menu, type MenuItem } from '../components/menu.tsx'
import { Notice } from '../components/notice.tsx'
import { Panel, SearchInput } from '../components/page.tsx'
import { EmptyState, Loaded } from '../components/states.tsx'
import { toast } from '../components/toast.tsx'
import { formatCount, formatDuration } from '../format.ts'
import { orToast } from '../or-toast.ts'
import { invalidate, useQuery } from '../query.ts'
import { can } from '../session.ts'
import { AMOUNTS } from '../api-keys/key-form.tsx'
import { LimitForm } from './limit-form.tsx'
import {
  deleteLimit,
  readLimit,
  readLimits,
  readState,
  type Counter,
  type Limit,
  type LimitState,
} from './money-api.ts'
import { counterWords, subjectWords, whomWords } from './words.ts'

const POLL_MS = 5_000
const SHOWN_MAX = 6
const DRAWER_MAX = 200

type Open = { readonly kind: 'form' | 'state'; readonly limit?: Limit } | undefined

export function LimitsTab() {
  const open = useSignal<Open>(undefined)
  const limits = useQuery('limits', readLimits, { pollMs: 30_000 })
  const create = can('limit.write') ? (
    <Button variant="primary" icon="plus" onClick={() => (open.value = { kind: 'form' })}>
      Create limit
    </Button>
  ) : null
  const close = () => (open.value = undefined)
  return (
    <div class="stack">
      <div class="row spread">
        <p class="soft">
          How much is let through. Every limit that concerns a request must have room for it.
        </p>
        {create}
      </div>
      <Loaded query={limits}>
        {({ data }) =>
          data.length === 0 ? (
            <Panel>
              <EmptyState icon="gauge" title="No limits yet" action={create}>
                Everything is let through. A limit for each key keeps one program from taking all.
              </EmptyState>
            </Panel>
          ) : (
            data.map((limit) => (
              <LimitPanel
                key={limit.id}
                limit={limit}
                onEdit={() =>
                  void orToast(readLimit(limit.id)).then((seen) => {
                    if (seen !== undefined) open.value = { kind: 'form', limit: seen }
                  })
                }
                onAll={() => (open.value = { kind: 'state', limit })}
              />
            ))
          )
        }
      </Loaded>
      {open.value?.kind === 'form' && <LimitForm limit={open.value.limit} onClose={close} />}
      {open.value?.kind === 'state' && open.value.limit !== undefined && (
        <AllSubjects limit={open.value.limit} onClose={close} />
      )}
    </div>
  )
}

/** `100 requests a minute, 20 at the same time`. */
function amountWords(limit: Limit): string {
  return AMOUNTS.flatMap(([name, words]) => {
    const value = limit[name]
    return value === null ? [] : [`${formatCount(value)} ${words.toLowerCase()}`]
  }).join(', ')
}

interface LimitPanelProps {
  readonly limit: Limit
  readonly onEdit: () => void
  readonly onAll: () => void
}

function LimitPanel({ limit, onAll, onEdit }: LimitPanelProps) {
  const { only, per, read_only: reason } = limit
  const whom = whomWords(per, only)
  const state = useQuery(
    ['limit-state', limit.id],
    (options) => readState(limit.id, { limit: SHOWN_MAX }, options),
    { pollMs: POLL_MS },
  )
  const isAddresses = per === 'ip' && state.data?.total === 0 && !state.data.is_hidden
  const items: (MenuItem | undefined)[] = [
    { label: per === 'ip' ? 'Look at an address' : 'All counters', icon: 'list', onSelect: onAll },
    reason === null && can('limit.write')
      ? { label: 'Edit', icon: 'edit', onSelect: onEdit }
      : undefined,
    reason === null && can('limit.delete')
      ? { label: 'Delete', icon: 'trash', danger: true, onSelect: () => void remove(limit, whom) }
      : undefined,
  ]
  return (
    <Panel
      title={`${whom}: ${amountWords(limit)}`}
      {...(reason === null ? {} : { hint: reason })}
      actions={
        <>
          {reason !== null && <Badge icon="file">file</Badge>}
          <Menu label={`Actions for ${whom}`} icon="more" items={items} />
        </>
      }
    >
      <Loaded query={state}>
        {({ connected, data, is_hidden: isHidden, total }) => (
          <>
            {!connected && (
              <Notice tone="warn">
                The shared counters do not answer: each process counts alone.
              </Notice>
            )}
            {isAddresses ? (
              <p class="soft">
                Addresses are not listed.{' '}
                <Button variant="ghost" size="small" onClick={onAll}>
                  Look at one
                </Button>
              </p>
            ) : (
              <Counters data={data} isBrief isHidden={isHidden} />
            )}
            {total > SHOWN_MAX && (
              <Button variant="ghost" size="small" onClick={onAll}>
                All {formatCount(total)}
              </Button>
            )}
          </>
        )}
      </Loaded>
    </Panel>
  )
}

/** @param isBrief the fullest counter of each alone */
function Counters({
  data,
  isBrief = false,
  isHidden,
}: {
  data: readonly LimitState[]
  isBrief?: boolean
  isHidden: boolean
}) {
  if (data.length === 0) {
    return (
      <p class="soft">
        {isHidden
          ? 'It counts all tenants together. Whoever runs the installation sees it.'
          : 'There is nobody that it counts yet.'}
      </p>
    )
  }
  return (
    <div class="bars">
      {data.flatMap(({ counters, name, subject }) =>
        (isBrief ? fullest(counters) : counters).map((counter) => (
          <CounterBar
            key={`${subject} ${counterWords(counter)}`}
            counter={counter}
            whom={subjectWords(subject, name)}
          />
        )),
      )}
    </div>
  )
}

function fullest(counters: readonly Counter[]): readonly Counter[] {
  const share = ({ max, used }: Counter) => (max === 0 ? 1 : used / max)
  return counters.toSorted((one, other) => share(other) - share(one)).slice(0, 1)
}

/** One counter, with when it is as if nothing had been taken. */
export function CounterBar({ counter, whom }: { counter: Counter; whom: string }) {
  const { max, remaining, reset_seconds: seconds, used } = counter
  return (
    <div class="account">
      <Bar
        label={`${whom}: ${counterWords(counter).toLowerCase()}`}
        value={used}
        max={max}
        text={
          <>
            <strong>{whom}</strong> <span class="soft">{counterWords(counter).toLowerCase()}</span>
          </>
        }
      />
      <small class="soft">
        {formatCount(remaining)} of {formatCount(max)} left
        {used > 0 && counter.window_seconds !== null && (
          <>; all again in {formatDuration(seconds * 1_000)}</>
        )}
      </small>
    </div>
  )
}

async function remove({ id }: Limit, whom: string): Promise<void> {
  const isDone = await confirmAction({
    title: `Delete the limit “${whom}”?`,
    breaks: ['What it held back is let through within a second.'],
    confirm: 'Delete limit',
    danger: true,
    run: () => deleteLimit(id),
  })
  if (!isDone) return
  invalidate('limits')
  toast('The limit is deleted.')
}

function AllSubjects({ limit, onClose }: { limit: Limit; onClose: () => void }) {
  const typed = useSignal('')
  const isAddress = limit.per === 'ip'
  const text = typed.value.trim()
  const query = {
    limit: DRAWER_MAX,
    ...(text === '' ? {} : isAddress ? { subject: text } : { q: text }),
  }
  const state = useQuery(
    ['limit-state', limit.id, query],
    (options) => readState(limit.id, query, options),
    { pollMs: POLL_MS, keep: true },
  )
  return (
    <Drawer title={`${whomWords(limit.per, limit.only)}: ${amountWords(limit)}`} onClose={onClose}>
      <div class="stack">
        {isAddress ? (
          <Field label="Address" hint="As 203.0.113.7; of IPv6 its /64 is counted as one.">
            <Input value={typed.value} onValue={(value) => (typed.value = value)} />
          </Field>
        ) : (
          <SearchInput
            label="Search"
            value={typed.value}
            onValue={(value) => (typed.value = value)}
          />
        )}
        <Loaded query={state}>
          {({ data, is_cut: isCut, is_hidden: isHidden, total }) => (
            <>
              {(!isAddress || text !== '') && <Counters data={data} isHidden={isHidden} />}
              {(isCut || total > data.length) && (
                <p class="soft">There are more. Search to find the others.</p>
              )}
            </>
          )}
        </Loaded>
      </div>
    </Drawer>
  )
}
