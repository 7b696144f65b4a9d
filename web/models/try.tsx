// One real request to a model, to see that it answers, who did and what it cost. It is logged and counted like any other.

import { useSignal } from '@preact/signals'
import { ask, problemOfResponse } from '../api.ts'
import { Button } from '../components/button.tsx'
import { Field, Input } from '../components/field.tsx'
import { Notice } from '../components/notice.tsx'
import { Facts, Panel } from '../components/page.tsx'
import { Duration, Money, PlainText } from '../components/values.tsx'
import { useAction } from '../query.ts'
import { Link } from '../router.tsx'
import { can } from '../session.ts'

interface Completion {
  readonly choices?: readonly { readonly message?: { readonly content?: string | null } }[]
}

interface Answered {
  readonly text: string
  readonly ms: number
  readonly provider: string | null
  readonly model: string | null
  readonly mode: string | null
  readonly attempts: string | null
  readonly usd: number | null
  readonly requestId: string | null
}

export function TryPanel({ id }: { id: string }) {
  const question = useSignal('Say hello in five words.')
  const answer = useSignal<Answered | undefined>(undefined)
  const trying = useAction(async () => {
    answer.value = undefined
    answer.value = await tryModel(id, question.peek())
  })
  const problem = trying.problem.value
  const { value } = answer
  return (
    <Panel title="Try it" hint="Sends one request, which counts like any other.">
      <form
        class="stack"
        onSubmit={(event) => {
          event.preventDefault()
          void trying.run()
        }}
      >
        <div class="try-row">
          <Field label="Question" required>
            <Input value={question.value} onValue={(text) => (question.value = text)} />
          </Field>
          <Button type="submit" icon="send" pending={trying.pending.value}>
            Send
          </Button>
        </div>
        {problem !== undefined && (
          <Notice tone="bad" title={`It did not answer (${problem.status || 'no answer'})`} focus>
            {problem.detail}
          </Notice>
        )}
        {value !== undefined && (
          <div class="stack" role="status">
            <PlainText>{value.text === '' ? '(an empty answer)' : value.text}</PlainText>
            <Facts
              items={[
                ['Answered by', `${value.provider ?? '?'}/${value.model ?? '?'}`],
                ['Time', <Duration key="d" ms={value.ms} />],
                ['Cost', <Money key="m" usd={value.usd} />],
                ['Attempts', value.attempts ?? '?'],
                ['Way', value.mode ?? '?'],
                value.requestId === null || !can('request.read')
                  ? undefined
                  : [
                      'Request',
                      <Link key="r" href={`/ui/requests/${encodeURIComponent(value.requestId)}`}>
                        {value.requestId}
                      </Link>,
                    ],
              ]}
            />
          </div>
        )}
      </form>
    </Panel>
  )
}

async function tryModel(model: string, question: string): Promise<Answered> {
  const startedMs = performance.now()
  const answer = await ask('/admin/playground/chat/completions', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ model, messages: [{ role: 'user', content: question }] }),
  })
  if (!answer.ok) throw await problemOfResponse(answer)
  const { choices } = (await answer.json()) as Completion
  const header = (name: string) => answer.headers.get(name)
  const cost = header('x-weir-cost-usd')
  return {
    text: choices?.[0]?.message?.content ?? '',
    ms: performance.now() - startedMs,
    provider: header('x-weir-provider'),
    model: header('x-weir-model'),
    mode: header('x-weir-mode'),
    attempts: header('x-weir-attempts'),
    usd: cost === null ? null : Number(cost),
    requestId: header('x-request-id'),
  }
}
