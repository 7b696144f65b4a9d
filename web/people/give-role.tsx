// Gives somebody a role somewhere, or denies what it gives. Nobody gives more than they have: the server says where that ends.

import { useSignal } from '@preact/signals'
import { api, unwrap } from '../api.ts'
import { Dialog } from '../components/dialog.tsx'
import { Field, Select } from '../components/field.tsx'
import { Form, useForm } from '../components/form.tsx'
import { Notice } from '../components/notice.tsx'
import { toast } from '../components/toast.tsx'
import { useQuery } from '../query.ts'
import { session } from '../session.ts'
import { ALL, readRoles, type AssigneeKind } from './calls.ts'
import { Aside, ScopeFields, scopeOf, WhoFields, type ScopeKind } from './parts.tsx'

interface GiveRoleProps {
  /** Whom; without, one is asked for. */
  readonly to?: { readonly kind: AssigneeKind; readonly id: string; readonly name: string }
  readonly role?: string
  readonly onClose: () => void
}

export function GiveRole({ onClose, role = '', to }: GiveRoleProps) {
  const form = useForm({
    kind: to?.kind ?? ('user' as AssigneeKind),
    id: to?.id ?? '',
    role,
    scopeKind: 'tenant' as ScopeKind,
    scopeName: '',
    effect: 'allow' as 'allow' | 'deny',
  })
  const { effect, id, kind, role: chosen, scopeKind, scopeName } = form.values.value
  const isPlatform = session.value?.platform_actions?.includes('assignment.write') === true
  const roles = useQuery(['roles', false], readRoles(false))
  const known = roles.data?.data ?? []
  const described = known.find((each) => each.id === chosen)
  const who = useSignal(to?.name).value
  return (
    <Dialog title={to === undefined ? 'Give a role' : `Give ${who} a role`} onClose={onClose}>
      <Form
        form={form}
        submit={effect === 'deny' ? 'Deny' : 'Give role'}
        variant={effect === 'deny' ? 'danger' : 'primary'}
        onCancel={onClose}
        invalidates={[...ALL]}
        onSubmit={(values) =>
          unwrap(
            api.assignments.post({
              role: values.role,
              assignee: {
                kind: values.kind,
                ...(values.kind === 'everyone' ? {} : { id: values.id }),
              },
              scope: scopeOf(values.scopeKind, values.scopeName),
              effect: values.effect,
            }),
          )
        }
        onDone={({ assignee, effect: given, role: roleId }) => {
          onClose()
          toast(
            given === 'deny'
              ? `${assignee.name} is denied what ${roleId} gives.`
              : `${assignee.name} has the role ${roleId}.`,
          )
        }}
      >
        {to === undefined && (
          <WhoFields
            name="assignee"
            kind={kind}
            id={id}
            onKind={(next) => form.set('kind', next)}
            onId={(next) => form.set('id', next)}
          />
        )}
        <Field name="role" label="Role" required hint={described?.description}>
          <Select
            {...form.bind('role')}
            options={[
              { value: '', label: 'Choose a role' },
              ...known.map((each) => ({ value: each.id, label: each.name })),
            ]}
          />
        </Field>
        <ScopeFields
          isPlatform={isPlatform}
          kind={scopeKind}
          name={scopeName}
          onKind={(next) => form.set('scopeKind', next)}
          onName={(next) => form.set('scopeName', next)}
        />
        <Field name="effect" label="Effect" required>
          <Select
            {...form.bind('effect')}
            onValue={(next) => form.set('effect', next as 'allow' | 'deny')}
            options={[
              { value: 'allow', label: 'Allow what the role gives' },
              { value: 'deny', label: 'Deny it, whatever else they have' },
            ]}
          />
        </Field>
        {effect === 'deny' && (
          <Notice tone="warn">
            A denial beats every role, also yours where you are among those it is for. One for
            everyone can be lifted by an owner alone.
          </Notice>
        )}
        {scopeKind === 'platform' && (
          <Notice tone="warn">It holds in every tenant there is and will be.</Notice>
        )}
        <Aside>You can give only what you have yourself.</Aside>
      </Form>
    </Dialog>
  )
}
