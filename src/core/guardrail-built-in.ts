// The checks that are judged in this program, and what an operator may say of each: the source of configuration, management API, documents
// and the page's form. Data alone; the checks themselves are in `guardrails/`.

import {
  MASK_STYLES,
  PII_DETECTORS,
  type CheckDescription,
  type CheckOption,
  type MaskStyle,
} from './guardrail-option.ts'

/** How what a check finds is replaced. @param style where nothing is said */
export function maskOption(style: MaskStyle): CheckOption {
  return {
    name: 'mask',
    type: 'choice',
    values: MASK_STYLES,
    default: style,
    doc: 'How the mode `mask` replaces what was found: `placeholder` (`[EMAIL_1]`, put back in the answer), `label` (`[EMAIL]`), `stars` (`***`) or `last4` (`***` and the last four characters). In answers a placeholder is a label.',
  }
}

const PATTERN_MEMBERS: readonly CheckOption[] = [
  {
    name: 'name',
    type: 'text',
    required: true,
    charsMax: 40,
    doc: 'What it finds: letters, digits and `_`; becomes the category and the placeholder.',
  },
  {
    name: 'pattern',
    type: 'text',
    required: true,
    charsMax: 1000,
    doc: 'In the syntax of RE2, which knows no back references and no look-around. `(?i)` at its start ignores case.',
  },
  {
    name: 'checksum',
    type: 'choice',
    values: ['luhn', 'mod97'],
    doc: 'Only matches whose digits (`luhn`) or letters and digits (`mod97`, as of an IBAN) have a valid checksum count.',
  },
]

const PATTERNS_MAX = 50

/** Each kind that is judged in this program. */
export const BUILT_IN_CHECKS: readonly CheckDescription[] = [
  {
    kind: 'pii',
    doc: 'Finds personal data and credentials by their form and checksums.',
    masks: true,
    asks: false,
    options: [
      {
        name: 'detect',
        type: 'choices',
        values: PII_DETECTORS,
        default: PII_DETECTORS,
        doc: 'What is looked for. `national_id` covers the numbers of all countries known, `ip` both versions, `secret` keys, tokens and passwords.',
      },
      {
        name: 'bare_numbers',
        type: 'flag',
        default: false,
        doc: 'National ids that are written as mere digits count without a word beside them that names them. One in ten numbers of their length has a valid checksum.',
      },
      {
        name: 'patterns',
        type: 'list',
        of: PATTERN_MEMBERS,
        countMax: PATTERNS_MAX,
        doc: 'More to look for, such as customer numbers.',
      },
      maskOption('placeholder'),
    ],
  },
  {
    kind: 'secrets',
    doc: 'Finds keys, tokens, private keys and passwords: by the forms that known issuers give them, in addresses and connection strings, and by their randomness beside words like `token`.',
    masks: true,
    asks: false,
    options: [
      {
        name: 'entropy',
        type: 'flag',
        default: true,
        doc: 'Random-looking values that are assigned to something called key, token, secret or password count too.',
      },
      {
        name: 'patterns',
        type: 'list',
        of: PATTERN_MEMBERS,
        countMax: PATTERNS_MAX,
        doc: 'Forms of your own keys.',
      },
      maskOption('placeholder'),
    ],
  },
  {
    kind: 'words',
    doc: 'Finds words and phrases of a list, whatever their case, accents, look-alike letters or invisible characters between them.',
    masks: true,
    asks: false,
    options: [
      {
        name: 'words',
        type: 'texts',
        required: true,
        charsMax: 200,
        countMax: 20_000,
        doc: 'Words and phrases; any white space between the words of a phrase counts as one blank.',
      },
      {
        name: 'whole_words',
        type: 'flag',
        default: true,
        doc: 'Only where no letter or digit stands before or behind. Scripts without blanks between words are always searched within.',
      },
      {
        name: 'spaced',
        type: 'flag',
        default: true,
        doc: 'Also finds words whose letters are set apart, as in `w o r d` or `w.o.r.d`.',
      },
      maskOption('stars'),
    ],
  },
  {
    kind: 'regex',
    doc: 'Finds patterns, on an engine whose time grows with the text and never explodes.',
    masks: true,
    asks: false,
    options: [
      {
        name: 'patterns',
        type: 'list',
        required: true,
        of: PATTERN_MEMBERS,
        countMax: PATTERNS_MAX,
        doc: 'Each is looked for in the text as it is and in its normal form (look-alike letters and invisible characters undone).',
      },
      maskOption('label'),
    ],
  },
  {
    kind: 'topic',
    doc: 'Compares what is said with examples of topics, by embeddings of a model of this gateway.',
    masks: false,
    asks: true,
    options: [
      {
        name: 'model',
        type: 'text',
        required: true,
        charsMax: 200,
        doc: 'The embedding model, as clients of this gateway name it.',
      },
      {
        name: 'topics',
        type: 'list',
        required: true,
        countMax: 50,
        of: [
          {
            name: 'name',
            type: 'text',
            required: true,
            charsMax: 40,
            doc: 'Letters, digits and `_`; becomes the category.',
          },
          {
            name: 'examples',
            type: 'texts',
            required: true,
            charsMax: 1000,
            countMax: 50,
            doc: 'Sentences of that topic; five to ten say enough.',
          },
        ],
        doc: 'Topics with example sentences.',
      },
      {
        name: 'list',
        type: 'choice',
        values: ['deny', 'allow'],
        default: 'deny',
        doc: '`deny`: what is near to one of the topics is found. `allow`: what is near to none of them is.',
      },
      {
        name: 'threshold',
        type: 'number',
        min: 0,
        max: 1,
        default: 0.6,
        doc: 'Least cosine similarity with an example that counts as near. It depends on the model: try it.',
      },
    ],
  },
  {
    kind: 'injection',
    doc: 'Weighs signs of prompt injection and jailbreaks: known phrases in several languages, role overrides, forged delimiters, hidden and encoded text, orders in tool results.',
    masks: false,
    asks: false,
    options: [
      {
        name: 'threshold',
        type: 'number',
        min: 0.1,
        max: 1,
        default: 0.5,
        doc: 'Least score that counts; lower finds more and errs more.',
      },
      {
        name: 'decode',
        type: 'flag',
        default: true,
        doc: 'Also looks at what base64, hexadecimal, rot13 and reversed text says.',
      },
    ],
  },
  {
    kind: 'json_schema',
    doc: 'Answers, or the arguments of tool calls, must be JSON of a schema.',
    masks: false,
    asks: false,
    options: [
      {
        name: 'schema',
        type: 'json',
        required: true,
        charsMax: 100_000,
        doc: 'JSON Schema (2020-12, and what draft 7 says alike) without remote references. Patterns are in the syntax of RE2.',
      },
      {
        name: 'applies_to',
        type: 'choice',
        values: ['answer', 'tool_input'],
        default: 'answer',
        doc: 'What has to match.',
      },
      {
        name: 'fenced',
        type: 'flag',
        default: false,
        doc: 'JSON within one Markdown code fence is read too.',
      },
    ],
  },
  {
    kind: 'length',
    doc: 'Bounds how much is said.',
    masks: false,
    asks: false,
    options: [
      {
        name: 'unit',
        type: 'choice',
        values: ['chars', 'words', 'tokens'],
        default: 'chars',
        doc: 'What is counted. Tokens are estimated: four characters each, one of scripts without an alphabet.',
      },
      { name: 'min', type: 'number', whole: true, min: 0, max: 100_000_000, doc: 'At least.' },
      { name: 'max', type: 'number', whole: true, min: 0, max: 100_000_000, doc: 'At most.' },
      {
        name: 'of',
        type: 'choice',
        values: ['all', 'each'],
        default: 'all',
        doc: 'Whether all texts of a stage count together, or each for itself.',
      },
    ],
  },
]
