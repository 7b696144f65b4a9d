// What comes while one looks at the list: into it, or held back until one is ready, and never more of it than a bounded number.

import { useSignal } from '@preact/signals'
import { useEffect } from 'preact/hooks'
import { Button } from '../components/button.tsx'
import { Notice } from '../components/notice.tsx'
import type { RequestRow } from './data.ts'
import type { Search } from './search.ts'
import { follow } from './tail.ts'

/** Kept while one waits with reading; more than that, and the search begins anew. */
const WAITING_MAX = 1_000

export function Live({ search }: { search: Search }) {
  const isPaused = useSignal(false)
  const waiting = useSignal<readonly RequestRow[]>([])
  const words = useSignal('')
  const missed = useSignal(0)
  useEffect(() => {
    const leaving = new AbortController()
    const to = {
      onRows(rows: readonly RequestRow[]) {
        if (!isPaused.peek()) return search.add(rows)
        const all = [...rows, ...waiting.peek()]
        missed.value += Math.max(0, all.length - WAITING_MAX)
        waiting.value = all.slice(0, WAITING_MAX)
      },
      onMissed: (count: number) => (missed.value += count),
      onBreak(problem?: { readonly detail: string }) {
        words.value = problem?.detail ?? ''
        // What came before it was followed, or since it was last.
        if (problem === undefined && !isPaused.peek()) void search.newer()
      },
    }
    void follow(search.asking, to, leaving.signal)
    return () => leaving.abort()
  }, [search])
  const count = waiting.value.length
  return (
    <Notice
      tone={words.value === '' ? 'good' : 'warn'}
      actions={
        <Button
          size="small"
          onClick={() => {
            isPaused.value = !isPaused.peek()
            search.add(waiting.peek())
            waiting.value = []
          }}
        >
          {isPaused.value ? 'Go on' : 'Pause'}
        </Button>
      }
    >
      <span role="status">
        {words.value !== ''
          ? `Not followed now: ${words.value}`
          : isPaused.value
            ? `Paused. ${count} new.`
            : 'Live: requests appear as they end.'}
        {missed.value > 0 && ` ${missed.value} were passed over: search again to see them.`}
      </span>
    </Notice>
  )
}
