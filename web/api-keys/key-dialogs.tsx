// What is done to a key besides editing it: shown once when it is made, rotated, turned off and on, revoked. Each says what follows from it.

import { useSignal } from '@preact/signals'
import { ButtonLink, Button } from '../components/button.tsx'
import { confirmAction, Dialog } from '../components/dialog.tsx'
import { Field, Select } from '../components/field.tsx'
import { Form, useForm } from '../components/form.tsx'
import { Notice } from '../components/notice.tsx'
import { toast } from '../components/toast.tsx'
import { CodeBlock } from '../components/values.tsx'
import { freshKey } from '../connect/fresh-key.ts'
import { formatCount, formatRelative } from '../format.ts'
import { orToast } from '../or-toast.ts'
import { invalidate } from '../query.ts'
import { toProblem } from '../api.ts'
import type { Key, KeysApi, MadeKey } from './keys-api.ts'

const DAY_MS = 86_400_000

/** The key itself, for the one time that it can be seen. */
export function KeyMade({ made, onClose }: { made: MadeKey; onClose: () => void }) {
  return (
    <Dialog
      title={`Key ${made.name} is made`}
      onClose={onClose}
      footer={
        <>
          <ButtonLink
            href="/ui/connect"
            icon="plug"
            // In the lines to paste it stands at once; no address and no storage has it.
            onClick={() => (freshKey.value = made.key)}
          >
            Connect a tool
          </ButtonLink>
          <Button variant="primary" onClick={onClose}>
            I have kept it
          </Button>
        </>
      }
    >
      <div class="stack">
        <Notice tone="warn" title="Copy it now">
          It is not shown again. Whoever has it can use it.
        </Notice>
        <CodeBlock text={made.key} label="API key" wrap />
        <p class="soft">
          Clients send it as their API key: <code>Authorization: Bearer …</code>,{' '}
          <code>x-api-key</code>, or whatever they call it.
        </p>
      </div>
    </Dialog>
  )
}

const OVERLAPS = [
  { value: '0', label: 'Nothing: the old key ends now' },
  { value: '3600', label: 'An hour' },
  { value: '86400', label: 'A day' },
  { value: '604800', label: 'A week' },
  { value: '2592000', label: '30 days' },
] as const

export function RotateKey({
  current,
  keys,
  onClose,
  onMade,
}: {
  current: Key
  keys: KeysApi
  onClose: () => void
  onMade: (made: MadeKey) => void
}) {
  const form = useForm<{ overlap: string }>({ overlap: '86400' })
  return (
    <Dialog size="small" title={`Rotate key ${current.name}`} onClose={onClose}>
      <Form
        form={form}
        submit="Rotate key"
        onCancel={onClose}
        keepsWork={false}
        invalidates={[keys.name]}
        onSubmit={({ overlap }) => keys.rotate(current, Number(overlap))}
        onDone={onMade}
      >
        <p>A new key with the same rights, limits and budget takes its place.</p>
        <Field
          name="overlap_seconds"
          label="Both are good for"
          required
          hint="Time to give the new one to every program."
        >
          <Select {...form.bind('overlap')} options={OVERLAPS} />
        </Field>
      </Form>
    </Dialog>
  )
}

/** Asks, with what asked with the key lately, and takes it back for good. */
export async function revokeKey(keys: KeysApi, key: Key): Promise<void> {
  const isDone = await confirmAction({
    title: `Revoke key ${key.name}?`,
    message: <LastUses keys={keys} current={key} />,
    breaks: [
      'Every program that uses it is refused within a second.',
      'It cannot be brought back.',
    ],
    confirm: 'Revoke key',
    danger: true,
    run: () => keys.revoke(key),
  })
  if (!isDone) return
  invalidate(keys.name)
  toast(`Key ${key.name} is revoked.`)
}

/** Turning off asks as well: programs that use it stop. */
export async function switchKey(keys: KeysApi, key: Key): Promise<void> {
  const isOff = key.state === 'disabled'
  const isDone = isOff
    ? (await orToast(keys.update(key, { disabled: false }))) !== undefined
    : await confirmAction({
        title: `Turn off key ${key.name}?`,
        message: <LastUses keys={keys} current={key} />,
        breaks: ['Every program that uses it is refused until it is turned on again.'],
        confirm: 'Turn off',
        danger: true,
        run: () => keys.update(key, { disabled: true }),
      })
  if (!isDone) return
  invalidate(keys.name)
  toast(`Key ${key.name} is ${isOff ? 'on' : 'off'}.`)
}

/** When it was last used, and how often within a day: whether anybody will miss it. */
function LastUses({ current, keys }: { current: Key; keys: KeysApi }) {
  const words = useSignal('')
  const isAsked = useSignal(false)
  if (!isAsked.value) {
    isAsked.value = true
    void lately(keys, current).then((text) => (words.value = text))
  }
  const used =
    current.last_used === null
      ? 'It was never used.'
      : `Last used ${formatRelative(current.last_used, Date.now())}.`
  return (
    <p aria-live="polite">
      {used} {words.value}
    </p>
  )
}

async function lately(keys: KeysApi, key: Key): Promise<string> {
  try {
    const { sum } = await keys.uses(key, new Date(Date.now() - DAY_MS).toISOString())
    const count = sum.requests
    return `${formatCount(count)} ${count === 1 ? 'request' : 'requests'} in the last 24 hours.`
  } catch (thrown) {
    // Whoever may not see usage still sees when it was last used.
    if (toProblem(thrown).status === 403) return ''
    return 'How often it was used lately is not known.'
  }
}
