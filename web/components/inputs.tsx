// Inputs with a mind of their own: a choice one may also type, a list of words, money, a duration. What they hold is what the API takes; how it
// is typed is theirs.

import { useSignal } from '@preact/signals'
import { useId, useRef } from 'preact/hooks'
import { Icon } from '../icons.tsx'
import { IconButton } from './button.tsx'
import { Input, useFieldAttributes, type Bound, type Option } from './field.tsx'

export interface ComboboxProps extends Bound<string> {
  readonly options: readonly (Option | string)[]
  readonly placeholder?: string
  /** Only what is in the list; without, any text. */
  readonly strict?: boolean
  readonly disabled?: boolean
  /** Where no field around it has a label. */
  readonly label?: string
}

const SHOWN_MAX = 100

/** A text with suggestions (ARIA combobox, list autocomplete): arrows choose, Enter takes, Esc closes, anything may be typed. */
export function Combobox({
  disabled = false,
  label,
  onValue,
  options,
  placeholder,
  strict = false,
  value,
}: ComboboxProps) {
  const id = useId()
  const attributes = useFieldAttributes()
  const isOpen = useSignal(false)
  const typed = useSignal<string | undefined>(undefined)
  /** What stood there when the focus came: a value that comes from elsewhere may not push itself between the letters that are typed. */
  const held = useSignal<string | undefined>(undefined)
  const active = useSignal(-1)
  const all = options.map((each) =>
    typeof each === 'string' ? { value: each, label: each } : each,
  )
  const labelOf = (one: string) => all.find((each) => each.value === one)?.label ?? one
  const shownValue = typed.value ?? held.value ?? labelOf(value)
  const sought = (typed.value ?? '').toLowerCase()
  const found = all
    .filter((each) => sought === '' || `${each.label} ${each.value}`.toLowerCase().includes(sought))
    .slice(0, SHOWN_MAX)

  const close = () => {
    isOpen.value = false
    active.value = -1
  }
  const take = (next: string) => {
    typed.value = undefined
    held.value = labelOf(next)
    close()
    onValue(next)
  }
  const move = (by: number) => {
    isOpen.value = true
    const count = found.length
    if (count > 0)
      active.value = (active.value + by + count + (active.value < 0 && by < 0 ? 1 : 0)) % count
    document.getElementById(`${id}-${active.value}`)?.scrollIntoView({ block: 'nearest' })
  }
  return (
    <div class="combobox">
      <input
        {...attributes}
        class="input"
        role="combobox"
        aria-label={label}
        aria-expanded={isOpen.value && found.length > 0}
        aria-controls={`${id}-list`}
        aria-autocomplete="list"
        aria-activedescendant={active.value >= 0 ? `${id}-${active.value}` : undefined}
        autocomplete="off"
        spellcheck={false}
        placeholder={placeholder}
        disabled={disabled}
        value={shownValue}
        onFocus={(event) => {
          held.value = event.currentTarget.value
          event.currentTarget.select()
        }}
        onClick={() => (isOpen.value = true)}
        onInput={(event) => {
          const text = event.currentTarget.value
          typed.value = text
          isOpen.value = true
          active.value = -1
          if (!strict) onValue(text)
        }}
        onBlur={() => {
          typed.value = undefined
          held.value = undefined
          close()
        }}
        onKeyDown={(event) => {
          const chosen = found[active.value]
          if (event.key === 'ArrowDown') move(1)
          else if (event.key === 'ArrowUp') move(-1)
          else if (event.key === 'Enter' && isOpen.value && chosen !== undefined) take(chosen.value)
          else if (event.key === 'Escape' && isOpen.value) {
            event.stopPropagation()
            close()
          } else return
          event.preventDefault()
        }}
      />
      <Icon name="down" size={14} />
      <ul
        id={`${id}-list`}
        class="combobox-list"
        role="listbox"
        aria-label={label ?? 'Suggestions'}
        hidden={!isOpen.value || found.length === 0}
      >
        {found.map((each, index) => (
          <li
            key={each.value}
            id={`${id}-${index}`}
            role="option"
            aria-selected={each.value === value}
            class={index === active.value ? 'active' : ''}
            // Before the input loses the focus.
            onMouseDown={(event) => {
              event.preventDefault()
              take(each.value)
            }}
          >
            <span>{each.label}</span>
            {each.value === value && <Icon name="check" size={14} />}
          </li>
        ))}
      </ul>
    </div>
  )
}

export interface ChipsInputProps extends Bound<readonly string[]> {
  readonly placeholder?: string
  /** Offered while one types. */
  readonly suggestions?: readonly string[]
  readonly disabled?: boolean
  /** Where no field around it has a label. */
  readonly label?: string
}

/** A list of words: Enter or a comma adds one, Backspace in the empty input takes the last, and each has its own button. */
export function ChipsInput({
  disabled = false,
  label,
  onValue,
  placeholder,
  suggestions = [],
  value,
}: ChipsInputProps) {
  const id = useId()
  const attributes = useFieldAttributes()
  const input = useRef<HTMLInputElement>(null)
  const typed = useSignal('')
  const add = (text: string) => {
    const words = text.split(/[,\n]/).map((word) => word.trim())
    onValue([...new Set([...value, ...words.filter((word) => word !== '')])])
    typed.value = ''
  }
  const remove = (word: string) => {
    onValue(value.filter((each) => each !== word))
    input.current?.focus()
  }
  return (
    <div class="chips" onClick={() => input.current?.focus()}>
      {value.map((word) => (
        <span key={word} class="chip">
          {word}
          <IconButton
            icon="close"
            size="small"
            label={`Remove ${word}`}
            disabled={disabled}
            onClick={() => remove(word)}
          />
        </span>
      ))}
      <input
        {...attributes}
        ref={input}
        required={attributes.required === true && value.length === 0}
        aria-label={label}
        list={suggestions.length > 0 ? `${id}-list` : undefined}
        placeholder={value.length === 0 ? placeholder : undefined}
        disabled={disabled}
        autocomplete="off"
        spellcheck={false}
        value={typed.value}
        onInput={(event) => {
          const text = event.currentTarget.value
          if (text.includes(',') || suggestions.includes(text)) add(text)
          else typed.value = text
        }}
        onBlur={() => typed.value !== '' && add(typed.value)}
        onKeyDown={(event) => {
          if (event.key === 'Enter' && typed.value !== '') {
            event.preventDefault()
            add(typed.value)
          }
          const last = value.at(-1)
          if (event.key === 'Backspace' && typed.value === '' && last !== undefined) remove(last)
        }}
      />
      {suggestions.length > 0 && (
        <datalist id={`${id}-list`}>
          {suggestions.map((word) => (
            <option key={word} value={word} />
          ))}
        </datalist>
      )}
    </div>
  )
}

export interface AmountProps extends Bound<number | null> {
  readonly placeholder?: string
  readonly disabled?: boolean
}

/** US dollars; null where nothing is typed, and nothing else than a number of at least 0. */
export function MoneyInput({
  disabled = false,
  onValue,
  placeholder = 'no limit',
  value,
}: AmountProps) {
  return <NumberText prefix="$" {...{ disabled, onValue, placeholder, value }} />
}

/** A number of something; null where nothing is typed. */
export function NumberInput({
  disabled = false,
  onValue,
  placeholder,
  suffix,
  value,
  whole = false,
}: AmountProps & { readonly suffix?: string; readonly whole?: boolean }) {
  return (
    <NumberText
      {...{ disabled, onValue, value, whole }}
      {...(placeholder === undefined ? {} : { placeholder })}
      {...(suffix === undefined ? {} : { suffix })}
    />
  )
}

interface NumberTextProps extends AmountProps {
  readonly prefix?: string
  readonly suffix?: string
  readonly whole?: boolean
}

function NumberText({ onValue, value, whole = false, ...rest }: NumberTextProps) {
  const typed = useSignal(value === null ? '' : String(value))
  // What is typed stays as it is typed, `0.` on the way to `0.5`, while it means the value.
  if (numberOf(typed.peek()) !== value) typed.value = value === null ? '' : String(value)
  return (
    <Input
      {...rest}
      inputMode={whole ? 'numeric' : 'decimal'}
      class="number"
      value={typed.value}
      onValue={(text) => {
        const cleaned = text.replaceAll(whole ? /\D/g : /[^\d.]/g, '')
        const next = numberOf(cleaned)
        if (next === undefined) return
        typed.value = cleaned
        onValue(next)
      }}
    />
  )
}

/** undefined: not a number. */
function numberOf(text: string): number | null | undefined {
  if (text === '') return null
  const value = Number(text)
  return Number.isFinite(value) ? value : undefined
}

const UNITS = [
  ['ms', 1],
  ['s', 1_000],
  ['min', 60_000],
  ['h', 3_600_000],
  ['d', 86_400_000],
] as const

type Unit = (typeof UNITS)[number][0]

/** A length of time in milliseconds, typed as a number and a unit; null where nothing is typed. */
export function DurationInput({ disabled = false, onValue, placeholder, value }: AmountProps) {
  const unit = useSignal<Unit>(unitOf(value))
  const size = UNITS.find(([name]) => name === unit.value)?.[1] ?? 1
  return (
    <span class="input-group">
      <NumberText
        disabled={disabled}
        {...(placeholder === undefined ? {} : { placeholder })}
        value={value === null ? null : value / size}
        onValue={(amount) => onValue(amount === null ? null : Math.round(amount * size))}
      />
      <select
        class="input unit"
        aria-label="Unit"
        disabled={disabled}
        value={unit.value}
        onChange={(event) => {
          const next = event.currentTarget.value as Unit
          const nextSize = UNITS.find(([name]) => name === next)?.[1] ?? 1
          unit.value = next
          if (value !== null) onValue(Math.round((value / size) * nextSize))
        }}
      >
        {UNITS.map(([name]) => (
          <option key={name} value={name}>
            {name}
          </option>
        ))}
      </select>
    </span>
  )
}

function unitOf(value: number | null): Unit {
  if (value === null || value === 0) return 's'
  return UNITS.findLast(([, size]) => value % size === 0)?.[0] ?? 'ms'
}
