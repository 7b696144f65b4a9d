// From when to when one looks: some usual spans up to now, or any two moments. It is kept in the address, so that a link shows the same.

import { useSignal } from '@preact/signals'
import { param, setParams } from '../router.tsx'
import { formatTime } from '../format.ts'
import { Button } from './button.tsx'
import { Dialog } from './dialog.tsx'
import { Field, Input } from './field.tsx'
import { Menu } from './menu.tsx'

const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS
const DAY_MS = 24 * HOUR_MS

export const SPANS = {
  '15m': { ms: 15 * MINUTE_MS, words: 'Last 15 minutes' },
  '1h': { ms: HOUR_MS, words: 'Last hour' },
  '6h': { ms: 6 * HOUR_MS, words: 'Last 6 hours' },
  '24h': { ms: DAY_MS, words: 'Last 24 hours' },
  '7d': { ms: 7 * DAY_MS, words: 'Last 7 days' },
  '30d': { ms: 30 * DAY_MS, words: 'Last 30 days' },
} as const

export type SpanId = keyof typeof SPANS

export interface TimeRange {
  /** `custom` where two moments are given. */
  readonly id: SpanId | 'custom'
  readonly spanMs: number
  /** Of a custom one: ISO moments. */
  readonly since?: string
  readonly until?: string
  readonly words: string
  /** Its two moments now, in ISO: ask for them when a request is made. */
  moments(): { readonly since: string; readonly until: string }
}

/** The range in the address: `?range=24h`, or `?since=…&until=…`. */
export function useTimeRange(fallback: SpanId = '24h'): TimeRange {
  const since = isoOf(param('since'))
  const until = isoOf(param('until'))
  if (since !== undefined && until !== undefined && since < until) {
    const spanMs = Date.parse(until) - Date.parse(since)
    const words = `${formatTime(since)} – ${formatTime(until)}`
    return { id: 'custom', spanMs, since, until, words, moments: () => ({ since, until }) }
  }
  const asked = param('range')
  const id = asked !== undefined && asked in SPANS ? (asked as SpanId) : fallback
  const { ms, words } = SPANS[id]
  return {
    id,
    spanMs: ms,
    words,
    moments: () => {
      const nowMs = Date.now()
      return { since: new Date(nowMs - ms).toISOString(), until: new Date(nowMs).toISOString() }
    },
  }
}

/** Narrows the range, as by a selection in a chart. */
export function chooseRange(sinceMs: number, untilMs: number): void {
  setParams({
    range: undefined,
    since: new Date(sinceMs).toISOString(),
    until: new Date(untilMs).toISOString(),
  })
}

export function TimeRangePicker({ range }: { range: TimeRange }) {
  const isCustom = useSignal(false)
  const spans = Object.entries(SPANS) as [SpanId, (typeof SPANS)[SpanId]][]
  return (
    <>
      <Menu
        icon="clock"
        label={`Time range: ${range.words}`}
        items={[
          ...spans.map(([id, { words }]) => ({
            label: words,
            checked: range.id === id,
            onSelect: () => setParams({ range: id, since: undefined, until: undefined }),
          })),
          {
            label: 'Custom…',
            checked: range.id === 'custom',
            onSelect: () => (isCustom.value = true),
          },
        ]}
      >
        {range.words}
      </Menu>
      {isCustom.value && <CustomRange range={range} onClose={() => (isCustom.value = false)} />}
    </>
  )
}

function CustomRange({ onClose, range }: { range: TimeRange; onClose: () => void }) {
  const { since, until } = range.moments()
  const from = useSignal(localOf(since))
  const to = useSignal(localOf(until))
  const isWrong = !(from.value < to.value)
  return (
    <Dialog
      size="small"
      title="Time range"
      onClose={onClose}
      footer={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button
            variant="primary"
            disabled={isWrong}
            onClick={() => {
              chooseRange(new Date(from.value).getTime(), new Date(to.value).getTime())
              onClose()
            }}
          >
            Show
          </Button>
        </>
      }
    >
      <Field label="From" required>
        <Input type="datetime-local" value={from.value} onValue={(text) => (from.value = text)} />
      </Field>
      <Field label="Until" required error={isWrong ? 'Must be after the beginning.' : undefined}>
        <Input type="datetime-local" value={to.value} onValue={(text) => (to.value = text)} />
      </Field>
    </Dialog>
  )
}

/** As the input wants it: local time, to the minute. */
function localOf(iso: string): string {
  const at = new Date(iso)
  return new Date(at.getTime() - at.getTimezoneOffset() * MINUTE_MS).toISOString().slice(0, 16)
}

function isoOf(text: string | undefined): string | undefined {
  const timeMs = text === undefined ? Number.NaN : Date.parse(text)
  return Number.isNaN(timeMs) ? undefined : new Date(timeMs).toISOString()
}
