// A field of a form: its label, its hint, and what the server says is wrong with it, tied together for those who hear them. The input inside
// learns its id from here.

import { createContext, type ComponentChildren, type JSX } from 'preact'
import { useContext, useId } from 'preact/hooks'
import { Icon } from '../icons.tsx'
import { FormContext } from './form-context.ts'

interface FieldFacts {
  readonly id: string
  readonly describedBy: string | undefined
  readonly isInvalid: boolean
  readonly isRequired: boolean
}

const FieldContext = createContext<FieldFacts | undefined>(undefined)

export interface FieldProps {
  readonly label: ComponentChildren
  /** The member's name in the body, as errors call it: `targets[0].model`. */
  readonly name?: string
  readonly hint?: ComponentChildren
  /** What is wrong with it; without, the form says what the server said of `name`. */
  readonly error?: string | undefined
  readonly required?: boolean
  /** The label is for those who hear it alone. */
  readonly hideLabel?: boolean
  readonly children: ComponentChildren
}

export function Field({
  children,
  error,
  hideLabel = false,
  hint,
  label,
  name,
  required = false,
}: FieldProps) {
  const id = useId()
  const form = useContext(FormContext)
  const shown = error ?? (name === undefined ? undefined : form?.errorOf(name))
  const describedBy = [hint !== undefined && `${id}-hint`, shown !== undefined && `${id}-error`]
    .filter((each) => each !== false)
    .join(' ')
  const facts = {
    id,
    describedBy: describedBy === '' ? undefined : describedBy,
    isInvalid: shown !== undefined,
    isRequired: required,
  }
  return (
    <div class={shown === undefined ? 'field' : 'field field-wrong'}>
      <label class={hideLabel ? 'visually-hidden' : 'field-label'} for={id}>
        {label}
        {required ? null : <span class="field-optional"> optional</span>}
      </label>
      <FieldContext.Provider value={facts}>{children}</FieldContext.Provider>
      {shown !== undefined && (
        <p class="field-error" id={`${id}-error`}>
          <Icon name="error" size={14} /> {shown}
        </p>
      )}
      {hint !== undefined && (
        <p class="field-hint" id={`${id}-hint`}>
          {hint}
        </p>
      )}
    </div>
  )
}

/** Attributes that tie an input to the field around it; an input without one says its own `id` and label. */
export function useFieldAttributes(): {
  id?: string
  'aria-describedby'?: string
  'aria-invalid'?: true
  required?: true
} {
  const facts = useContext(FieldContext)
  if (facts === undefined) return {}
  return {
    id: facts.id,
    ...(facts.describedBy === undefined ? {} : { 'aria-describedby': facts.describedBy }),
    ...(facts.isInvalid ? { 'aria-invalid': true as const } : {}),
    ...(facts.isRequired ? { required: true as const } : {}),
  }
}

type InputNative = Omit<
  JSX.IntrinsicElements['input'],
  'value' | 'onInput' | 'onChange' | 'ref' | 'prefix' | 'type'
>

/** What every input takes: its value, and where a new one goes. `form.bind('name')` gives both. */
export interface Bound<T> {
  readonly value: T
  readonly onValue: (value: T) => void
}

export interface InputProps extends InputNative, Bound<string> {
  readonly type?:
    'text' | 'password' | 'email' | 'url' | 'search' | 'number' | 'datetime-local' | 'date'
  /** Shown inside, before it: `$`. */
  readonly prefix?: string
  /** Shown inside, behind it: `ms`. */
  readonly suffix?: string
}

export function Input({
  class: className,
  onValue,
  prefix,
  suffix,
  type = 'text',
  value,
  ...rest
}: InputProps) {
  const attributes = useFieldAttributes()
  const input = (
    <input
      {...attributes}
      class={`input ${typeof className === 'string' ? className : ''}`.trim()}
      type={type as 'text'}
      value={value}
      autocomplete="off"
      {...(rest as object)}
      onInput={(event) => onValue(event.currentTarget.value)}
    />
  )
  if (prefix === undefined && suffix === undefined) return input
  return (
    <span class="input-group">
      {prefix !== undefined && <span class="input-affix">{prefix}</span>}
      {input}
      {suffix !== undefined && <span class="input-affix">{suffix}</span>}
    </span>
  )
}

type AreaNative = Omit<JSX.IntrinsicElements['textarea'], 'value' | 'onInput' | 'onChange' | 'ref'>

export interface TextareaProps extends AreaNative, Bound<string> {
  /** Code: an even width, no spelling. */
  readonly mono?: boolean
}

export function Textarea({ mono = false, onValue, rows = 4, value, ...rest }: TextareaProps) {
  const attributes = useFieldAttributes()
  return (
    <textarea
      {...attributes}
      class={mono ? 'input textarea mono' : 'input textarea'}
      rows={rows}
      value={value}
      spellcheck={!mono}
      {...rest}
      onInput={(event) => onValue(event.currentTarget.value)}
    />
  )
}

export interface Option<T extends string = string> {
  readonly value: T
  readonly label: string
  readonly disabled?: boolean
}

type SelectNative = Omit<
  JSX.IntrinsicElements['select'],
  'value' | 'onInput' | 'onChange' | 'ref' | 'size'
>

export interface SelectProps<T extends string> extends SelectNative, Bound<T> {
  readonly options: readonly (Option<T> | T)[]
}

export function Select<T extends string>({ onValue, options, value, ...rest }: SelectProps<T>) {
  const attributes = useFieldAttributes()
  return (
    <span class="select">
      <select
        {...attributes}
        class="input"
        value={value}
        {...(rest as object)}
        onChange={(event) => onValue(event.currentTarget.value as T)}
      >
        {options.map((option) => {
          const {
            disabled = false,
            label,
            value: own,
          } = typeof option === 'string' ? { value: option, label: option } : option
          return (
            <option key={own} value={own} disabled={disabled}>
              {label}
            </option>
          )
        })}
      </select>
      <Icon name="down" size={14} />
    </span>
  )
}

export interface CheckboxProps extends Bound<boolean> {
  readonly label: ComponentChildren
  readonly hint?: ComponentChildren
  readonly disabled?: boolean
}

/** Yes or no in a form; its label stands beside it, so it needs no field around it. */
export function Checkbox({ disabled = false, hint, label, onValue, value }: CheckboxProps) {
  return <Toggle kind="checkbox" {...{ disabled, hint, label, onValue, value }} />
}

/** On or off, at once. */
export function Switch({ disabled = false, hint, label, onValue, value }: CheckboxProps) {
  return <Toggle kind="switch" {...{ disabled, hint, label, onValue, value }} />
}

function Toggle({
  disabled,
  hint,
  kind,
  label,
  onValue,
  value,
}: CheckboxProps & { kind: 'checkbox' | 'switch' }) {
  const id = useId()
  return (
    <div class={`toggle toggle-${kind}`}>
      <input
        id={id}
        type="checkbox"
        {...(kind === 'switch' ? { role: 'switch' as const } : {})}
        checked={value}
        disabled={disabled ?? false}
        aria-describedby={hint === undefined ? undefined : `${id}-hint`}
        onChange={(event) => onValue(event.currentTarget.checked)}
      />
      <label for={id}>{label}</label>
      {hint !== undefined && (
        <p class="field-hint" id={`${id}-hint`}>
          {hint}
        </p>
      )}
    </div>
  )
}
