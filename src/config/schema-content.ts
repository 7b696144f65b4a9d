// The part of the schema table that describes what is kept of requests' content and where it lies, and its settings in the words of the
// program. It opens nothing: credentials that are not in the file are looked for where they are used.

import {
  AUDIT_CONTENTS,
  CONTENT_KEEPS,
  CONTENT_SUBJECTS,
  REDACTIONS,
  type ContentRule,
} from '../core/content.ts'
import { LIMITS } from '../core/limits.ts'
import type { SectionNode, ValueOf } from './node.ts'
import type { Config } from './config.ts'
import { placeAmong } from './team.ts'

const KEEP_DOC =
  '`none` keeps no row at all, `metadata` a row, `content` bodies as well, `content-on-error` bodies of requests that fail.'

/** What is taken out of everything that is kept. */
export const REDACT = {
  kind: 'list',
  doc: 'What is taken out of bodies and texts of errors before they are kept or sent to traces and exports.',
  item: { kind: 'choice', doc: 'A kind of detector.', values: REDACTIONS },
} as const

export const LOG_REQUESTS = {
  kind: 'choice',
  doc: `What the request log keeps, where no rule of \`content\` says otherwise. ${KEEP_DOC}`,
  values: CONTENT_KEEPS,
  default: 'metadata',
} as const

export const AUDIT = {
  kind: 'section',
  doc: 'What the audit records beside what it always does.',
  keys: {
    content: {
      kind: 'choice',
      doc: 'What entries about guardrails quote of the texts that the rule was asked about: nothing, or an excerpt without what redaction takes out, sealed and beside the chain. Never of requests whose content policy is `none`.',
      values: AUDIT_CONTENTS,
      default: 'none',
    },
  },
} as const satisfies SectionNode

export const CONTENT_RULE = {
  kind: 'section',
  doc: 'What is kept of requests of some tenants, models or keys. A rule of a key goes before one of a model, and that before one of a tenant; but what is `none` for a tenant stays so.',
  keys: {
    per: {
      kind: 'choice',
      doc: 'Whose requests; of a model those that ask for it by this name.',
      values: CONTENT_SUBJECTS,
      required: true,
    },
    only: {
      kind: 'text',
      format: 'model-id',
      doc: 'Only the one of this id or name; `*` stands for any text.',
      absent: 'each of them',
      maxChars: 300,
    },
    keep: { kind: 'choice', doc: KEEP_DOC, values: CONTENT_KEEPS, required: true },
    redact: {
      kind: 'list',
      doc: 'Taken out beside what `log.redact` names; of several rules that fit all of them together.',
      optional: true,
      absent: 'nothing more',
      item: { kind: 'choice', doc: 'A kind of detector.', values: REDACTIONS },
    },
  },
} as const satisfies SectionNode

const S3 = {
  kind: 'section',
  doc: 'A bucket of S3, or of a server that speaks its protocol.',
  optional: true,
  keys: {
    endpoint: {
      kind: 'text',
      format: 'public-url',
      doc: 'Address of the server, without the bucket.',
      absent: "AWS's own of the region",
    },
    region: {
      kind: 'text',
      format: 'header-value',
      doc: 'Region that requests are signed for, such as eu-central-1.',
      required: true,
      maxChars: 64,
    },
    bucket: {
      kind: 'text',
      format: 'header-value',
      doc: 'Name of the bucket.',
      required: true,
      maxChars: 63,
    },
    prefix: {
      kind: 'text',
      format: 'header-value',
      doc: 'In front of every name of an object; of this installation alone.',
      default: 'weir/',
      maxChars: 200,
    },
    path_style: {
      kind: 'boolean',
      doc: 'The bucket stands in the path and not in the name of the host, as most servers but AWS want it.',
      absent: 'true where `endpoint` is given',
    },
    sse: {
      kind: 'choice',
      doc: 'Encryption that is asked for; `none` leaves it to the bucket.',
      values: ['none', 'AES256', 'aws:kms'],
      default: 'none',
    },
    kms_key_id: {
      kind: 'text',
      format: 'header-value',
      doc: 'Key of `aws:kms`.',
      absent: "the bucket's own",
      maxChars: 2_048,
    },
    access_key: {
      kind: 'text',
      format: 'header-value',
      doc: 'Id of the access key; with `secret_key`.',
      absent: 'AWS_ACCESS_KEY_ID, else the profile of AWS_PROFILE in the shared credentials file',
      maxChars: 128,
    },
    secret_key: {
      kind: 'text',
      format: 'header-value',
      doc: 'Secret of the access key.',
      absent: 'as for `access_key`',
      secret: true,
      maxChars: 4_096,
    },
    session_token: {
      kind: 'text',
      format: 'header-value',
      doc: 'Of temporary credentials.',
      absent: 'none',
      secret: true,
      maxChars: 16_384,
    },
  },
} as const satisfies SectionNode

export const CONTENT_STORE = {
  kind: 'section',
  doc: 'Where kept bodies lie.',
  keys: {
    threshold: {
      kind: 'size',
      doc: 'Packed bodies of a request from this size on lie in the bucket, where there is one; smaller ones in the store.',
      default: LIMITS.contentObjectBytes,
      min: 0,
      max: 1_073_741_824,
    },
    s3: S3,
  },
} as const satisfies SectionNode

type RuleValues = ValueOf<typeof CONTENT_RULE>

export function toContentRule(
  values: RuleValues,
  index: number,
  all: readonly RuleValues[],
): ContentRule {
  const { keep, only, per, redact } = values
  return {
    id: `file:${placeAmong(all, index)}:${per}${only === undefined ? '' : `:${only}`}`,
    origin: 'file',
    per,
    keep,
    ...(only === undefined ? {} : { only }),
    ...(redact === undefined ? {} : { redact }),
  }
}

export function toContentStore({
  s3,
  threshold,
}: ValueOf<typeof CONTENT_STORE>): Config['contentStore'] {
  if (s3 === undefined) return undefined
  const { access_key: id, endpoint, kms_key_id: kmsKeyId, prefix, region, secret_key: secret } = s3
  return {
    thresholdBytes: threshold,
    s3: {
      endpoint: endpoint ?? `https://s3.${region}.amazonaws.com`,
      region,
      bucket: s3.bucket,
      prefix: prefix === '' || prefix.endsWith('/') ? prefix : `${prefix}/`,
      pathStyle: s3.path_style ?? endpoint !== undefined,
      encryption: s3.sse,
      ...(kmsKeyId === undefined ? {} : { kmsKeyId }),
    },
    ...(id === undefined || secret === undefined
      ? {}
      : {
          credentials: {
            accessKeyId: id,
            secretAccessKey: secret,
            ...(s3.session_token === undefined ? {} : { sessionToken: s3.session_token }),
          },
        }),
  }
}
