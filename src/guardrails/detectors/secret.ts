// Finds credentials: keys and tokens of the forms that known issuers give them, private keys, passwords in addresses and connection strings,
// and random-looking values that are assigned to something called a secret. Pure.

import { looksLikeWeirKey } from '../../core/api-key.ts'
import type { Detector } from './detector.ts'

/** A long word in which a key may stand. Prose and code have few of them, and only these are looked at closely. */
const LONG_WORD = /[A-Za-z0-9_+~.:-]{16,}/g

/**
 * Forms that issuers publish, each from its first sign to its last. Lengths are bounded; none repeats within a repetition.
 * The one with the name stands for the label.
 */
const FORMS: readonly (readonly [label: string, form: string])[] = [
  ['aws_key', '(?:AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16}'],
  ['google_key', 'AIza[\\w-]{35}|ya29\\.[\\w-]{20,400}|GOCSPX-[\\w-]{28}'],
  ['github_token', 'gh[pousr]_[A-Za-z0-9]{36,255}|github_pat_[A-Za-z0-9_]{60,255}'],
  ['gitlab_token', 'gl(?:pat|dt|rt|cbt|ptt|ft|soat|agent|imt)-[\\w.-]{20,120}|GR1348941[\\w-]{20}'],
  ['slack_token', 'xox[abeoprs]-[A-Za-z0-9-]{10,250}|xapp-\\d-[A-Za-z0-9-]{20,250}'],
  ['stripe_key', '(?:sk|rk|pk)_(?:live|test)_[A-Za-z0-9]{16,247}|whsec_[A-Za-z0-9+]{24,64}'],
  ['anthropic_key', 'sk-ant-[a-z0-9]{2,10}-[\\w-]{20,200}'],
  ['openrouter_key', 'sk-or-v1-[a-f0-9]{64}'],
  [
    'openai_key',
    'sk-(?:proj|svcacct|admin|None)-[\\w-]{20,200}|sk-[A-Za-z0-9]{20}T3BlbkFJ[A-Za-z0-9]{20}|sk-[A-Za-z0-9]{48}|sess-[A-Za-z0-9]{40}',
  ],
  ['groq_key', 'gsk_[A-Za-z0-9]{40,80}'],
  ['xai_key', 'xai-[A-Za-z0-9]{60,100}'],
  ['perplexity_key', 'pplx-[A-Za-z0-9]{40,64}'],
  ['replicate_key', 'r8_[A-Za-z0-9]{37,40}'],
  ['huggingface_token', 'hf_[A-Za-z0-9]{30,60}|api_org_[A-Za-z0-9]{34}'],
  ['npm_token', 'npm_[A-Za-z0-9]{36}'],
  ['pypi_token', 'pypi-AgE[\\w-]{50,255}'],
  ['sendgrid_key', 'SG\\.[\\w-]{16,32}\\.[\\w-]{16,64}'],
  ['twilio_key', '(?:SK|AC)[0-9a-f]{32}'],
  ['telegram_token', '\\d{8,10}:AA[\\w-]{33}'],
  ['discord_token', '[MNO][A-Za-z0-9_-]{23,27}\\.[\\w-]{6}\\.[\\w-]{27,40}'],
  ['digitalocean_token', 'do[opr]_v1_[a-f0-9]{64}'],
  ['shopify_token', 'shp(?:at|ca|pa|ss)_[a-fA-F0-9]{32}'],
  ['vault_token', 'hv[sbr]\\.[\\w-]{24,250}'],
  ['databricks_token', 'dapi[a-f0-9]{32}(?:-\\d)?'],
  ['linear_key', 'lin_(?:api|oauth)_[A-Za-z0-9]{32,64}'],
  ['notion_token', 'secret_[A-Za-z0-9]{43}|ntn_[A-Za-z0-9]{40,60}'],
  ['azure_key', '[A-Za-z0-9]{52}JQQJ99[A-Z0-9]{2}AC[A-Za-z0-9]{20,30}'],
  ['age_key', 'AGE-SECRET-KEY-1[0-9A-Z]{58}'],
]

const LABELS: readonly string[] = FORMS.map(([label]) => label)

const ISSUED = new RegExp(
  `(?<![A-Za-z0-9])(?:${FORMS.map(([, form]) => `(${form})`).join('|')})(?![A-Za-z0-9])`,
  'g',
)

/** Known forms, private keys, passwords in addresses. */
export const detectIssued: Detector = (text, found) => {
  for (const word of text.matchAll(LONG_WORD)) {
    for (const match of word[0].matchAll(ISSUED)) {
      const start = word.index + match.index
      const label = LABELS[match.slice(1).findIndex((group) => group !== undefined)] ?? 'secret'
      found(start, start + match[0].length, label)
    }
    if (word[0].includes('.ey')) detectJwt(word[0], word.index, found)
  }
  detectWeirKeys(text, found)
  detectPrivateKeys(text, found)
  detectAddressPasswords(text, found)
  detectConnectionStrings(text, found)
}

const SEGMENT = /[A-Za-z0-9_-]+/g
const JWT_SEGMENT_CHARS_MIN = 10

/** RFC 7515 §7.1: three segments with dots between, the first two being JSON objects. */
function detectJwt(word: string, offset: number, found: Parameters<Detector>[1]): void {
  const segments = [...word.matchAll(SEGMENT)]
  for (let at = 0; at + 2 < segments.length; at++) {
    const three = segments.slice(at, at + 3)
    const [header, payload, signature] = three as [
      RegExpExecArray,
      RegExpExecArray,
      RegExpExecArray,
    ]
    const joined =
      word[payload.index - 1] === '.' &&
      word[signature.index - 1] === '.' &&
      signature.index === payload.index + payload[0].length + 1 &&
      payload.index === header.index + header[0].length + 1
    const isLong = three.every(([segment]) => segment.length >= JWT_SEGMENT_CHARS_MIN)
    if (!joined || !isLong || !header[0].startsWith('ey') || !payload[0].startsWith('ey')) continue
    found(offset + header.index, offset + signature.index + signature[0].length, 'jwt')
    at += 2
  }
}

const WEIR_CHARS = 51

function detectWeirKeys(text: string, found: Parameters<Detector>[1]): void {
  for (let at = text.indexOf('weir_'); at !== -1; at = text.indexOf('weir_', at + 5)) {
    if (looksLikeWeirKey(text.slice(at, at + WEIR_CHARS))) found(at, at + WEIR_CHARS, 'weir_key')
  }
}

const PEM_BEGIN = /-----BEGIN (?:[A-Z0-9]{1,20} ){0,4}PRIVATE KEY(?: BLOCK)?-----/g
/** A key of 16,384 bits has some 12,500 characters; one that is cut off counts as far as it goes. */
const PEM_CHARS_MAX = 16_384

function detectPrivateKeys(text: string, found: Parameters<Detector>[1]): void {
  let until = 0
  for (const match of text.matchAll(PEM_BEGIN)) {
    if (match.index < until) continue
    const rest = text.slice(match.index, match.index + PEM_CHARS_MAX)
    const end = /-----END [A-Z0-9 ]{1,80}-----/.exec(rest)
    const body = /^[\sA-Za-z0-9+/=\\:,.-]*/.exec(rest.slice(match[0].length))?.[0].length ?? 0
    until = match.index + (end === null ? match[0].length + body : end.index + end[0].length)
    found(match.index, until, 'private_key')
  }
}

const AUTHORITY_CHARS_MAX = 512

/** `scheme://user:password@host`: the password alone is marked, so that what is masked still says where it led. */
function detectAddressPasswords(text: string, found: Parameters<Detector>[1]): void {
  for (let at = text.indexOf('://'); at !== -1; at = text.indexOf('://', at + 3)) {
    const start = at + 3
    const rest = text.slice(start, start + AUTHORITY_CHARS_MAX)
    const end = rest.search(/[\s/?#"'<>`\\]/)
    const authority = end === -1 ? rest : rest.slice(0, end)
    const sign = authority.lastIndexOf('@')
    const colon = authority.indexOf(':')
    if (colon === -1 || sign <= colon + 1 || !/[a-z0-9+.-]/i.test(text[at - 1] ?? '')) continue
    const password = authority.slice(colon + 1, sign)
    if (!isExample(password)) found(start + colon + 1, start + sign, 'url_password')
  }
}

const CONNECTION =
  /(?<![A-Za-z0-9])(?:password|passwd|pwd|accountkey|sharedaccesskey|sharedsecret|account_key|client_?secret)\s{0,2}=\s{0,2}("[^"\r\n]{1,200}"|'[^'\r\n]{1,200}'|[^\s;,"'&<>]{1,200})/gi
/** What makes a line of assignments a connection string: other members of one, within reach. */
const CONNECTION_PARTS =
  /(?:server|host|hostname|data source|initial catalog|database|dbname|user(?: ?id)?|uid|accountname|endpoint|defaultendpointsprotocol|sslmode|port)\s{0,2}=/i
const CONNECTION_REACH = 200

/** An expression of code. */
const CALL = /^[A-Za-z_$][\w$.]*[([`]/

/** `Server=…;Password=…;` and `AccountKey=…`, and `host=… password=…` of PostgreSQL. */
function detectConnectionStrings(text: string, found: Parameters<Detector>[1]): void {
  for (const match of text.matchAll(CONNECTION)) {
    const value = match[1]!
    const start = match.index + match[0].length - value.length
    const end = match.index + match[0].length
    const around =
      text.slice(Math.max(0, match.index - CONNECTION_REACH), match.index) +
      text.slice(end, end + CONNECTION_REACH)
    const plain = value.replace(/^["']|["']$/g, '')
    if (plain.length < 3 || isExample(plain) || CALL.test(plain)) continue
    if (!CONNECTION_PARTS.test(around)) continue
    found(start, end, 'connection_password')
  }
}

/** Placeholders of documents and templates are no secrets. */
function isExample(value: string): boolean {
  return /^[<[{($%*]|^(?:x{3,}|\.{3,}|password|passwd|pass|pwd|secret|changeme|example|your[-_ ].*|user|none|null|undefined)$/i.test(
    value,
  )
}
