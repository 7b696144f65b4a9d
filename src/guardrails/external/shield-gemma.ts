// Google's ShieldGemma as a model call: for each policy one question, whose answer begins with Yes (a violation) or No. Where the server tells
// probabilities of the first token, the share of Yes is compared with a threshold; else the word itself counts.
// https://ai.google.dev/gemma/docs/shieldgemma

import type { Guard, GuardJudgement, GuardQuestion, GuardrailRule } from '../../core/guardrail.ts'
import { OptionReader, wrong } from './options.ts'
import { categoryNames, eachAtOnce, joinedTexts, lastUserText, withoutTurns } from './parts.ts'
import { unavailable, withinTime } from './unavailable.ts'

interface Policy {
  readonly name: string
  /** What shall not be, after "The prompt" or "The chatbot". */
  readonly input: string
  readonly output: string
}

function policy(name: string, title: string, what: string): Policy {
  return {
    name,
    input: `* "${title}": The prompt shall not contain or seek generation of content that ${what}`,
    output: `* "${title}": The chatbot shall not generate content that ${what}`,
  }
}

/** Those it was trained on, in the words it was trained on. */
const POLICIES: readonly Policy[] = [
  policy(
    'dangerous_content',
    'No Dangerous Content',
    'harms oneself and/or others (e.g., accessing or building firearms and explosive devices, promotion of terrorism, instructions for suicide).',
  ),
  policy(
    'harassment',
    'No Harassment',
    'is malicious, intimidating, bullying, or abusive content targeting another individual (e.g., physical threats, denial of tragic events, disparaging victims of violence).',
  ),
  policy(
    'hate_speech',
    'No Hate Speech',
    'targets identity and/or protected attributes (e.g., racial slurs, promotion of discrimination, calls to violence against protected groups).',
  ),
  policy(
    'sexually_explicit',
    'No Sexually Explicit Information',
    'contains references to sexual acts or other lewd content (e.g., sexually graphic descriptions, content aimed at causing arousal).',
  ),
]

/** It reads 8,192 tokens. */
const PART_CHARS = 8_000
const ANSWER_TOKENS = 4
/** Alternatives of the first token that are asked for: Yes and No are among the first few where it is a ShieldGemma. */
const ALTERNATIVES = 5

/** Of Yes and No together: a model that wants to say something else was not asked, or was talked into it. */
const SHARE_MIN = 0.1

interface Asking {
  readonly model: string
  readonly policies: readonly Policy[]
  readonly threshold: number
  readonly usesLogprobs: boolean
  readonly partChars: number
}

/**
 * A guard that asks ShieldGemma.
 * @throws GatewayError `invalid_request` for options that cannot be used
 */
export function shieldGemmaGuard(rule: GuardrailRule): Guard {
  const read = new OptionReader(rule)
  const asking: Asking = {
    model: read.requiredText('model'),
    policies: policiesOf(read),
    threshold: read.number('threshold', { min: 0, max: 1, default: 0.5 }),
    usesLogprobs: read.boolean('logprobs', true),
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

function policiesOf(read: OptionReader): readonly Policy[] {
  const own = read.textMap('policies')
  const names = read.texts('built_in')
  const builtIn = names?.map((name) => {
    const found = POLICIES.find((one) => one.name === name)
    if (found === undefined) throw wrong('built_in', 'names a policy that there is not')
    return found
  })
  const written = [...(own ?? [])].map(([name, text]) => ({ name, input: text, output: text }))
  return [...(builtIn ?? (own === undefined ? POLICIES : [])), ...written]
}

async function judged(asking: Asking, question: GuardQuestion): Promise<GuardJudgement> {
  const pieces = joinedTexts(question.texts, asking.partChars)
  const questions = pieces.flatMap((piece) => asking.policies.map((one) => ({ piece, one })))
  const isViolation = (score: number) => score >= asking.threshold
  const scores = await eachAtOnce(
    questions,
    ({ one, piece }) => scoreOf(asking, question, piece, one),
    isViolation,
  )
  const found = questions.filter((_, at) => isViolation(scores[at] ?? -1))
  const score = Math.max(0, ...scores.map((one) => one ?? 0))
  if (found.length === 0) return { hit: false, categories: [], score }
  return {
    hit: true,
    categories: categoryNames(
      found.map(({ one }) => one.name),
      'violation',
    ),
    score,
  }
}

async function scoreOf(
  { model, partChars, usesLogprobs }: Asking,
  question: GuardQuestion,
  piece: string,
  one: Policy,
): Promise<number> {
  const { ask, signal, stage } = question
  if (ask === undefined) throw unavailable('no model can be asked here')
  const prompt =
    stage === 'output'
      ? answerPrompt(one, lastUserText(question, partChars >> 1) ?? '', piece)
      : questionPrompt(one, piece)
  const { first, text } = await ask.chat({
    model,
    messages: [{ role: 'user', content: prompt }],
    maxTokens: ANSWER_TOKENS,
    ...(usesLogprobs ? { logprobs: ALTERNATIVES } : {}),
    signal,
  })
  return shareOfYes(first ?? []) ?? wordScore(text)
}

/** P(Yes) among Yes and No; undefined where the model would hardly say either: then its word has to be one. */
function shareOfYes(
  first: readonly { readonly token: string; readonly logprob: number }[],
): number | undefined {
  let yes = 0
  let no = 0
  for (const { logprob, token } of first) {
    const word = token.replaceAll(/[^\p{L}]/gu, '').toLowerCase()
    const share = Math.exp(Math.min(0, logprob))
    if (word === 'yes') yes += share
    else if (word === 'no') no += share
  }
  return yes + no >= SHARE_MIN ? yes / (yes + no) : undefined
}

function wordScore(text: string): number {
  const [word] = /^\p{L}+/u.exec(text.trim().replace(/^[^\p{L}]+/u, '')) ?? []
  if (word?.toLowerCase() === 'yes') return 1
  if (word?.toLowerCase() === 'no') return 0
  throw unavailable('the model answered neither Yes nor No')
}

function questionPrompt({ input }: Policy, text: string): string {
  return `You are a policy expert trying to help determine whether a user prompt is in violation of the defined safety policies.

<start_of_turn>
Human Question: ${withoutMarks(text)}
<end_of_turn>

Our safety principle is defined in the below:

${input}

Does the human question violate the above principle? Your answer must start with 'Yes' or 'No'. And then walk through step by step to be sure we answer correctly.`
}

function answerPrompt({ output }: Policy, asked: string, text: string): string {
  return `You are a policy expert trying to help determine whether an AI response to a prompt is in violation of the defined safety policies.

<start_of_turn>
Human Question: ${withoutMarks(asked)}
<end_of_turn>

<start_of_turn>
Chatbot Response: ${withoutMarks(text)}
<end_of_turn>

Our safety principle is defined in the below:

${output}

Does the chatbot response violate the above principle? Your answer must start with 'Yes' or 'No'. And then walk through step by step to be sure we answer correctly.`
}

/** A text must not end the turn that it stands in, nor begin another. */
function withoutMarks(text: string): string {
  return withoutTurns(text, ['Human Question', 'Chatbot Response'])
    .replaceAll(/<(start_of_turn|end_of_turn|bos|eos)>/gi, '< $1 >')
    .trim()
}
