// What stands where there is nothing to show: still loading, nothing there yet, or something went wrong. Each says what to do next.

import type { ComponentChildren } from 'preact'
import type { ApiProblem } from '../api.ts'
import { Icon, type IconName } from '../icons.tsx'
import type { Query } from '../query.ts'
import { Button } from './button.tsx'

export interface EmptyStateProps {
  readonly icon?: IconName
  readonly title: string
  /** What it is for, and what to do next. */
  readonly children?: ComponentChildren
  /** Buttons. */
  readonly action?: ComponentChildren
}

export function EmptyState({ action, children, icon = 'info', title }: EmptyStateProps) {
  return (
    <div class="empty-state">
      <Icon name={icon} size={28} />
      <p class="empty-title">{title}</p>
      {children !== undefined && <p>{children}</p>}
      {action !== undefined && <div class="empty-action">{action}</div>}
    </div>
  )
}

/** Grey lines in place of what comes. @param rows how many */
export function Skeleton({ height, rows = 3 }: { rows?: number; height?: number }) {
  return (
    <div class="skeleton" role="status" aria-label="Loading">
      {Array.from({ length: rows }, (_, index) => (
        <span key={index} style={height === undefined ? {} : { height: `${height}px` }} />
      ))}
    </div>
  )
}

export interface ErrorStateProps {
  readonly problem: ApiProblem
  readonly onRetry?: () => void
  /** What could not be done: "Keys could not be read". */
  readonly title?: string
}

export function ErrorState({ onRetry, problem, title }: ErrorStateProps) {
  const isForbidden = problem.status === 403
  return (
    <div class="empty-state" role="alert">
      <Icon name={isForbidden ? 'lock' : 'warning'} size={28} />
      <p class="empty-title">
        {title ?? (isForbidden ? 'You may not see this' : 'This could not be read')}
      </p>
      <p>{problem.detail}</p>
      {problem.requestId !== undefined && (
        <p class="soft">
          Request <code>{problem.requestId}</code>
        </p>
      )}
      {onRetry !== undefined && (
        <div class="empty-action">
          <Button icon="refresh" onClick={onRetry}>
            Try again
          </Button>
        </div>
      )}
    </div>
  )
}

export interface LoadedProps<T> {
  readonly query: Query<T>
  /** In place of grey lines. */
  readonly loading?: ComponentChildren
  readonly children: (data: T) => ComponentChildren
}

/** The answer of a query when there is one; until then that it comes, or why it does not. What was read stays when a later try fails. */
export function Loaded<T>({ children, loading, query }: LoadedProps<T>) {
  const { data, isFetching, problem } = query
  if (data === undefined) {
    if (problem === undefined) return <>{loading ?? <Skeleton rows={4} />}</>
    return <ErrorState problem={problem} onRetry={() => void query.refetch()} />
  }
  return (
    <>
      {problem !== undefined && !isFetching && (
        <p class="stale" role="status">
          <Icon name="warning" size={14} /> Not up to date: {problem.detail}
        </p>
      )}
      {children(data)}
    </>
  )
}
