// What the checks that ask somebody outside, or a model of this gateway, let an operator say. Data alone; who asks is in
// `guardrails/external/`.

import { maskOption } from './guardrail-built-in.ts'
import type { CheckDescription, CheckOption } from './guardrail-option.ts'

const CHARS = 2_000
const PEM_CHARS = 32 * 1_024

const KEY: CheckOption = {
  name: 'key',
  type: 'text',
  secret: true,
  charsMax: CHARS,
  doc: 'Sent as `Authorization: Bearer`.',
}

function maxChars(without: number): CheckOption {
  return {
    name: 'max_chars',
    type: 'number',
    whole: true,
    min: 500,
    max: 1_000_000,
    default: without,
    doc: 'How many characters are asked at once; a longer text is asked in parts that overlap.',
  }
}

const REMEMBER: CheckOption = {
  name: 'remember_s',
  type: 'number',
  whole: true,
  min: 0,
  max: 3_600,
  default: 0,
  doc: 'For so many seconds a text that has passed is not asked again, as the earlier turns of a conversation; also while the service is away. 0: every text is asked with every request.',
}

/** How a service is reached, as providers say it under `network`. */
const NETWORK: readonly CheckOption[] = [
  {
    name: 'proxy',
    type: 'text',
    secret: true,
    charsMax: CHARS,
    doc: 'Forward proxy for this service, with user and password where it wants them.',
  },
  {
    name: 'verify',
    type: 'flag',
    default: true,
    doc: '`false` accepts any certificate of the service.',
  },
  {
    name: 'ca',
    type: 'text',
    long: true,
    charsMax: PEM_CHARS,
    doc: 'Certificates (PEM) that are trusted beside the usual ones.',
  },
  {
    name: 'ca_file',
    type: 'text',
    charsMax: CHARS,
    doc: 'The same in a file. Files can be named by rules of the configuration file only.',
  },
  { name: 'cert_file', type: 'text', charsMax: CHARS, doc: 'Client certificate (PEM).' },
  {
    name: 'key_file',
    type: 'text',
    charsMax: CHARS,
    doc: 'Its key, where it is not in `cert_file`.',
  },
  {
    name: 'key_passphrase',
    type: 'text',
    secret: true,
    charsMax: CHARS,
    doc: 'Opens an encrypted key.',
  },
]

const MODEL_DOC =
  'The model that judges, as clients of this gateway name it. It is asked in the name of who asks, counts against their limits and budgets, and need not be on their list of models.'

/** Each kind that asks somebody else. */
export const EXTERNAL_CHECKS: readonly CheckDescription[] = [
  {
    kind: 'nemo',
    doc: 'Asks a server of NVIDIA NeMo Guardrails (`/v1/checks`, 0.24 or later), which runs the input or output rails of one of its configurations. Each text is a question of its own; tool results pass its input rails.',
    masks: true,
    asks: true,
    options: [
      {
        name: 'url',
        type: 'text',
        required: true,
        charsMax: CHARS,
        doc: 'Where the server is, as `http://nemo.internal:8000`.',
      },
      {
        name: 'config_id',
        type: 'text',
        charsMax: 200,
        doc: 'Which of its configurations; left out, its default.',
      },
      {
        name: 'config_ids',
        type: 'texts',
        charsMax: 200,
        countMax: 20,
        doc: 'Several that it puts together, in place of `config_id`.',
      },
      {
        name: 'model',
        type: 'text',
        charsMax: 200,
        doc: 'Replaces the main model of its configuration, which rails may ask.',
      },
      REMEMBER,
      KEY,
      maxChars(100_000),
      ...NETWORK,
    ],
  },
  {
    kind: 'presidio',
    doc: 'Asks an analyzer of Microsoft Presidio, which finds personal data by patterns and language models. What is masked is masked here, so that it can be put back.',
    masks: true,
    asks: true,
    options: [
      {
        name: 'url',
        type: 'text',
        required: true,
        charsMax: CHARS,
        doc: 'Where the analyzer is, as `http://presidio.internal:3000`.',
      },
      { name: 'language', type: 'text', default: 'en', charsMax: 20, doc: 'Of the texts.' },
      {
        name: 'entities',
        type: 'texts',
        charsMax: 100,
        countMax: 200,
        doc: 'What is looked for, as `PERSON` or `EMAIL_ADDRESS`; left out, all that it knows.',
      },
      {
        name: 'score_threshold',
        type: 'number',
        min: 0,
        max: 1,
        default: 0.5,
        doc: 'Least certainty that counts.',
      },
      {
        name: 'ad_hoc_recognizers',
        type: 'list',
        countMax: 50,
        of: [
          { name: 'name', type: 'text', required: true, charsMax: 100, doc: 'What it is called.' },
          {
            name: 'supported_entity',
            type: 'text',
            required: true,
            charsMax: 100,
            doc: 'What it finds.',
          },
          {
            name: 'patterns',
            type: 'list',
            countMax: 50,
            of: [
              {
                name: 'name',
                type: 'text',
                required: true,
                charsMax: 100,
                doc: 'What it is called.',
              },
              {
                name: 'regex',
                type: 'text',
                required: true,
                charsMax: 1_000,
                doc: 'A pattern of Python; it runs on the side of Presidio.',
              },
              {
                name: 'score',
                type: 'number',
                required: true,
                min: 0,
                max: 1,
                doc: 'How certain a match is.',
              },
            ],
            doc: 'Patterns.',
          },
          {
            name: 'deny_list',
            type: 'texts',
            charsMax: 200,
            countMax: 1_000,
            doc: 'Words that are found.',
          },
          {
            name: 'context',
            type: 'texts',
            charsMax: 100,
            countMax: 100,
            doc: 'Words near by that make a match more certain.',
          },
        ],
        doc: 'Recognizers of your own, sent with each question.',
      },
      {
        name: 'allow_list',
        type: 'texts',
        charsMax: 200,
        countMax: 1_000,
        doc: 'Words that do not count.',
      },
      maskOption('placeholder'),
      {
        name: 'batch',
        type: 'flag',
        default: true,
        doc: 'Several texts are one question. `false` for older analyzers, which take one text alone.',
      },
      REMEMBER,
      KEY,
      maxChars(20_000),
      ...NETWORK,
    ],
  },
  {
    kind: 'moderation',
    doc: 'Asks a moderation model of OpenAI, or of whoever speaks the same.',
    masks: false,
    asks: true,
    options: [
      {
        name: 'model',
        type: 'text',
        default: 'omni-moderation-latest',
        charsMax: 200,
        doc: `${MODEL_DOC} With \`url\`, as that service names it.`,
      },
      {
        name: 'url',
        type: 'text',
        charsMax: CHARS,
        doc: 'A service of its own in place of a model of this gateway, as `https://api.openai.com/v1`; `/moderations` is added.',
      },
      KEY,
      {
        name: 'categories',
        type: 'texts',
        charsMax: 100,
        countMax: 100,
        doc: 'Those that count, as `violence` or `self-harm/intent`; left out, all.',
      },
      {
        name: 'thresholds',
        type: 'json',
        charsMax: 10_000,
        doc: "Least score that counts, 0 to 1, by category; of the others the service's own judgement counts.",
      },
      maxChars(10_000),
      ...NETWORK,
    ],
  },
  {
    kind: 'llama_guard',
    doc: 'Asks Llama Guard 3 or 4, a model of this gateway, for hazards by its categories.',
    masks: false,
    asks: true,
    options: [
      { name: 'model', type: 'text', required: true, charsMax: 200, doc: MODEL_DOC },
      {
        name: 'template',
        type: 'choice',
        values: ['server', 'written'],
        default: 'server',
        doc: '`server`: the server that runs it puts the conversation into its template, as Ollama and vLLM do. `written`: the whole template is sent as one message.',
      },
      {
        name: 'categories',
        type: 'map',
        charsMax: 2_000,
        countMax: 100,
        doc: 'Hazards of your own in place of those it was trained on: names `S1`, `S2` and so on, each with its description. Needs `template: written`.',
      },
      {
        name: 'count',
        type: 'texts',
        charsMax: 10,
        countMax: 100,
        doc: 'Hazards that count, as `S1`; left out, all.',
      },
      maxChars(8_000),
    ],
  },
  {
    kind: 'shield_gemma',
    doc: 'Asks ShieldGemma, a model of this gateway, whether a policy is violated: one question for each policy.',
    masks: false,
    asks: true,
    options: [
      { name: 'model', type: 'text', required: true, charsMax: 200, doc: MODEL_DOC },
      {
        name: 'built_in',
        type: 'choices',
        values: ['dangerous_content', 'harassment', 'hate_speech', 'sexually_explicit'],
        doc: 'Policies it was trained on; left out, all of them where `policies` has none.',
      },
      {
        name: 'policies',
        type: 'map',
        charsMax: 4_000,
        countMax: 20,
        doc: 'Policies of your own: names and what shall not be, in whole sentences.',
      },
      {
        name: 'threshold',
        type: 'number',
        min: 0,
        max: 1,
        default: 0.5,
        doc: 'Least probability of a violation that counts.',
      },
      {
        name: 'logprobs',
        type: 'flag',
        default: true,
        doc: 'Asks for the probabilities of the first token. `false` for servers that refuse to tell them: then the word alone counts.',
      },
      maxChars(8_000),
    ],
  },
  {
    kind: 'webhook',
    doc: 'Posts the texts to an address of yours, which answers what to do.',
    masks: true,
    asks: true,
    options: [
      { name: 'url', type: 'text', required: true, charsMax: CHARS, doc: 'Where it is posted to.' },
      {
        name: 'secret',
        type: 'text',
        secret: true,
        charsMax: CHARS,
        doc: 'Signs what is posted: `x-weir-signature` is `v1=` and the HMAC-SHA256 of `x-weir-timestamp`, a dot and the body.',
      },
      {
        name: 'headers',
        type: 'map',
        secret: true,
        charsMax: CHARS,
        countMax: 20,
        doc: 'Header fields that are sent along.',
      },
      {
        name: 'context',
        type: 'flag',
        default: false,
        doc: 'Also sends what was said before the texts in question.',
      },
      {
        name: 'offsets',
        type: 'choice',
        values: ['utf16', 'code_points'],
        default: 'utf16',
        doc: 'What places in its answers count: UTF-16 units (JavaScript, Java, C#) or code points (Python, Go runes).',
      },
      {
        name: 'sees',
        type: 'choice',
        values: ['piece', 'whole'],
        default: 'piece',
        doc: '`whole`: of an answer that streams it is asked once, with all of it held back.',
      },
      maskOption('placeholder'),
      ...NETWORK,
    ],
  },
]
