// "Can X do Y?": who, what and where, and the answer with what decides it. The question is in the address, so it can be sent to somebody.

import { useSignal } from '@preact/signals'
import { api, unwrap } from '../api.ts'
import { Field } from '../components/field.tsx'
import { Form, useForm } from '../components/form.tsx'
import { Combobox } from '../components/inputs.tsx'
import { Facts, Panel } from '../components/page.tsx'
import { Icon } from '../icons.tsx'
import { useQuery } from '../query.ts'
import { param } from '../router.tsx'
import { can, canEverywhere, tenant, type Action } from '../session.ts'
import { readActions, scopeWords, type AssigneeKind } from './calls.ts'
import { EffectBadge, ScopeFields, scopeOf, WhoFields, type ScopeKind } from './parts.tsx'

interface Answer {
  readonly allowed: boolean
  readonly reason: string
  readonly grant: {
    readonly role: string
    readonly scope: string
    readonly effect: 'allow' | 'deny'
    readonly because: string
  } | null
  readonly who: { readonly name: string }
  readonly action: string
  readonly scope: string
}

const WHO_KINDS: readonly string[] = ['user', 'group', 'team', 'service', 'key', 'everyone']

export function CanTab() {
  const asked = param('kind')
  const form = useForm({
    kind: (asked !== undefined && WHO_KINDS.includes(asked) ? asked : 'user') as AssigneeKind,
    id: param('id') ?? '',
    action: param('action') ?? 'model.invoke',
    scopeKind: 'tenant' as ScopeKind,
    scopeName: '',
  })
  const answer = useSignal<Answer | undefined>(undefined)
  const { id, kind, scopeKind, scopeName } = form.values.value
  const actions = useQuery('actions', readActions, { enabled: can('role.read') })
  return (
    <div class="grid-2">
      <Panel title="The question">
        <Form
          form={form}
          submit="Ask"
          keepsWork={false}
          onSubmit={(values) =>
            unwrap(
              api.can.post({
                who: {
                  kind: values.kind,
                  ...(values.kind === 'everyone' ? {} : { id: values.id }),
                },
                action: values.action as Action,
                scope: scopeOf(values.scopeKind, values.scopeName),
              }),
            )
          }
          onDone={(said) => (answer.value = said)}
        >
          <WhoFields
            name="who"
            kind={kind}
            id={id}
            onKind={(next) => form.set('kind', next)}
            onId={(next) => form.set('id', next)}
          />
          <Field name="action" label="What" required>
            <Combobox
              {...form.bind('action')}
              options={(actions.data?.data ?? []).map(({ action, description }) => ({
                value: action,
                label: `${action} — ${description}`,
              }))}
            />
          </Field>
          <ScopeFields
            isPlatform={canEverywhere('assignment.read')}
            kind={scopeKind}
            name={scopeName}
            onKind={(next) => form.set('scopeKind', next)}
            onName={(next) => form.set('scopeName', next)}
          />
        </Form>
      </Panel>
      <Panel title="The answer">
        <div aria-live="polite">
          {answer.value === undefined ? (
            <p class="soft">
              Choose who, what and where. The answer is made by what judges every request, and says
              which role or denial decides.
            </p>
          ) : (
            <Verdict answer={answer.value} />
          )}
        </div>
      </Panel>
    </div>
  )
}

function Verdict({ answer }: { answer: Answer }) {
  const { action, allowed, grant, reason, scope, who } = answer
  return (
    <div class="stack">
      <p class={allowed ? 'people-verdict tone-good' : 'people-verdict tone-bad'}>
        <Icon name={allowed ? 'ok' : 'error'} size={24} />
        <strong>
          {allowed ? 'Yes' : 'No'}: {reason}.
        </strong>
      </p>
      <Facts
        items={[
          ['Who', who.name],
          ['What', <code>{action}</code>],
          ['Where', scopeWords(scope, tenant.value)],
          grant === null ? undefined : ['Role', <strong>{grant.role}</strong>],
          grant === null ? undefined : ['Effect', <EffectBadge effect={grant.effect} />],
          grant === null ? undefined : ['Given at', scopeWords(grant.scope, tenant.value)],
          grant === null ? undefined : ['Because of', grant.because],
        ]}
      />
    </div>
  )
}
