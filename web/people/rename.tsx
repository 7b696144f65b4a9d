// Another name for a tenant or a service. Its id, which everything is kept under, stays.

import { Dialog } from '../components/dialog.tsx'
import { Field, Input } from '../components/field.tsx'
import { Form, useForm } from '../components/form.tsx'
import { toast } from '../components/toast.tsx'
import { ALL } from './calls.ts'

/** @param disabled while it cannot be saved yet */
export function RenameDialog({
  disabled = false,
  name,
  onClose,
  save,
}: {
  name: string
  disabled?: boolean
  save: (name: string) => Promise<unknown>
  onClose: () => void
}) {
  const form = useForm({ name })
  return (
    <Dialog title={`Rename ${name}`} size="small" onClose={onClose}>
      <Form
        form={form}
        submit="Save"
        onCancel={onClose}
        disabled={disabled}
        invalidates={[...ALL, 'people-choices']}
        onSubmit={(values) => save(values.name)}
        onDone={() => {
          onClose()
          toast('Saved.')
        }}
      >
        <Field name="name" label="Name" required>
          <Input {...form.bind('name')} />
        </Field>
      </Form>
    </Dialog>
  )
}
