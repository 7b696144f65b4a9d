// Fields for whatever a check lets one say, made of its description: the server knows the kinds of checks, this knows types of options. Lists,
// names with texts and JSON are typed as text; what cannot be read is told at its field.

import type { ComponentChildren } from 'preact'
import { ApiProblem } from '../api.ts'
import { useModelNames } from '../api-keys/key-form.tsx'
import { Button, IconButton } from '../components/button.tsx'
import { Checkbox, Field, Input, Select, Textarea } from '../components/field.tsx'
import { Combobox, NumberInput } from '../components/inputs.tsx'
import type { Option } from './data.ts'

/** Values as they are typed: texts one a line, maps as `name: text`, JSON as text. */
export type Draft = Readonly<Record<string, unknown>>

/** Rarely said: below the others. */
const LATER =
  /^(?:proxy|verify|ca|key_passphrase|unjudged|max_chars|remember_s|headers|batch|offsets|sees|context|bare_numbers|spaced|fenced|decode|logprobs)$/

/** Files of the server's machine are named in its configuration alone. */
const isOffered = ({ name }: Option, draft: Draft) =>
  !name.endsWith('_file') || draft[name] !== undefined

/** @param given absent: a new one, as it is by default */
export function toDraft(options: readonly Option[], given: Draft = {}): Draft {
  return Object.fromEntries(
    options.flatMap((option) => {
      const value = given[option.name] ?? option.default
      return value === undefined || value === null ? [] : [[option.name, typed(option, value)]]
    }),
  )
}

function typed({ of = [], type }: Option, value: unknown): unknown {
  if (type === 'texts') return (value as readonly string[]).join('\n')
  if (type === 'json') return JSON.stringify(value, null, 2)
  if (type === 'list') return (value as readonly Draft[]).map((each) => toDraft(of, each))
  if (type !== 'map') return value
  return Object.entries(value as object)
    .map(([name, text]) => `${name}: ${text}`)
    .join('\n')
}

/**
 * What is sent: what was typed, and nothing for what was not.
 * @param given as it was before: a default that nobody had said is not said now either
 * @throws ApiProblem for JSON that is none
 */
export function fromDraft(
  options: readonly Option[],
  draft: Draft,
  given: Draft | undefined,
  path = 'options',
): Record<string, unknown> {
  return Object.fromEntries(
    options.flatMap((option) => {
      const { default: usual, name } = option
      const value = sent(option, draft[name], `${path}.${name}`)
      const isUnsaid =
        given?.[name] === undefined && JSON.stringify(value) === JSON.stringify(usual)
      return isUnsaid ? [] : [[name, value]]
    }),
  )
}

function sent({ of = [], type }: Option, value: unknown, path: string): unknown {
  if (value === undefined || value === null || value === '') return undefined
  if (type === 'list') {
    const rows = value as readonly Draft[]
    return rows.length === 0
      ? undefined
      : rows.map((row, at) => fromDraft(of, row, undefined, `${path}.${at}`))
  }
  if (type === 'choices') return (value as readonly string[]).length === 0 ? undefined : value
  if (type === 'json') return readJson(String(value), path)
  if (type !== 'texts' && type !== 'map') return value
  const lines = String(value)
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '')
  if (lines.length === 0) return undefined
  if (type === 'texts') return lines
  return Object.fromEntries(
    lines.map((line) => {
      const at = line.includes(':') ? line.indexOf(':') : line.length
      return [line.slice(0, at).trim(), line.slice(at + 1).trim()]
    }),
  )
}

function readJson(text: string, param: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw new ApiProblem({ status: 0, code: 'not_json', detail: 'This is not JSON.', param })
  }
}

export interface OptionFieldsProps {
  readonly options: readonly Option[]
  readonly draft: Draft
  readonly onDraft: (draft: Draft) => void
  /** As errors call what is around them. */
  readonly path?: string
}

export function OptionFields({ draft, onDraft, options, path = 'options' }: OptionFieldsProps) {
  const fields = options.filter((option) => isOffered(option, draft))
  const draw = (option: Option) => (
    <OptionField
      key={option.name}
      option={option}
      path={`${path}.${option.name}`}
      value={draft[option.name]}
      onValue={(value) => onDraft({ ...draft, [option.name]: value })}
    />
  )
  const later = fields.filter(({ name, required }) => LATER.test(name) && required !== true)
  return (
    <>
      {fields.filter((option) => !later.includes(option)).map(draw)}
      {later.length > 0 && (
        <details class="guardrails-more">
          <summary>More of this check</summary>
          <div class="form">{later.map(draw)}</div>
        </details>
      )}
    </>
  )
}

interface OptionFieldProps {
  readonly option: Option
  readonly path: string
  readonly value: unknown
  readonly onValue: (value: unknown) => void
}

const labelOf = (name: string) =>
  name.length < 4 ? name.toUpperCase() : words(name.charAt(0).toUpperCase() + name.slice(1))
const words = (name: string) => name.replaceAll('_', ' ')

/** What stands between backquotes as code. */
export function Doc({ children }: { children: string }) {
  return (
    <>
      {children
        .split('`')
        .map((part, at): ComponentChildren => (at % 2 === 1 ? <code key={at}>{part}</code> : part))}
    </>
  )
}

function OptionField(props: OptionFieldProps) {
  const { onValue, option, path, value } = props
  const { doc, name, required = false, type, values = [] } = option
  const hint = <Doc>{doc}</Doc>
  if (type === 'flag') {
    return <Checkbox label={labelOf(name)} hint={hint} value={value === true} onValue={onValue} />
  }
  if (type === 'choices') {
    const chosen = (value ?? []) as readonly string[]
    return (
      <fieldset>
        <legend>{labelOf(name)}</legend>
        <p class="field-hint">{hint}</p>
        <div class="guardrails-choices">
          {values.map((each) => (
            <Checkbox
              key={each}
              label={words(each)}
              value={chosen.includes(each)}
              onValue={(isOn) =>
                onValue(values.filter((one) => (one === each ? isOn : chosen.includes(one))))
              }
            />
          ))}
        </div>
      </fieldset>
    )
  }
  if (type === 'list') return <RowsField {...props} />
  return (
    <Field name={path} label={labelOf(name)} hint={hint} required={required}>
      <ValueInput option={option} value={value} onValue={onValue} />
    </Field>
  )
}

function ValueInput({ onValue, option, value }: Omit<OptionFieldProps, 'path'>) {
  const { long = false, name, required, secret = false, type, values = [], whole } = option
  const models = useModelNames()
  const text = typeof value === 'string' ? value : ''
  if (type === 'number') {
    const number = typeof value === 'number' ? value : null
    return <NumberInput value={number} onValue={onValue} whole={whole === true} />
  }
  if (type === 'choice') {
    const none =
      required === true || option.default !== undefined ? [] : [{ value: '', label: '—' }]
    const choices = values.map((each) => ({ value: each, label: words(each) }))
    return <Select value={text} onValue={onValue} options={[...none, ...choices]} />
  }
  if (type === 'texts' || type === 'map' || type === 'json' || long) {
    return (
      <Textarea
        value={text}
        onValue={onValue}
        mono={type !== 'texts'}
        rows={type === 'json' ? 8 : 4}
        placeholder={
          { texts: 'One a line', map: 'name: text, one a line', json: '{ … }' }[type as 'json'] ??
          ''
        }
      />
    )
  }
  if (name === 'model') return <Combobox value={text} onValue={onValue} options={models} />
  // A mask says which one is kept; what is typed is not shown.
  const isTyped = secret && !text.startsWith('****')
  return (
    <Input
      value={text}
      onValue={onValue}
      type={isTyped ? 'password' : 'text'}
      {...(isTyped ? { autocomplete: 'new-password' } : {})}
    />
  )
}

function RowsField({ onValue, option, path, value }: OptionFieldProps) {
  const { doc, name, of = [] } = option
  const rows = (value ?? []) as readonly Draft[]
  return (
    <fieldset>
      <legend>{labelOf(name)}</legend>
      <p class="field-hint">
        <Doc>{doc}</Doc>
      </p>
      {rows.map((row, at) => (
        <div key={at} class="guardrails-row" role="group" aria-label={`${labelOf(name)} ${at + 1}`}>
          <OptionFields
            options={of}
            draft={row}
            path={`${path}.${at}`}
            onDraft={(next) => onValue(rows.map((each, index) => (index === at ? next : each)))}
          />
          <IconButton
            icon="trash"
            size="small"
            label={`Remove ${at + 1} of ${words(name)}`}
            onClick={() => onValue(rows.filter((_, index) => index !== at))}
          />
        </div>
      ))}
      <Button size="small" icon="plus" onClick={() => onValue([...rows, toDraft(of)])}>
        Add to {words(name)}
      </Button>
    </fieldset>
  )
}
