// Rules on a whole answer: its texts are judged, what is masked is replaced, and what is blocked leaves an answer without content that says
// so in the client's own words. Placeholders of the request are put back after that. A relayed answer that nothing changes stays as it came.

import type { Guard } from '../../core/guardrail.ts'
import type { AudioBlock, Block } from '../../core/ir/request.ts'
import type { ChatResponse, Choice } from '../../core/ir/response.ts'
import type { JsonValue } from '../../core/json.ts'
import { rewriteValue } from '../../core/json-strings.ts'
import type { Answer } from '../attempt.ts'
import { estimateUsage, tokensInBytes } from '../estimate.ts'
import { upstreamChatCodec } from '../plan.ts'
import type { RequestRecord } from '../record.ts'
import { restoredString, type Edits } from './edits.ts'
import { remains } from './input.ts'
import type { Masking } from './ports.ts'
import type { RequestGuard } from './request-guard.ts'
import { isStructural, responseTexts } from './texts.ts'

/** What of an answer that rules have changed is kept for later. */
export interface GuardedAnswer {
  /** As the provider gave it. */
  readonly from: Answer
  /** Kept for requests that refer to it, with its placeholders; absent: nothing is. */
  readonly kept?: ChatResponse
  /** Its reasoning is what it was. */
  readonly isWhole: boolean
  readonly isBlocked: boolean
}

export interface JudgedResponse {
  readonly response: ChatResponse
  readonly became: 'same' | 'masked' | 'blocked'
}

/**
 * The answer as the rules let it through; a stream goes through them while it comes.
 * @throws GatewayError `guardrail_unavailable`, `client_closed`, `upstream_bad_response` for one that cannot be read
 */
export async function guardAnswer(
  answer: Answer,
  guard: RequestGuard,
  record: RequestRecord,
): Promise<Answer> {
  if (answer.kind === 'stream' || answer.embedding !== undefined) return answer
  if (answer.plan.operation === 'embedding' || !guard.watchesAnswer) return answer
  const decoded = answer.chat ?? upstreamChatCodec(answer.plan).decodeResponse(answer.body ?? {})
  noteBought(answer, decoded, record)
  const { became, response } = await judgeResponse(guard, guard.at('output'), decoded)
  const given =
    guard.restores && became !== 'blocked' ? restoredResponse(response, guard.masking!) : response
  if (given === decoded) return answer
  const { bytes: _bytes, streamed: _streamed, ...rest } = answer
  // What the provider holds of an answer that was changed is not the client's to fetch.
  const isKept = became === 'same' || (became === 'masked' && answer.plan.mode === 'translate')
  return {
    ...rest,
    chat: given,
    guarded: {
      from: answer,
      ...(isKept ? { kept: response } : {}),
      isWhole: became === 'same',
      isBlocked: became === 'blocked',
    },
  }
}

/** It is bought, whatever the rules say of it. */
function noteBought(
  answer: Answer & { kind: 'whole' },
  { usage }: ChatResponse,
  record: RequestRecord,
): void {
  if (usage !== undefined) record.addUsage(usage)
  else if (!record.hasUsage()) {
    const size = answer.bytes?.length ?? answer.streamed?.length ?? 0
    record.addUsage(estimateUsage(record.inbound.bytes.length, tokensInBytes(size)))
  }
}

/** Asks the rules in their order, each about what the ones before have left. @throws GatewayError as `RequestGuard.ask` */
export async function judgeResponse(
  guard: RequestGuard,
  rules: readonly Guard[],
  decoded: ChatResponse,
): Promise<JudgedResponse> {
  let response = decoded
  const heard = soundsIn(decoded)
  for (const one of rules) {
    if (heard.some(isWordless) && guard.refusesUnread(one, 'output')) {
      return { response: emptied(response), became: 'blocked' }
    }
    const follows = await guard.judge(one, 'output', responseTexts(response))
    if (follows === undefined) continue
    if (follows === 'block') return { response: emptied(response), became: 'blocked' }
    response = editedResponse(response, follows)
    const isHeard = heard.some((sound) => saysWhatIsMasked(sound, follows))
    if (!isHeard && !remains(responseTexts(response), follows)) continue
    guard.unmaskable(one, 'output')
    return { response: emptied(response), became: 'blocked' }
  }
  return { response, became: response === decoded ? 'same' : 'masked' }
}

/** What of an answer is spoken. */
export function soundsIn({ choices }: ChatResponse): AudioBlock[] {
  return choices.flatMap(({ blocks }) => blocks.filter(isSound))
}

export function isSound(block: Block): block is AudioBlock {
  return block.type === 'audio' && block.source !== undefined
}

/** Nobody can say what it says. */
export function isWordless({ transcript }: AudioBlock): boolean {
  return transcript === undefined || transcript === ''
}

/** Its words can be masked, and are heard all the same. */
export function saysWhatIsMasked({ transcript = '' }: AudioBlock, edits: Edits): boolean {
  return edits.wholes.has(transcript) || edits.text(transcript) !== transcript
}

/** The answer without anything that was said. */
export function emptied(response: ChatResponse): ChatResponse {
  const { choices, extras: _extras, ...rest } = response
  const kept = choices.length === 0 ? [{ index: 0 }] : choices
  return {
    ...rest,
    choices: kept.map(({ index }) => ({
      index,
      blocks: [],
      finish: { unified: 'content-filter' },
    })),
  }
}

function editedResponse(response: ChatResponse, edits: Edits): ChatResponse {
  const text = (whole: string) => edits.wholes.get(whole) ?? edits.text(whole)
  return changed(response, {
    text,
    json: text,
    value: (value) => edits.value(value),
    // Words of what is replaced, one by one; and a signature of what was said before.
    isOther: true,
  })
}

/** Placeholders put back. */
export function restoredResponse(response: ChatResponse, masking: Masking): ChatResponse {
  return changed(response, {
    text: (text) => masking.restore(text),
    json: (text) => masking.restoreJson(text),
    value: (value) =>
      rewriteValue(value, (text, key) =>
        isStructural(key, text) ? text : restoredString(text, masking),
      ),
    isOther: false,
  })
}

interface Change {
  text(text: string): string
  json(text: string): string
  value(value: JsonValue): JsonValue
  /** What was said about the text before holds no more. */
  readonly isOther: boolean
}

/** The answer with every text changed; the same object where none is. */
function changed(response: ChatResponse, change: Change): ChatResponse {
  let isChanged = false
  const choices = response.choices.map((choice) => {
    const next = changedChoice(choice, change)
    if (next !== choice) isChanged = true
    return next
  })
  const extras = changedValue(response.extras, change)
  if (!isChanged && extras === response.extras) return response
  return { ...response, choices, ...(extras === undefined ? {} : { extras }) }
}

function changedChoice(choice: Choice, change: Change): Choice {
  let isChanged = false
  const blocks = choice.blocks.map((block) => {
    const next = changedBlock(block, change)
    if (next !== block) isChanged = true
    return next
  })
  const extras = changedValue(choice.extras, change)
  if (!isChanged && extras === choice.extras) return choice
  const { logprobs, ...rest } = choice
  return {
    ...rest,
    blocks,
    ...(extras === undefined ? {} : { extras }),
    ...(logprobs === undefined || change.isOther ? {} : { logprobs }),
  }
}

function changedBlock(block: Block, change: Change): Block {
  switch (block.type) {
    case 'text': {
      const text = change.text(block.text)
      const citations = changedValue(block.citations, change)
      const extras = changedValue(block.extras, change)
      if (text === block.text && citations === block.citations && extras === block.extras) {
        return block
      }
      return {
        ...block,
        text,
        ...(citations === undefined ? {} : { citations }),
        ...(extras === undefined ? {} : { extras }),
      }
    }
    case 'refusal': {
      const text = change.text(block.text)
      return text === block.text ? block : { ...block, text }
    }
    case 'thinking': {
      const text = change.text(block.text)
      if (text === block.text) return block
      const { seal, ...rest } = block
      return { ...rest, text, ...(seal === undefined || change.isOther ? {} : { seal }) }
    }
    case 'tool-use': {
      const input = change.json(block.input)
      return input === block.input ? block : { ...block, input }
    }
    default: {
      const value = block as unknown as JsonValue
      return change.value(value) as unknown as Block
    }
  }
}

function changedValue<T>(value: T | undefined, change: Change): T | undefined {
  if (value === undefined) return undefined
  return change.value(value as JsonValue) as T
}
