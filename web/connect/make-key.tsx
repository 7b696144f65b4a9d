// A key made on the spot: one's own where one is a person, else one of the tenant. It is shown once, in the lines.

import { ask, problemOfResponse } from '../api.ts'
import { Dialog } from '../components/dialog.tsx'
import { Field, Input } from '../components/field.tsx'
import { Form, useForm } from '../components/form.tsx'
import { toast } from '../components/toast.tsx'
import { can, session } from '../session.ts'

interface MakeKeyProps {
  readonly onClose: () => void
  readonly onMade: (key: string) => void
}

export function MakeKey({ onClose, onMade }: MakeKeyProps) {
  const form = useForm({ name: '' })
  return (
    <Dialog title="Make a key" size="small" onClose={onClose}>
      <Form
        form={form}
        submit="Make key"
        onCancel={onClose}
        keepsWork={false}
        invalidates={['keys', 'my-keys']}
        onSubmit={({ name }) => makeKey(name)}
        onDone={(key) => {
          toast('The key is made. It is in the lines now, and is shown this once.')
          onMade(key)
        }}
      >
        <Field
          name="name"
          label="Name"
          required
          hint="As people know it: the program, or the machine."
        >
          <Input {...form.bind('name')} spellcheck={false} />
        </Field>
      </Form>
    </Dialog>
  )
}

/** @throws ApiProblem */
async function makeKey(name: string): Promise<string> {
  const isPerson = session.value?.user !== undefined && can('key.self')
  const answer = await ask(isPerson ? '/admin/me/keys' : '/admin/keys', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ name: name.trim() }),
  })
  if (!answer.ok) throw await problemOfResponse(answer)
  return ((await answer.json()) as { readonly key: string }).key
}
