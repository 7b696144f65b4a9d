// Forms about a user: a new one, name and mail, and the way they get a password. A link is shown once, here and nowhere else.

import { useSignal } from '@preact/signals'
import { api, ifMatch, unwrap } from '../api.ts'
import { Button } from '../components/button.tsx'
import { Dialog } from '../components/dialog.tsx'
import { Field, Input, Select } from '../components/field.tsx'
import { Form, useForm } from '../components/form.tsx'
import { Notice } from '../components/notice.tsx'
import { Loaded } from '../components/states.tsx'
import { toast } from '../components/toast.tsx'
import { CopyButton, RelativeTime } from '../components/values.tsx'
import { useQuery } from '../query.ts'
import { navigate } from '../router.tsx'
import { ALL, nameOfUser, readUser, type User, type UserDetail } from './calls.ts'

type Way = 'link' | 'password' | 'issuer'

interface PasswordLink {
  readonly url: string
  readonly expires: string
}

export function NewUser({ onClose }: { onClose: () => void }) {
  const form = useForm({
    subject: '',
    name: '',
    email: '',
    way: 'link' as Way,
    password: '',
    issuer: '',
  })
  const made = useSignal<{ user: User; link: PasswordLink } | undefined>(undefined)
  const { way } = form.values.value
  if (made.value !== undefined) {
    return <ShowLink user={made.value.user} link={made.value.link} onClose={onClose} />
  }
  return (
    <Dialog title="Add user" onClose={onClose}>
      <Form
        form={form}
        submit="Add user"
        onCancel={onClose}
        invalidates={[...ALL, 'people-choices']}
        onSubmit={({ email, issuer, name, password, subject }) =>
          unwrap(
            api.users.post({
              subject,
              ...(name === '' ? {} : { name }),
              ...(email === '' ? {} : { email }),
              ...(way === 'issuer' ? { issuer } : {}),
              ...(way === 'password' ? { password } : {}),
            }),
          )
        }
        onDone={(user) => {
          if (user.password_link !== null) made.value = { user, link: user.password_link }
          else {
            onClose()
            toast(`${nameOfUser(user)} is added. Give them a role next.`)
            navigate(`/ui/people/users?open=${encodeURIComponent(user.id)}`)
          }
        }}
      >
        <Field
          label="How they log in"
          required
          hint={
            way === 'issuer'
              ? 'Not needed for most: people of an identity provider appear at their first login.'
              : undefined
          }
        >
          <Select
            {...form.bind('way')}
            onValue={(next) => form.set('way', next as Way)}
            options={[
              { value: 'link', label: 'With a password that they choose through a link' },
              { value: 'password', label: 'With a password that I give them' },
              { value: 'issuer', label: 'Through the identity provider' },
            ]}
          />
        </Field>
        {way === 'issuer' && (
          <Field name="issuer" label="Identity provider" required hint="Its id under auth.oidc.">
            <Input {...form.bind('issuer')} spellcheck={false} />
          </Field>
        )}
        <Field
          name="subject"
          label={way === 'issuer' ? 'Subject of their tokens (sub)' : 'Login name'}
          required
        >
          <Input {...form.bind('subject')} spellcheck={false} autocapitalize="none" />
        </Field>
        <div class="form-row">
          <Field name="name" label="Name">
            <Input {...form.bind('name')} />
          </Field>
          <Field name="email" label="Mail">
            <Input {...form.bind('email')} type="email" />
          </Field>
        </div>
        {way === 'password' && (
          <Field name="password" label="Password" required hint="At least 12 characters.">
            <Input {...form.bind('password')} type="password" autocomplete="new-password" />
          </Field>
        )}
      </Form>
    </Dialog>
  )
}

export function EditUser({ onClose, user }: { user: User; onClose: () => void }) {
  const fresh = useQuery(['user', user.id], readUser(user.id))
  return (
    <Dialog title={`Change ${nameOfUser(user)}`} size="small" onClose={onClose}>
      <Loaded query={fresh}>
        {(seen) => <EditForm key={seen.id} seen={seen} onClose={onClose} />}
      </Loaded>
    </Dialog>
  )
}

function EditForm({ onClose, seen }: { seen: UserDetail; onClose: () => void }) {
  // What was read when the form opened is what the change must meet.
  const first = useSignal(seen).value
  const form = useForm({ name: first.name ?? '', email: first.email ?? '' })
  return (
    <Form
      form={form}
      submit="Save"
      onCancel={onClose}
      invalidates={[...ALL, 'people-choices']}
      onSubmit={({ email, name }) =>
        unwrap(
          api.users({ id: first.id }).patch(
            {
              ...(name === (first.name ?? '') ? {} : { name: name === '' ? null : name }),
              ...(email === (first.email ?? '') ? {} : { email: email === '' ? null : email }),
            },
            ifMatch(first),
          ),
        )
      }
      onDone={() => {
        onClose()
        toast('Saved.')
      }}
    >
      <Field name="name" label="Name">
        <Input {...form.bind('name')} />
      </Field>
      <Field name="email" label="Mail">
        <Input {...form.bind('email')} type="email" />
      </Field>
    </Form>
  )
}

export function PasswordDialog({ onClose, user }: { user: User; onClose: () => void }) {
  const form = useForm({ way: 'link' as Way, password: '' })
  const link = useSignal<PasswordLink | undefined>(undefined)
  const { way } = form.values.value
  if (link.value !== undefined) return <ShowLink user={user} link={link.value} onClose={onClose} />
  return (
    <Dialog title={`Reset the password of ${nameOfUser(user)}`} size="small" onClose={onClose}>
      <Form
        form={form}
        submit={way === 'link' ? 'Make a link' : 'Set password'}
        onCancel={onClose}
        invalidates={[...ALL]}
        onSubmit={({ password }) =>
          unwrap(api.users({ id: user.id }).password.post(way === 'link' ? {} : { password }))
        }
        onDone={({ password_link: made }) => {
          if (made !== null) link.value = made
          else {
            onClose()
            toast(`${nameOfUser(user)} has a new password and is logged out everywhere.`)
          }
        }}
      >
        <Field
          label="How"
          required
          hint={
            way === 'link'
              ? 'The old password holds until they choose another.'
              : 'Every session of theirs ends.'
          }
        >
          <Select
            {...form.bind('way')}
            onValue={(next) => form.set('way', next as Way)}
            options={[
              { value: 'link', label: 'They choose one through a link' },
              { value: 'password', label: 'I give them one' },
            ]}
          />
        </Field>
        {way === 'password' && (
          <Field name="password" label="New password" required hint="At least 12 characters.">
            <Input {...form.bind('password')} type="password" autocomplete="new-password" />
          </Field>
        )}
      </Form>
    </Dialog>
  )
}

function ShowLink({
  link,
  onClose,
  user,
}: {
  user: User
  link: PasswordLink
  onClose: () => void
}) {
  return (
    <Dialog
      title={`Send this to ${nameOfUser(user)}`}
      size="small"
      onClose={onClose}
      footer={
        <Button
          variant="primary"
          onClick={() => {
            onClose()
            navigate(`/ui/people/users?open=${encodeURIComponent(user.id)}`)
          }}
        >
          Done
        </Button>
      }
    >
      <p>They open it and choose a password. It is shown here alone.</p>
      <p class="people-link">
        <code>{link.url}</code>
      </p>
      <CopyButton text={link.url} what="link" wide />
      <Notice tone="warn">
        Whoever has the link gets in as them. It works once and ends{' '}
        <RelativeTime at={link.expires} />.
      </Notice>
    </Dialog>
  )
}
