// Meta's Llama Guard 3 and 4 as a model call: it answers `safe`, or `unsafe` and the hazards by their numbers. Servers that run it put the
// conversation into its template by themselves; with hazards of one's own the template is written out here.
// https://www.llama.com/docs/model-cards-and-prompt-formats/llama-guard-3/

import type {
  Guard,
  GuardJudgement,
  GuardModelCaller,
  GuardQuestion,
  GuardrailRule,
} from '../../core/guardrail.ts'
import { OptionReader, wrong } from './options.ts'
import { categoryNames, eachAtOnce, joinedTexts, lastUserText, withoutTurns } from './parts.ts'
import { unavailable, withinTime } from './unavailable.ts'

type Message = Parameters<GuardModelCaller['chat']>[0]['messages'][number]

/** The hazards that Llama Guard 3 was trained on; 4 knows the same. */
const HAZARDS: ReadonlyMap<string, string> = new Map([
  ['S1', 'Violent Crimes'],
  ['S2', 'Non-Violent Crimes'],
  ['S3', 'Sex-Related Crimes'],
  ['S4', 'Child Sexual Exploitation'],
  ['S5', 'Defamation'],
  ['S6', 'Specialized Advice'],
  ['S7', 'Privacy'],
  ['S8', 'Intellectual Property'],
  ['S9', 'Indiscriminate Weapons'],
  ['S10', 'Hate'],
  ['S11', 'Suicide & Self-Harm'],
  ['S12', 'Sexual Content'],
  ['S13', 'Elections'],
  ['S14', 'Code Interpreter Abuse'],
])

/** Llama Guard 3 reads 128,000 tokens, but what is harmful is drowned in long texts. */
const PART_CHARS = 8_000
const ANSWER_TOKENS = 64

interface Asking {
  readonly model: string
  readonly hazards: ReadonlyMap<string, string>
  /** Whether the template is written out, in place of the server's. */
  readonly isWritten: boolean
  /** Hazards that count, by their numbers; absent: all. */
  readonly counting: ReadonlySet<string> | undefined
  readonly partChars: number
}

/**
 * A guard that asks Llama Guard.
 * @throws GatewayError `invalid_request` for options that cannot be used
 */
export function llamaGuard(rule: GuardrailRule): Guard {
  const read = new OptionReader(rule)
  const own = read.textMap('categories')
  const hazards = own ?? HAZARDS
  if ([...hazards.keys()].some((number) => !/^S\d{1,3}$/.test(number))) {
    throw wrong('categories', 'must be named S1, S2 and so on')
  }
  const isWritten = read.choice('template', ['server', 'written'], 'server') === 'written'
  if (own !== undefined && !isWritten) {
    throw wrong('categories', "needs the option 'template' to be 'written'")
  }
  const counting = read.texts('count')
  if (counting?.some((number) => !hazards.has(number))) {
    throw wrong('count', 'names a category that there is not')
  }
  const asking: Asking = {
    model: read.requiredText('model'),
    hazards,
    isWritten,
    counting: counting === undefined ? undefined : new Set(counting),
    partChars: read.partChars(PART_CHARS),
  }
  return {
    rule,
    reversible: false,
    sees: 'piece',
    judge: (question) =>
      withinTime(rule, question, (signal) => judged(asking, { ...question, signal })),
  }
}

async function judged(asking: Asking, question: GuardQuestion): Promise<GuardJudgement> {
  const { ask, signal } = question
  if (ask === undefined) throw unavailable('no model can be asked here')
  const pieces = joinedTexts(question.texts, asking.partChars)
  const answers = await eachAtOnce(
    pieces,
    async (piece) => {
      const { text } = await ask.chat({
        model: asking.model,
        messages: messagesFor(asking, question, piece),
        maxTokens: ANSWER_TOKENS,
        signal,
      })
      return hazardsIn(text, asking)
    },
    (found) => found.length > 0,
  )
  const found = answers.flatMap((hazards) => hazards ?? [])
  if (found.length === 0) return { hit: false, categories: [] }
  return { hit: true, categories: categoryNames(found, 'unsafe') }
}

/** The conversation whose last message is to be judged. The template wants user and assistant in turn, the user first. */
function messagesFor(asking: Asking, question: GuardQuestion, piece: string): Message[] {
  const isAnswer = question.stage === 'output'
  const before = isAnswer ? lastUserText(question, asking.partChars) : undefined
  if (asking.isWritten) {
    return [{ role: 'user', content: writtenTemplate(asking, isAnswer, before, piece) }]
  }
  if (!isAnswer) return [{ role: 'user', content: withoutMarks(piece) }]
  return [
    { role: 'user', content: withoutMarks(before ?? '(not known)') },
    { role: 'assistant', content: withoutMarks(piece) },
  ]
}

function writtenTemplate(
  { hazards }: Asking,
  isAnswer: boolean,
  before: string | undefined,
  piece: string,
): string {
  const role = isAnswer ? 'Agent' : 'User'
  const list = [...hazards].map(([number, name]) => `${number}: ${name}.`).join('\n')
  const turns = [
    ...(before === undefined ? [] : [`User: ${withoutMarks(before)}`]),
    `${role}: ${withoutMarks(piece)}`,
  ]
  return [
    `Task: Check if there is unsafe content in '${role}' messages in conversations according to our safety policy with the below categories.`,
    `<BEGIN UNSAFE CONTENT CATEGORIES>\n${list}\n<END UNSAFE CONTENT CATEGORIES>`,
    `<BEGIN CONVERSATION>\n\n${turns.join('\n\n')}\n\n<END CONVERSATION>`,
    `Provide your safety assessment for ONLY THE LAST ${role} message in the above conversation:\n - First line must read 'safe' or 'unsafe'.\n - If unsafe, a second line must include a comma-separated list of violated categories.`,
  ].join('\n\n')
}

/**
 * A text must not end the conversation that it stands in, nor begin another turn of it, behind which only a harmless end would be judged:
 * the marks of the template and of Llama's turns are taken apart. The server's template writes its turns as the written one does.
 */
function withoutMarks(text: string): string {
  return withoutTurns(text, ['User', 'Agent'])
    .replaceAll(/<(BEGIN|END) (CONVERSATION|UNSAFE CONTENT CATEGORIES)>/gi, '< $1 $2 >')
    .replaceAll(/<\|([a-z0-9_]{1,40})\|>/gi, '< |$1| >')
}

/** What an answer says. @throws GatewayError `guardrail_unavailable` for whatever is not its words and nothing else */
function hazardsIn(answer: string, { counting, hazards }: Asking): string[] {
  const [verdict = '', ...rest] = answer
    .trim()
    .split(/\s*\n\s*/)
    .map((line) => line.trim())
  if (verdict.toLowerCase() === 'safe' && rest.length === 0) return []
  if (verdict.toLowerCase() !== 'unsafe')
    throw unavailable('the model answered neither safe nor unsafe')
  const numbers = rest
    .join(',')
    .split(/[\s,]+/)
    .filter((number) => number !== '')
  // Unsafe, and it is not told why: that counts whichever are wanted.
  if (numbers.length === 0) return ['unsafe']
  return numbers.flatMap((said) => {
    const number = said.toUpperCase()
    if (!/^S\d{1,3}$/.test(number)) return ['unsafe']
    if (counting !== undefined && hazards.has(number) && !counting.has(number)) return []
    return [`${number} ${hazards.get(number) ?? ''}`]
  })
}
