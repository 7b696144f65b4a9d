// Writes a role: its actions by area, whole areas by their pattern. What patterns say that no box can show is kept as it is.

import { useSignal } from '@preact/signals'
import { api, ifMatch, unwrap } from '../api.ts'
import { Dialog } from '../components/dialog.tsx'
import { Checkbox, Field, Input } from '../components/field.tsx'
import { Form, useForm } from '../components/form.tsx'
import { Notice } from '../components/notice.tsx'
import { Loaded } from '../components/states.tsx'
import { toast } from '../components/toast.tsx'
import { useQuery } from '../query.ts'
import { setParams } from '../router.tsx'
import { can } from '../session.ts'
import { ALL, readActions } from './calls.ts'
import { Aside } from './parts.tsx'

const readRole =
  (id: string) =>
  ({ signal }: { signal: AbortSignal }) =>
    unwrap(api.roles({ id }).get({ fetch: { signal } }))

type Role = Awaited<ReturnType<ReturnType<typeof readRole>>>
interface Action {
  readonly action: string
  readonly description: string
}

/** @param id of the role to change; absent: a new one */
export function RoleEditor({ id, onClose }: { id?: string; onClose: () => void }) {
  const actions = useQuery('actions', readActions)
  const role = useQuery(['role-to-edit', id ?? ''], readRole(id ?? ''), {
    enabled: id !== undefined,
  })
  return (
    <Dialog title={id === undefined ? 'Add role' : 'Change role'} size="wide" onClose={onClose}>
      <Loaded query={actions}>
        {({ data }) =>
          id === undefined ? (
            <RoleForm actions={data} onClose={onClose} />
          ) : (
            <Loaded query={role}>
              {(seen) => <RoleForm key={seen.id} actions={data} seen={seen} onClose={onClose} />}
            </Loaded>
          )
        }
      </Loaded>
    </Dialog>
  )
}

function RoleForm({
  actions,
  onClose,
  seen,
}: {
  actions: readonly Action[]
  seen?: Role
  onClose: () => void
}) {
  const first = useSignal(seen).value
  const form = useForm({
    id: first?.id ?? '',
    name: first?.name ?? '',
    description: first?.description ?? '',
    given: (first?.gives ?? []) as readonly string[],
  })
  const { given } = form.values.value
  const toggle = (names: readonly string[], isOn: boolean) => {
    const others = given.filter((each) => !names.includes(each))
    form.set('given', isOn ? [...others, ...names].toSorted() : others)
  }
  return (
    <Form
      form={form}
      submit={first === undefined ? 'Add role' : 'Save'}
      onCancel={onClose}
      invalidates={[...ALL, 'role-to-edit']}
      onSubmit={async ({
        description,
        given: chosen,
        id,
        name,
      }): Promise<{ id: string; name: string }> => {
        if (first === undefined) {
          const body = { id, description, actions: patternsOf(chosen, actions) }
          return await unwrap(api.roles.post({ ...body, ...(name === '' ? {} : { name }) }))
        }
        const isSame = JSON.stringify(chosen.toSorted()) === JSON.stringify(first.gives.toSorted())
        const change = isSame ? {} : { actions: patternsOf(chosen, actions), not_actions: [] }
        return await unwrap(
          api.roles({ id: first.id }).patch({ name, description, ...change }, ifMatch(first)),
        )
      }}
      onDone={(saved) => {
        onClose()
        toast(`${saved.name} is saved. Whoever has it has it so at once.`)
        setParams({ open: saved.id })
      }}
    >
      <div class="form-row">
        {first === undefined && (
          <Field
            name="id"
            label="Id"
            required
            hint="Lower-case letters, digits and dashes. It stays."
          >
            <Input {...form.bind('id')} spellcheck={false} autocapitalize="none" />
          </Field>
        )}
        <Field name="name" label="Name" required={first !== undefined}>
          <Input {...form.bind('name')} />
        </Field>
      </div>
      <Field name="description" label="What it is for">
        <Input {...form.bind('description')} />
      </Field>
      {first !== undefined && first.assigned > 0 && (
        <Notice tone="warn">
          {first.assigned === 1 ? 'One assignment' : `${first.assigned} assignments`} of it change
          with it.
        </Notice>
      )}
      <fieldset class="people-areas">
        <legend>
          Actions <span class="soft">{given.length} chosen</span>
        </legend>
        <Aside>You can give only what you have yourself; what you have not is dimmed.</Aside>
        {areasOf(actions).map(([area, rows]) => (
          <Area key={area} area={area} rows={rows} given={given} onToggle={toggle} />
        ))}
      </fieldset>
    </Form>
  )
}

function Area({
  area,
  given,
  onToggle,
  rows,
}: {
  area: string
  rows: readonly Action[]
  given: readonly string[]
  onToggle: (names: readonly string[], isOn: boolean) => void
}) {
  const names = rows.map(({ action }) => action)
  const isWhole = names.every((name) => given.includes(name))
  return (
    <div class="people-area">
      <Checkbox
        label={<strong>{area.replaceAll('_', ' ')}</strong>}
        value={isWhole}
        onValue={(isOn) => onToggle(names, isOn)}
      />
      <div class="people-area-rows">
        {rows.map(({ action, description }) => (
          <div key={action} class={can(action as never) ? '' : 'people-beyond'}>
            <Checkbox
              label={<code>{action}</code>}
              hint={description}
              value={given.includes(action)}
              onValue={(isOn) => onToggle([action], isOn)}
            />
          </div>
        ))}
      </div>
    </div>
  )
}

function areasOf(actions: readonly Action[]): [string, Action[]][] {
  const offered = actions.filter(({ action }) => action !== 'public.read')
  return [...Map.groupBy(offered, ({ action }) => action.slice(0, action.indexOf('.')))]
}

/** Whole areas as `key.*`, so that what is added to one later is in it; the rest by name. */
function patternsOf(chosen: readonly string[], actions: readonly Action[]): string[] {
  return areasOf(actions).flatMap(([area, rows]) => {
    const names = rows.map(({ action }) => action)
    const found = names.filter((name) => chosen.includes(name))
    return found.length === names.length && names.length > 1 ? [`${area}.*`] : found
  })
}
