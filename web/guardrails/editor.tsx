// The form of one guardrail, for a new one and to change one: what is checked, what follows, whom it holds for, and what its kind of check lets
// one say. What is being typed can be tried before it is saved.

import { Drawer } from '../components/dialog.tsx'
import { Checkbox, Field, Input, Select } from '../components/field.tsx'
import { Form, useForm, type FormModel } from '../components/form.tsx'
import { ChipsInput, DurationInput, NumberInput } from '../components/inputs.tsx'
import { Notice } from '../components/notice.tsx'
import { toast } from '../components/toast.tsx'
import { useModelNames } from '../api-keys/key-form.tsx'
import {
  checkName,
  createRule,
  mayServeAll,
  MODES,
  replaceRule,
  STAGES,
  type Check,
  type Rule,
  type RuleBody,
  type Stage,
} from './data.ts'
import { Doc, fromDraft, OptionFields, toDraft, type Draft } from './options.tsx'
import { TryPanel } from './try.tsx'

/** What a new one begins with. */
export type Start = Partial<Pick<Rule, 'id' | 'check' | 'mode' | 'stages'>>

const MODE_WORDS: Readonly<Record<Rule['mode'], string>> = {
  block: 'The request, or the answer, ends there.',
  mask: 'What is found is replaced; placeholders are put back in the answer.',
  flag: 'It passes, and header, request log and audit say so.',
  observe: 'It passes, and the request log alone says so.',
}

interface Values {
  readonly id: string
  readonly check: string
  readonly mode: Rule['mode']
  readonly stages: readonly Stage[]
  readonly forAll: 'own' | 'all'
  readonly models: readonly string[]
  readonly for: readonly string[]
  readonly except: readonly string[]
  readonly timeout: number | null
  readonly window: number | null
  readonly onFailure: Rule['on_failure']
  readonly enabled: boolean
  readonly options: Draft
}

function valuesOf(checks: readonly Check[], rule: Rule | undefined, start: Start): Values {
  const check = rule?.check ?? start.check ?? checks[0]?.kind ?? ''
  return {
    id: rule?.id ?? start.id ?? '',
    check,
    mode: rule?.mode ?? start.mode ?? 'block',
    stages: rule?.stages ?? start.stages ?? ['input', 'tool_result'],
    forAll: 'own',
    models: rule?.models ?? [],
    for: rule?.for ?? [],
    except: rule?.except ?? [],
    timeout: rule?.timeout_ms ?? null,
    window: rule?.window_chars ?? null,
    onFailure: rule?.on_failure ?? 'closed',
    enabled: rule?.enabled ?? true,
    options: toDraft(optionsOf(checks, check), rule?.options as Draft | undefined),
  }
}

const optionsOf = (checks: readonly Check[], kind: string) =>
  checks.find((each) => each.kind === kind)?.options ?? []

const listOf = (words: readonly string[]) => (words.length === 0 ? null : [...words])

/** @throws ApiProblem for options that cannot be read */
function bodyOf(checks: readonly Check[], values: Values, rule: Rule | undefined): RuleBody {
  const given = rule?.check === values.check ? (rule.options as Draft) : undefined
  return {
    check: values.check as RuleBody['check'],
    mode: values.mode,
    stages: [...values.stages],
    models: listOf(values.models),
    for: listOf(values.for),
    except: listOf(values.except),
    on_failure: values.onFailure,
    enabled: values.enabled,
    ...(values.timeout === null ? {} : { timeout_ms: values.timeout }),
    ...(values.window === null ? {} : { window_chars: values.window }),
    options: fromDraft(optionsOf(checks, values.check), values.options, given),
  }
}

interface EditorProps {
  readonly checks: readonly Check[]
  /** As it was just read; absent: a new one. */
  readonly rule?: Rule
  readonly start?: Start
  readonly onClose: () => void
}

export function Editor({ checks, onClose, rule, start = {} }: EditorProps) {
  const form = useForm(valuesOf(checks, rule, start))
  const isNew = rule === undefined
  return (
    <Drawer title={isNew ? 'Add guardrail' : rule.id} onClose={onClose}>
      {rule?.problem != null && (
        <Notice tone="bad" title="Not ready: it refuses what it concerns">
          {rule.problem}
        </Notice>
      )}
      <Form
        form={form}
        submit={isNew ? 'Add guardrail' : 'Save changes'}
        onCancel={onClose}
        invalidates={['guardrails']}
        onSubmit={async (values) => {
          const body = bodyOf(checks, values, rule)
          return isNew
            ? await createRule({ id: values.id.trim(), ...body }, values.forAll === 'all')
            : await replaceRule(rule, body)
        }}
        onDone={({ id }) => {
          toast(`Guardrail ${id} is ${isNew ? 'added' : 'changed'}.`)
          onClose()
        }}
      >
        <What form={form} checks={checks} isNew={isNew} />
        <Whom form={form} isNew={isNew} />
      </Form>
      <section class="guardrails-try">
        <h3>Try it as it stands above</h3>
        <TryPanel
          checks={checks}
          check={form.values.value.check}
          saved={form.isDirty.value ? undefined : rule?.id}
          rule={() => bodyOf(checks, form.values.peek(), rule)}
        />
      </section>
    </Drawer>
  )
}

function What({
  checks,
  form,
  isNew,
}: {
  form: FormModel<Values>
  checks: readonly Check[]
  isNew: boolean
}) {
  const { check: kind, mode, options, stages } = form.values.value
  const check = checks.find((each) => each.kind === kind)
  const modes = (Object.keys(MODES) as Rule['mode'][]).filter(
    (each) => each !== 'mask' || check?.masks === true,
  )
  const choose = (next: string) => {
    form.set('check', next)
    form.set('options', toDraft(optionsOf(checks, next)))
    if (mode === 'mask' && checks.find((each) => each.kind === next)?.masks !== true) {
      form.set('mode', 'block')
    }
  }
  return (
    <>
      {isNew && (
        <Field
          name="id"
          label="Name"
          hint="In errors, headers and figures: lower case, digits and -."
          required
        >
          <Input {...form.bind('id')} placeholder="no-cards" />
        </Field>
      )}
      <Field name="check" label="Check" required hint={<Doc>{check?.doc ?? ''}</Doc>}>
        <Select
          value={kind}
          onValue={choose}
          options={checks.map((each) => ({ value: each.kind, label: checkName(each.kind) }))}
        />
      </Field>
      <Field name="mode" label="When it finds something" required hint={MODE_WORDS[mode]}>
        <Select
          {...form.bind('mode')}
          options={modes.map((each) => ({ value: each, label: MODES[each] }))}
        />
      </Field>
      <fieldset>
        <legend>It looks at</legend>
        <div class="guardrails-choices">
          {STAGES.map(({ label, value }) => (
            <Checkbox
              key={value}
              label={label}
              value={stages.includes(value)}
              onValue={(isOn) =>
                form.set(
                  'stages',
                  STAGES.map((each) => each.value).filter((each) =>
                    each === value ? isOn : stages.includes(each),
                  ),
                )
              }
            />
          ))}
        </div>
      </fieldset>
      <OptionFields
        key={kind}
        // How something is masked is a question where it is masked.
        options={(check?.options ?? []).filter(({ name }) => name !== 'mask' || mode === 'mask')}
        draft={options}
        onDraft={(next) => form.set('options', next)}
      />
    </>
  )
}

const WHOM = '`user:`, `group:`, `team:`, `service:` or `key:` with a name.'

function Whom({ form, isNew }: { form: FormModel<Values>; isNew: boolean }) {
  const { stages } = form.values.value
  return (
    <>
      {isNew && mayServeAll() && (
        <Field name="tenant" label="Holds in" required>
          <Select
            {...form.bind('forAll')}
            options={[
              { value: 'own', label: 'This tenant' },
              { value: 'all', label: 'Every tenant' },
            ]}
          />
        </Field>
      )}
      <div class="form-row">
        <Field name="for" label="For" hint={<Doc>{WHOM}</Doc>}>
          <ChipsInput {...form.bind('for')} placeholder="everybody" />
        </Field>
        <Field name="except" label="But not for" hint="Beats the other list.">
          <ChipsInput {...form.bind('except')} placeholder="nobody" />
        </Field>
      </div>
      <Field name="models" label="Models" hint="As clients ask for them; * stands for any text.">
        <ChipsInput {...form.bind('models')} placeholder="all" suggestions={useModelNames()} />
      </Field>
      <div class="form-row">
        <Field name="on_failure" label="Where the check does not answer" required>
          <Select
            {...form.bind('onFailure')}
            options={[
              { value: 'closed', label: 'Refuse' },
              { value: 'open', label: 'Let it through' },
            ]}
          />
        </Field>
        <Field name="timeout_ms" label="It may take">
          <DurationInput {...form.bind('timeout')} placeholder="as usual" />
        </Field>
        {stages.includes('output') && (
          <Field
            name="window_chars"
            label="Held back"
            hint="Of a streamed answer, until it is judged."
          >
            <NumberInput
              {...form.bind('window')}
              whole
              suffix="characters"
              placeholder="as usual"
            />
          </Field>
        )}
      </div>
      <Checkbox {...form.bind('enabled')} label="On" />
    </>
  )
}
