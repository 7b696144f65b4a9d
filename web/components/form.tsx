// A form: the values people type, sent once, with what the server says is wrong at the field it is about and the focus there. What has no field
// of its own is said at the top.

import { useComputed, useSignal, type ReadonlySignal } from '@preact/signals'
import type { ComponentChildren } from 'preact'
import { useEffect, useMemo, useRef } from 'preact/hooks'
import type { ApiProblem } from '../api.ts'
import { useAction } from '../query.ts'
import { guardLeaving } from '../router.tsx'
import { Button, type ButtonProps } from './button.tsx'
import type { Bound } from './field.tsx'
import { FormContext } from './form-context.ts'
import { Notice } from './notice.tsx'

/** The values of a form while they are typed. */
export interface FormModel<T extends object> {
  readonly values: ReadonlySignal<T>
  /** Something was changed since the start or the last `reset`. */
  readonly isDirty: ReadonlySignal<boolean>
  set<K extends keyof T>(name: K, value: T[K]): void
  /** Value and change of one member, for an input: `<Input {...form.bind('name')} />`. */
  bind<K extends keyof T>(name: K): Bound<T[K]>
  reset(values?: T): void
}

/** @param initial used once; `reset` sets others */
export function useForm<T extends object>(initial: T): FormModel<T> {
  const start = useSignal(initial)
  const values = useSignal(initial)
  const isDirty = useComputed(() => JSON.stringify(values.value) !== JSON.stringify(start.value))
  return useMemo(() => {
    const set = <K extends keyof T>(name: K, value: T[K]) => {
      values.value = { ...values.peek(), [name]: value }
    }
    return {
      values,
      isDirty,
      set,
      bind: (name) => ({ value: values.value[name], onValue: (value) => set(name, value) }),
      reset: (next = start.peek()) => {
        start.value = next
        values.value = next
      },
    }
  }, [])
}

export interface FormProps<T extends object, R> {
  readonly form: FormModel<T>
  /** Sends them; what it throws is shown. */
  readonly onSubmit: (values: T) => Promise<R>
  readonly onDone?: (result: R) => void
  /** Keys of queries to ask anew for when it is done. */
  readonly invalidates?: readonly string[]
  /** Words on the button: what it does, "Create key". */
  readonly submit: string
  readonly variant?: ButtonProps['variant']
  readonly onCancel?: () => void
  /** Beside the buttons. */
  readonly extra?: ComponentChildren
  /** What is asked where the page is left with changes; false: nothing. */
  readonly keepsWork?: boolean
  readonly disabled?: boolean
  readonly children: ComponentChildren
}

export function Form<T extends object, R>(props: FormProps<T, R>) {
  const {
    children,
    disabled = false,
    extra,
    form,
    keepsWork = true,
    onCancel,
    submit,
    variant,
  } = props
  const element = useRef<HTMLFormElement>(null)
  const action = useAction((values: T) => props.onSubmit(values), {
    ...(props.invalidates === undefined ? {} : { invalidates: props.invalidates }),
    onDone: (result) => {
      form.reset(form.values.peek())
      props.onDone?.(result)
    },
  })
  const problem = action.problem.value
  const claimed = new Set<string>()
  const facts = {
    errorOf(name: string) {
      if (problem?.param === undefined || !isAbout(problem.param, name)) return undefined
      claimed.add(name)
      return problem.param === name ? problem.detail : `${problem.param}: ${problem.detail}`
    },
  }
  useEffect(() => focusWrong(element.current, problem), [problem])
  useEffect(() => {
    if (!keepsWork) return undefined
    return guardLeaving(() =>
      form.isDirty.peek() && !action.pending.peek()
        ? 'What you have typed here is lost. Leave?'
        : undefined,
    )
  }, [keepsWork])
  return (
    <form
      ref={element}
      class="form"
      onSubmit={(event) => {
        event.preventDefault()
        void action.run(form.values.peek())
      }}
    >
      {problem !== undefined && <FormProblem problem={problem} form={element.current} />}
      <FormContext.Provider value={facts}>{children}</FormContext.Provider>
      <div class="form-buttons">
        {extra}
        {onCancel !== undefined && <Button onClick={onCancel}>Cancel</Button>}
        <Button
          type="submit"
          variant={variant ?? 'primary'}
          pending={action.pending.value}
          disabled={disabled}
        >
          {submit}
        </Button>
      </div>
    </form>
  )
}

/** Said at the top too where no field says it; a field's own is enough else. */
function FormProblem({ form, problem }: { problem: ApiProblem; form: HTMLFormElement | null }) {
  const hasField = useSignal(true)
  useEffect(() => {
    hasField.value =
      form?.querySelector('[aria-invalid="true"]') !== null && problem.param !== undefined
  })
  if (hasField.value) return null
  return (
    <Notice tone="bad" focus>
      {problem.param === undefined ? problem.detail : `${problem.param}: ${problem.detail}`}
      {problem.requestId !== undefined && problem.status >= 500 && (
        <span class="soft"> Request {problem.requestId}</span>
      )}
    </Notice>
  )
}

function isAbout(param: string, name: string): boolean {
  return param === name || param.startsWith(`${name}.`) || param.startsWith(`${name}[`)
}

function focusWrong(form: HTMLFormElement | null, problem: ApiProblem | undefined): void {
  if (problem === undefined) return
  const wrong = form?.querySelector<HTMLElement>('[aria-invalid="true"]')
  const folded = wrong?.closest('details')
  if (folded !== null && folded !== undefined) folded.open = true
  wrong?.focus()
}
