// One setting, changed while the program runs; its default is a button away. What follows from it is said before it is done.

import { api, ifMatch, unwrap } from '../api.ts'
import { Button } from '../components/button.tsx'
import { Dialog, confirmAction } from '../components/dialog.tsx'
import { Field, Input, Select } from '../components/field.tsx'
import { Form, useForm } from '../components/form.tsx'
import { Notice } from '../components/notice.tsx'
import { toast } from '../components/toast.tsx'
import { invalidate } from '../query.ts'
import type { Setting, SettingsList } from './settings-api.ts'
import { boundsText, valueText } from './words.ts'

/** What a value brings with it, where that is more than it says. */
const WARNINGS: Readonly<Record<string, string>> = {
  'log.requests content':
    'Bodies of requests and answers are kept from now on: whoever may read them sees what people write.',
  'log.requests none': 'Nothing of new requests is kept: they cannot be looked for later.',
  'auth.anonymous never': 'Programs on this machine that send no key are refused from now on.',
  'auth.anonymous loopback': 'Every program on the server’s machine is let in without a key.',
}

interface Props {
  readonly setting: Setting
  /** The list it was seen in: a change by somebody else meanwhile is told. */
  readonly seen: SettingsList
  readonly onClose: () => void
}

export function EditSetting({ onClose, seen, setting }: Props) {
  const { absent, choices, doc, kind, max, min, origin, path, unit, value } = setting
  const form = useForm({ value: value === null ? '' : String(value) })
  const isTruth = kind === 'boolean'
  const options = isTruth ? ['true', 'false'] : choices
  const chosen = form.values.value.value
  const warning = WARNINGS[`${path} ${chosen}`]
  const change = (next: string | number | boolean | null) =>
    unwrap(api.settings.patch({ [path]: next }, ifMatch(seen)))
  const reset = async () => {
    const isDone = await confirmAction({
      title: `Take back the change of ${path}?`,
      message: `It is ${valueText(setting.default) === 'not set' ? (absent ?? 'not set') : valueText(setting.default)} then.`,
      confirm: 'Take back',
      run: () => change(null),
    })
    if (!isDone) return
    invalidate('settings')
    toast(`${path} is as it is by default.`)
    onClose()
  }
  return (
    <Dialog title={<>Change {path}</>} onClose={onClose} size="small">
      <Form
        form={form}
        submit="Change setting"
        onCancel={onClose}
        invalidates={['settings']}
        extra={
          origin === 'store' && (
            <Button variant="ghost" onClick={() => void reset()}>
              Take back
            </Button>
          )
        }
        onSubmit={() => change(valueOf(kind, chosen))}
        onDone={() => {
          toast(`${path} is changed, on every replica.`)
          onClose()
        }}
      >
        <Field
          label="Value"
          name={path}
          hint={[doc.replaceAll('`', ''), boundsText(min, max, unit)].filter(Boolean).join(' ')}
          required
        >
          {options === null ? (
            <Input {...form.bind('value')} placeholder={absent ?? ''} />
          ) : (
            <Select {...form.bind('value')} options={[...options]} />
          )}
        </Field>
        {warning !== undefined && <Notice tone="warn">{warning}</Notice>}
      </Form>
    </Dialog>
  )
}

function valueOf(kind: Setting['kind'], text: string): string | number | boolean {
  if (kind === 'boolean') return text === 'true'
  const isNumber = kind === 'integer' || kind === 'number'
  return isNumber && text.trim() !== '' && !Number.isNaN(Number(text)) ? Number(text) : text.trim()
}
