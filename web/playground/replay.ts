// A request of the log as a conversation that can be had again: what was said, what is set, and what would be said next. It reads bodies of Chat
// Completions and what it can of the other protocols'; it asks nobody.

import { newId } from './state.ts'
import {
  EFFORTS,
  NEW_STEP,
  NO_SETTINGS,
  type Picture,
  type Settings,
  type Step,
  type Turn,
} from './types.ts'

export interface Replay {
  readonly model: string | undefined
  readonly settings: Settings
  /** All but the last thing that was said, which is to be said anew. */
  readonly turns: readonly Turn[]
  readonly text: string
  readonly pictures: readonly Picture[]
}

type Members = Readonly<Record<string, unknown>>

/**
 * @param bodies of one request, the client's first; null is what was not kept
 * @param column whose answers the earlier ones are to be
 * @returns undefined where none of them can be read as a conversation
 */
export function replayOf(bodies: readonly (string | null)[], column: string): Replay | undefined {
  for (const text of bodies) {
    const body = text === null ? undefined : parsed(text)
    const said = body === undefined ? [] : messagesIn(body)
    if (body !== undefined && said.length > 0) return conversation(body, said, column)
  }
  return undefined
}

function parsed(text: string): Members | undefined {
  try {
    return membersOf(JSON.parse(text))
  } catch (thrown) {
    if (!(thrown instanceof SyntaxError)) throw thrown
    return undefined
  }
}

function membersOf(value: unknown): Members | undefined {
  const isObject = typeof value === 'object' && value !== null && !Array.isArray(value)
  return isObject ? (value as Members) : undefined
}

const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : [])
const textOf = (value: unknown): string => (typeof value === 'string' ? value : '')
const numberOf = (value: unknown): number | null => (typeof value === 'number' ? value : null)

/** `messages` of most protocols, `contents` of Gemini's, `input` of Responses, `prompt` of completions. */
function messagesIn(body: Members): readonly Members[] {
  const { contents, input, messages, prompt } = body
  const list = [messages, contents, input].map(listOf).find(({ length }) => length > 0)
  const found = (list ?? []).map(membersOf).filter((each) => each !== undefined)
  if (found.length > 0) return found
  const text = textOf(input) || textOf(prompt)
  return text === '' ? [] : [{ role: 'user', content: text }]
}

function conversation(body: Members, said: readonly Members[], column: string): Replay {
  const model = textOf(body['model'])
  const system: string[] = [contentText(body['system']), textOf(body['instructions'])]
  const turns: { text: string; pictures: readonly Picture[]; steps: Step[] }[] = []
  for (const message of said) {
    const role = textOf(message['role'])
    const content = message['content'] ?? message['parts']
    if (role === 'system' || role === 'developer') system.push(contentText(content))
    else if (role === 'assistant' || role === 'model') {
      turns.at(-1)?.steps.push({
        ...NEW_STEP,
        state: 'done',
        text: contentText(content),
        calls: callsOf(message['tool_calls']),
      })
    } else if (role === 'tool') addResult(turns.at(-1)?.steps, message)
    else turns.push({ text: contentText(content), pictures: picturesOf(content), steps: [] })
  }
  const last = turns.at(-1)
  // What was answered already stays as it is; what was not is to be said anew.
  const isOpen = last !== undefined && last.steps.length === 0
  return {
    model: model === '' ? undefined : model,
    settings: settingsOf(body, system.filter((text) => text !== '').join('\n\n')),
    turns: (isOpen ? turns.slice(0, -1) : turns).map(({ pictures, steps, text }) => ({
      id: newId(),
      text,
      pictures,
      answers: { [column]: { model, steps } },
    })),
    text: isOpen ? last.text : '',
    pictures: isOpen ? last.pictures : [],
  }
}

function contentText(content: unknown): string {
  if (typeof content === 'string') return content
  return listOf(content)
    .map((part) => textOf(membersOf(part)?.['text']))
    .filter((text) => text !== '')
    .join('\n')
}

/** Pictures that are in the body itself; one at an address elsewhere is not fetched. */
function picturesOf(content: unknown): readonly Picture[] {
  return listOf(content).flatMap((part, at): Picture[] => {
    const block = membersOf(part) ?? {}
    const link = membersOf(block['image_url'])?.['url'] ?? block['image_url']
    const source = membersOf(block['source'])
    const url =
      source === undefined
        ? textOf(link)
        : `data:${textOf(source['media_type'])};base64,${textOf(source['data'])}`
    return url.startsWith('data:image/') ? [{ name: `picture ${at + 1}`, url }] : []
  })
}

function callsOf(list: unknown): Step['calls'] {
  return listOf(list).map((each, at) => {
    const call = membersOf(each) ?? {}
    const named = membersOf(call['function']) ?? {}
    return {
      id: textOf(call['id']) || `call_${at}`,
      name: textOf(named['name']),
      args: textOf(named['arguments']),
    }
  })
}

function addResult(steps: Step[] | undefined, message: Members): void {
  const last = steps?.at(-1)
  if (steps === undefined || last === undefined) return
  const id = textOf(message['tool_call_id'])
  const results = { ...last.results, [id]: contentText(message['content']) }
  steps.splice(-1, 1, { ...last, results })
}

function settingsOf(body: Members, system: string): Settings {
  const format = membersOf(body['response_format'])
  const kind = format?.['type']
  const effort = EFFORTS.find((each) => each === body['reasoning_effort'])
  const choice = body['tool_choice']
  const tools = listOf(body['tools'])
  const stop = body['stop'] ?? body['stop_sequences']
  return {
    ...NO_SETTINGS,
    system,
    temperature: numberOf(body['temperature']),
    maxTokens: numberOf(body['max_completion_tokens']) ?? numberOf(body['max_tokens']),
    topP: numberOf(body['top_p']),
    seed: numberOf(body['seed']),
    stop: (typeof stop === 'string' ? [stop] : listOf(stop)).map(textOf),
    effort: effort ?? '',
    format: kind === 'json_object' || kind === 'json_schema' ? kind : 'text',
    schema: kind === 'json_schema' ? JSON.stringify(format?.['json_schema'], null, 2) : '',
    tools: tools.length === 0 ? '' : JSON.stringify(tools.map(asTool), null, 2),
    toolChoice: choice === 'none' || choice === 'required' ? choice : '',
    stream: body['stream'] === true,
  }
}

/** Anthropic's tools name their schema otherwise. */
function asTool(tool: unknown): unknown {
  const { input_schema: parameters, ...rest } = membersOf(tool) ?? {}
  return parameters === undefined ? tool : { ...rest, parameters }
}
