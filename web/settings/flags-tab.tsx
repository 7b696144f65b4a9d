// Feature flags: what each steers and who answers for it, for whom it differs from its default, and changing that.

import { useSignal } from '@preact/signals'
import { api, ifMatch, unwrap } from '../api.ts'
import { Badge } from '../components/badge.tsx'
import { Button, IconButton } from '../components/button.tsx'
import { confirmAction, Dialog } from '../components/dialog.tsx'
import { Field, Input, Select } from '../components/field.tsx'
import { Form, useForm } from '../components/form.tsx'
import { NumberInput } from '../components/inputs.tsx'
import { Panel } from '../components/page.tsx'
import { Loaded } from '../components/states.tsx'
import { invalidate, useQuery } from '../query.ts'
import { canEverywhere, session } from '../session.ts'

const readFlags = ({ signal }: { signal: AbortSignal }) =>
  unwrap(api.flags.get({ fetch: { signal } }))

type Flag = Awaited<ReturnType<typeof readFlags>>['data'][number]
type Rule = Flag['rules'][number]
type Value = Flag['default']

/** With the rules of every tenant: what a change of it has to meet. */
const readFlag = (flag: string) => unwrap(api.flags({ flag }).get({ query: { tenant: '*' } }))

const textOf = (value: Value) => (value === true ? 'on' : value === false ? 'off' : String(value))

export function FlagsTab() {
  const flags = useQuery('flags', readFlags)
  const setting = useSignal<Flag | undefined>(undefined)
  return (
    <Panel title="Feature flags" hint="The first rule that concerns a request decides.">
      <Loaded query={flags}>
        {({ data }) => (
          <ul class="settings-list plain-list">
            {data.map((flag) => (
              <li key={flag.flag} class="setting">
                <div class="setting-words">
                  <h3>
                    <code>{flag.flag}</code>
                  </h3>
                  <p class="soft">{flag.doc.replaceAll('`', '')}</p>
                  <p class="soft">
                    By default {textOf(flag.default)}; {flag.type}, of {flag.owner}.
                  </p>
                </div>
                <div class="setting-value">
                  {flag.rules.map((rule) => (
                    <RuleLine key={rule.tenant} flag={flag.flag} rule={rule} />
                  ))}
                  {flag.rules.length === 0 && <span>{textOf(flag.default)}</span>}
                  {canEverywhere('flag.write') && (
                    <Button
                      size="small"
                      icon="edit"
                      aria-label={`Set ${flag.flag}`}
                      onClick={() => (setting.value = flag)}
                    >
                      Set
                    </Button>
                  )}
                </div>
              </li>
            ))}
          </ul>
        )}
      </Loaded>
      {setting.value !== undefined && (
        <SetFlag flag={setting.value} onClose={() => (setting.value = undefined)} />
      )}
    </Panel>
  )
}

function RuleLine({ flag, rule }: { flag: string; rule: Rule }) {
  const { origin, percent, read_only: reason, tenant, value } = rule
  const whom = tenant ?? 'everybody'
  const remove = async () => {
    const isDone = await confirmAction({
      title: `Take the rule of ${flag} for ${whom} away?`,
      confirm: 'Take away',
      run: async () =>
        unwrap(
          api.flags({ flag }).delete(undefined, {
            ...ifMatch(await readFlag(flag)),
            query: tenant === null ? {} : { tenant },
          }),
        ),
    })
    if (isDone) invalidate('flags')
  }
  return (
    <span class="row" title={reason ?? undefined}>
      <strong>{textOf(value)}</strong> for {whom}
      {percent < 100 && `, ${percent} % of callers`}
      {origin === 'file' && <Badge icon="file">file</Badge>}
      {reason === null && canEverywhere('flag.write') && (
        <IconButton
          icon="trash"
          size="small"
          label={`Take the rule for ${whom} away`}
          onClick={() => void remove()}
        />
      )}
    </span>
  )
}

function SetFlag({ flag, onClose }: { flag: Flag; onClose: () => void }) {
  const seen = useQuery(['flag', flag.flag, flag.rules], () => readFlag(flag.flag))
  const before = flag.rules.find(({ origin, tenant }) => origin === 'store' && tenant === null)
  const form = useForm({
    tenant: '',
    value: textOf(before?.value ?? flag.default),
    number: typeof flag.default === 'number' ? Number(before?.value ?? flag.default) : null,
    percent: (before?.percent ?? null) as number | null,
  })
  const choices = flag.type === 'boolean' ? ['on', 'off'] : (flag.values ?? [])
  return (
    <Dialog title={`Set ${flag.flag}`} onClose={onClose} size="small">
      <Loaded query={seen}>
        {(now) => (
          <Form
            form={form}
            submit="Set flag"
            onCancel={onClose}
            invalidates={['flags']}
            onDone={onClose}
            onSubmit={({ number, percent, tenant, value }) =>
              unwrap(
                api.flags({ flag: flag.flag }).put(
                  {
                    value:
                      flag.type === 'number'
                        ? (number ?? 0)
                        : flag.type === 'boolean'
                          ? value === 'on'
                          : value,
                    percent: percent ?? 100,
                  },
                  { ...ifMatch(now), query: tenant.trim() === '' ? {} : { tenant: tenant.trim() } },
                ),
              )
            }
          >
            <Field name="value" label="Value" required hint={flag.doc.replaceAll('`', '')}>
              {flag.type === 'number' ? (
                <NumberInput {...form.bind('number')} />
              ) : (
                <Select {...form.bind('value')} options={choices} />
              )}
            </Field>
            {session.value?.many_tenants === true && (
              <Field name="tenant" label="For one tenant">
                <Input {...form.bind('tenant')} placeholder="all that have no rule of their own" />
              </Field>
            )}
            <Field name="percent" label="Share of callers" hint="Always the same ones.">
              <NumberInput {...form.bind('percent')} placeholder="100" suffix="%" />
            </Field>
          </Form>
        )}
      </Loaded>
    </Dialog>
  )
}
