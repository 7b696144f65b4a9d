// What can be done with a user, from the list and from beside it: each asked for once, with what it breaks.

import { api, ifMatch, unwrap } from '../api.ts'
import { confirmAction } from '../components/dialog.tsx'
import { toast } from '../components/toast.tsx'
import { invalidate } from '../query.ts'
import { setParams } from '../router.tsx'
import { can, session } from '../session.ts'
import { ALL, impactWords, nameOfUser, readUser, type User, type UserDetail } from './calls.ts'

/** What can be done with a user, as a menu has it. */
export function userActions(
  user: User,
  on: { readonly edit: (user: User) => void; readonly password: (user: User) => void },
) {
  const isLocal = user.issuer === 'local'
  const isOneself = user.id === session.value?.user?.id
  const mayWrite = can('user.write')
  const isOn = user.status === 'active'
  const own = isOneself ? { disabled: 'This is you' } : {}
  return [
    mayWrite
      ? {
          label: 'Change name and mail',
          icon: 'edit' as const,
          onSelect: () => on.edit(user),
          ...(isLocal ? {} : { disabled: `Comes from ${user.issuer}` }),
        }
      : undefined,
    mayWrite && isLocal
      ? { label: 'Reset password', icon: 'key' as const, onSelect: () => on.password(user) }
      : undefined,
    mayWrite
      ? {
          label: isOn ? 'Turn off' : 'Turn on',
          icon: isOn ? ('off' as const) : ('ok' as const),
          onSelect: () => void (isOn ? turnOff(user) : turnOn(user)),
          ...(isOn ? own : {}),
        }
      : undefined,
    can('session.delete')
      ? {
          label: 'Log out everywhere',
          icon: 'close' as const,
          onSelect: () => void logOutAll(user),
        }
      : undefined,
    can('user.delete')
      ? {
          label: 'Delete',
          icon: 'trash' as const,
          danger: true,
          onSelect: () => void remove(user),
          ...own,
        }
      : undefined,
  ]
}

/** As they are now, for a change that must meet it. */
async function freshUser(id: string): Promise<UserDetail> {
  return await readUser(id)({ signal: new AbortController().signal })
}

async function turnOff(user: User): Promise<void> {
  const isDone = await confirmAction({
    title: `Turn off ${nameOfUser(user)}?`,
    message: 'Their keys and rights are kept for when you turn them on again.',
    confirm: 'Turn off',
    danger: true,
    breaks: ['They are logged out and cannot log in.', 'Every API key of theirs is refused.'],
    run: async () =>
      await unwrap(
        api.users({ id: user.id }).patch({ status: 'disabled' }, ifMatch(await freshUser(user.id))),
      ),
  })
  if (!isDone) return
  invalidate(...ALL)
  toast(`${nameOfUser(user)} is turned off.`)
}

async function turnOn(user: User): Promise<void> {
  const isDone = await confirmAction({
    title: `Turn on ${nameOfUser(user)}?`,
    message: 'They may log in again, and their keys and rights hold at once.',
    confirm: 'Turn on',
    run: () => unwrap(api.users({ id: user.id }).patch({ status: 'active' })),
  })
  if (!isDone) return
  invalidate(...ALL)
  toast(`${nameOfUser(user)} is turned on.`)
}

async function logOutAll(user: User): Promise<void> {
  const isDone = await confirmAction({
    title: `Log ${nameOfUser(user)} out everywhere?`,
    message: 'They can log in again. API keys go on.',
    confirm: 'Log out',
    run: () => unwrap(api.users({ id: user.id }).sessions.delete()),
  })
  if (!isDone) return
  invalidate(...ALL)
  toast(`${nameOfUser(user)} is logged out everywhere.`)
}

async function remove(user: User): Promise<void> {
  const seen = await freshUser(user.id).catch(() => undefined)
  const isDone = await confirmAction({
    title: `Delete ${nameOfUser(user)}?`,
    message:
      user.issuer === 'local'
        ? 'This cannot be taken back.'
        : `This cannot be taken back. ${user.issuer} can still make them anew at a login: turn them off to keep them out.`,
    confirm: 'Delete user',
    danger: true,
    breaks: seen === undefined ? [] : impactWords(seen.impact),
    ...(seen !== undefined && seen.impact.keys > 0 ? { typeName: user.subject } : {}),
    run: () =>
      unwrap(api.users({ id: user.id }).delete(undefined, seen === undefined ? {} : ifMatch(seen))),
  })
  if (!isDone) return
  setParams({ open: undefined })
  invalidate(...ALL)
  toast(`${nameOfUser(user)} is deleted.`)
}
