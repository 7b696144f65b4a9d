// Values as they are read: moments, money, tokens, durations, code, JSON. Text is written as text, never as markup; what is not known says so.

import { signal, useSignal } from '@preact/signals'
import type { ComponentChildren } from 'preact'
import { useEffect } from 'preact/hooks'
import {
  formatCompact,
  formatCount,
  formatDuration,
  formatRelative,
  formatTime,
  formatUsd,
  type Moment,
} from '../format.ts'
import { Icon } from '../icons.tsx'
import { Button, IconButton } from './button.tsx'

/** The time, for what is said relative to it; moves a few times a minute while anybody looks. */
const nowMs = signal(Date.now())
let watchers = 0
let timer: ReturnType<typeof setInterval> | undefined

function useNow(): number {
  useEffect(() => {
    watchers += 1
    timer ??= setInterval(() => (nowMs.value = Date.now()), 10_000)
    nowMs.value = Date.now()
    return () => {
      watchers -= 1
      if (watchers > 0) return
      clearInterval(timer)
      timer = undefined
    }
  }, [])
  return nowMs.value
}

/** "3 minutes ago", with the moment itself on hover. @param none words for null: "never" */
export function RelativeTime({ at, none = '—' }: { at: Moment | null | undefined; none?: string }) {
  const now = useNow()
  if (at === null || at === undefined) return <span class="soft">{none}</span>
  return (
    <time dateTime={new Date(at).toISOString()} title={formatTime(at)}>
      {formatRelative(at, now)}
    </time>
  )
}

/** A moment as date and time. */
export function Time({ at, none = '—' }: { at: Moment | null | undefined; none?: string }) {
  if (at === null || at === undefined) return <span class="soft">{none}</span>
  return <time dateTime={new Date(at).toISOString()}>{formatTime(at)}</time>
}

const NANO = 1e9

/** US dollars; unknown is said, and never shown as nothing. @param nano in nano-dollars, in place of `usd` */
export function Money({
  nano,
  usd,
}: {
  usd?: number | null | undefined
  nano?: number | null | undefined
}) {
  const value = nano === undefined ? usd : nano === null ? null : nano / NANO
  if (value === null || value === undefined) {
    return (
      <span class="soft" title="The price of the model is not known">
        unknown
      </span>
    )
  }
  return (
    <span class="number" title={`$${value}`}>
      {formatUsd(value)}
    </span>
  )
}

/** A number of tokens, shortened, with all digits on hover. */
export function Tokens({ count }: { count: number | null | undefined }) {
  return (
    <span class="number" title={`${formatCount(count)} tokens`}>
      {formatCompact(count)}
    </span>
  )
}

export function Count({ value }: { value: number | null | undefined }) {
  return <span class="number">{formatCount(value)}</span>
}

export function Duration({ ms }: { ms: number | null | undefined }) {
  return (
    <span class="number" title={ms === null || ms === undefined ? undefined : `${ms} ms`}>
      {formatDuration(ms)}
    </span>
  )
}

/** Text that came from elsewhere, with its line breaks. */
export function PlainText({ children }: { children: string }) {
  return <div class="plain-text">{children}</div>
}

export interface CopyButtonProps {
  readonly text: string
  /** What is copied: "key", "code". */
  readonly what?: string
  /** With the word beside the icon. */
  readonly wide?: boolean
}

export function CopyButton({ text, wide = false, what = 'text' }: CopyButtonProps) {
  const isDone = useSignal(false)
  const copy = async () => {
    await copyText(text)
    isDone.value = true
    setTimeout(() => (isDone.value = false), 2_000)
  }
  const icon = isDone.value ? 'check' : 'copy'
  return (
    <span class="copy">
      {wide ? (
        <Button icon={icon} size="small" onClick={() => void copy()}>
          {isDone.value ? 'Copied' : `Copy ${what}`}
        </Button>
      ) : (
        <IconButton icon={icon} size="small" label={`Copy ${what}`} onClick={() => void copy()} />
      )}
      <span class="visually-hidden" role="status">
        {isDone.value ? 'Copied' : ''}
      </span>
    </span>
  )
}

/** Browsers give the clipboard to secure pages alone; elsewhere a selected text has to do. */
async function copyText(text: string): Promise<void> {
  if (isSecureContext) return await navigator.clipboard.writeText(text)
  const area = document.createElement('textarea')
  area.value = text
  const host = document.querySelector('dialog[open]') ?? document.body
  host.append(area)
  area.select()
  document.execCommand('copy')
  area.remove()
}

export interface CodeBlockProps {
  readonly text: string
  /** Above it: a file's name, a language. */
  readonly label?: ComponentChildren
  /** In CSS pixels; more is scrolled. */
  readonly maxHeight?: number
  readonly wrap?: boolean
}

export function CodeBlock({ label, maxHeight, text, wrap = false }: CodeBlockProps) {
  return (
    <figure class="code-block">
      <figcaption>
        <span>{label}</span>
        <CopyButton text={text} what="code" wide />
      </figcaption>
      <pre
        class={wrap ? 'wrap' : ''}
        tabIndex={0}
        role="region"
        aria-label={typeof label === 'string' ? label : 'Code'}
        style={maxHeight === undefined ? {} : { maxHeight: `${maxHeight}px` }}
      >
        <code>{text}</code>
      </pre>
    </figure>
  )
}

const STRING_CHARS_MAX = 2_000
const ITEMS_MAX = 200

/** JSON as a tree that opens and closes. @param openDepth how deep it is open at first */
export function JsonView({ openDepth = 2, value }: { value: unknown; openDepth?: number }) {
  return (
    <div class="json" role="group" aria-label="JSON">
      <JsonNode value={value} depth={0} openDepth={openDepth} />
    </div>
  )
}

interface NodeProps {
  readonly name?: string
  readonly value: unknown
  readonly depth: number
  readonly openDepth: number
}

function JsonNode({ depth, name, openDepth, value }: NodeProps) {
  const label = name !== undefined && <span class="json-name">{name}: </span>
  if (typeof value !== 'object' || value === null) {
    return (
      <div class="json-leaf">
        {label}
        <JsonScalar value={value} />
      </div>
    )
  }
  const members: readonly (readonly [string, unknown])[] = Array.isArray(value)
    ? value.map((each, index) => [String(index), each])
    : Object.entries(value)
  const shape = Array.isArray(value) ? `[${members.length}]` : `{${members.length}}`
  if (members.length === 0) {
    return (
      <div class="json-leaf">
        {label}
        {Array.isArray(value) ? '[]' : '{}'}
      </div>
    )
  }
  return (
    <JsonBranch
      label={
        <>
          {label}
          <span class="soft">{shape}</span>
        </>
      }
      isOpen={depth < openDepth}
    >
      {members.slice(0, ITEMS_MAX).map(([key, each]) => (
        <JsonNode key={key} name={key} value={each} depth={depth + 1} openDepth={openDepth} />
      ))}
      {members.length > ITEMS_MAX && <div class="soft">… {members.length - ITEMS_MAX} more</div>}
    </JsonBranch>
  )
}

function JsonBranch({
  children,
  isOpen,
  label,
}: {
  label: ComponentChildren
  isOpen: boolean
  children: ComponentChildren
}) {
  const open = useSignal(isOpen)
  return (
    <details open={open.value} onToggle={(event) => (open.value = event.currentTarget.open)}>
      <summary>
        <Icon name="right" size={12} /> {label}
      </summary>
      {open.value && <div class="json-members">{children}</div>}
    </details>
  )
}

function JsonScalar({ value }: { value: unknown }) {
  const isWhole = useSignal(false)
  if (typeof value !== 'string') return <span class={`json-${typeof value}`}>{String(value)}</span>
  const isLong = value.length > STRING_CHARS_MAX && !isWhole.value
  return (
    <span class="json-string">
      {JSON.stringify(isLong ? value.slice(0, STRING_CHARS_MAX) : value)}
      {isLong && (
        <Button size="small" variant="ghost" onClick={() => (isWhole.value = true)}>
          {formatCount(value.length)} characters, show all
        </Button>
      )}
    </span>
  )
}
